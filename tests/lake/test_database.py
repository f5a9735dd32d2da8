import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from harvester.errors import LakeError
from harvester.lake.database import Database, to_json
from harvester.lake.soundness import APPLICATION_ID, FORMAT


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a ledger is to lie."""
    return tmp_path / "ledger.sqlite"


def remember(database: Database, *accounts: int) -> None:
    """Write something down."""
    for account in accounts:
        database.insert("lake", account, 0.0)


def remembered(database: Database) -> list[int]:
    """What was written down."""
    return [account for (account,) in database.all("SELECT account_id FROM lake ORDER BY account_id")]


def foreign(statements: str) -> Callable[[Path], None]:
    """Makes a SQLite file of another program."""

    def make(path: Path) -> None:
        connection = sqlite3.connect(path, isolation_level=None)
        connection.executescript(statements)
        connection.close()

    return make


def damaged(path: Path) -> None:
    """A ledger with a page overwritten in the middle."""
    with Database.open(path) as database, database.transaction():
        remember(database, *range(5_000))
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 4_096] = bytes(range(256)) * 16
    path.write_bytes(content)


@pytest.mark.parametrize("start", [lambda _: None, Path.touch], ids=["nothing", "empty file"])
def test_a_ledger_is_made_where_there_is_none(path: Path, start: Callable[[Path], None]) -> None:
    """Also over the empty file of a crash in the first instant; what is written stays."""
    start(path)
    with Database.open(path) as database:
        remember(database, 1)
        assert database.one("PRAGMA journal_mode") == ("wal",)
        assert database.one("PRAGMA synchronous") == (2,)  # FULL: a commit survives a power cut
    with Database.open(path) as database:
        assert remembered(database) == [1]
        assert database.one("SELECT name FROM dataset") is None


@pytest.mark.parametrize("read_only", [False, True])
@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (
            foreign("CREATE TABLE songs (title TEXT)"),
            r"is not a ledger of this program \(give another --lake",
        ),
        (foreign("PRAGMA application_id = 7; PRAGMA user_version = 1"), "is not a ledger of this program"),
        (
            foreign(f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {FORMAT + 1}"),
            r"has format 6, this program reads 5; use the version that wrote it",
        ),
        (damaged, "damaged|malformed"),
        (lambda path: path.write_bytes(b"no database at all, and long enough" * 50), "not a database"),
    ],
    ids=["other program", "other stamp", "newer format", "damaged", "no database"],
)
def test_a_file_that_is_no_ledger_is_refused(
    path: Path, make: Callable[[Path], None], complaint: str, *, read_only: bool
) -> None:
    """By name, and without changing a byte of it."""
    make(path)
    content = path.read_bytes()
    with pytest.raises(LakeError, match=complaint) as refusal, Database.open(path, read_only=read_only):
        pytest.fail("it was opened")
    assert str(path) in str(refusal.value)
    assert path.read_bytes() == content


def test_a_reader_looks_beside_the_writer(path: Path) -> None:
    """It sees what is committed, and can change nothing."""
    with Database.open(path) as writer, Database.open(path, read_only=True) as reader:
        remember(writer, 1)
        with writer.transaction():
            remember(writer, 2)
            assert remembered(reader) == [1]
        assert remembered(reader) == [1, 2]
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            remember(reader, 3)


@pytest.mark.parametrize("folder", [".", "missing"])
def test_reading_makes_nothing(path: Path, folder: str) -> None:
    """A ledger that is not there cannot be looked at, and does not appear by looking."""
    with (
        pytest.raises(LakeError, match="cannot be used: unable to open"),
        Database.open(path.parent / folder / path.name, read_only=True),
    ):
        pytest.fail("it was opened")
    assert list(path.parent.iterdir()) == []


@pytest.mark.parametrize("failure", [ValueError, KeyboardInterrupt])
def test_a_transaction_is_all_or_nothing(path: Path, failure: type[BaseException]) -> None:
    """What fails inside takes everything back, comes out as it is, and the next one works."""

    def fail(database: Database) -> None:
        with database.transaction():
            remember(database, 1)
            raise failure

    with Database.open(path) as database:
        with pytest.raises(failure):
            fail(database)
        with database.transaction():
            remember(database, 2)
        assert remembered(database) == [2]


def test_a_ledger_that_fails_in_use_is_a_lake_error(path: Path) -> None:
    """sqlite3's errors leave by this door as a sentence with the file's name."""
    complaint = r"ledger\.sqlite cannot be used: no such table: songs"
    with pytest.raises(LakeError, match=complaint), Database.open(path) as database:
        database.all("SELECT * FROM songs")


def test_writing_gives_the_number_of_the_row(path: Path) -> None:
    """Runs are numbered by it; a row of the same key is replaced."""
    query = "INSERT INTO run (name, start, stop, started) VALUES ('calls', 0, 1, 0.0)"
    with Database.open(path) as database:
        assert [database.write(query) for _ in range(2)] == [1, 2]
        for facts in ("{}", '{"a": 1}'):
            database.insert("dataset", "calls", "{}", facts)
        assert database.all("SELECT facts FROM dataset") == [('{"a": 1}',)]


def test_equal_structures_give_equal_text() -> None:
    """Whatever the order of their keys."""
    assert to_json({"b": 1, "a": (1, 2)}) == to_json({"a": [1, 2], "b": 1})


SAMPLES = Path(__file__).parent.parent / "samples"


def rows_of(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """Every table with its rows, by a connection of our own."""
    connection = sqlite3.connect(path)
    names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    rows = {name: connection.execute(f"SELECT * FROM {name}").fetchall() for name in names}
    connection.close()
    return rows


@pytest.mark.parametrize(
    ("version", "more"),
    [(1, "INSERT INTO lake VALUES (7, 0.0);"), (2, ""), (3, ""), (4, "")],
)
def test_a_ledger_of_an_earlier_format_is_brought_up_to_date(path: Path, version: int, more: str) -> None:
    """Opened for writing it keeps what it holds and gains what is new; else it says what to do."""
    sample = (SAMPLES / f"ledger-{version}.sql").read_text(encoding="utf-8")
    foreign(f"{sample} PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {version}; {more}")(
        path
    )
    before = rows_of(path)
    assert any(before.values())
    with pytest.raises(LakeError, match="harvester verify"), Database.open(path, read_only=True):
        pass
    for _ in range(2):
        with Database.open(path) as database:
            assert database.one("PRAGMA user_version") == (FORMAT,)
    after = rows_of(path)
    # What is new in a row stands at its end.
    kept = {
        name: [new[: len(old)] for old, new in zip(before[name], after[name], strict=True)] for name in before
    }
    assert {**kept, "owner": []} == {**before, "owner": []}
    assert after["owner"] != before.get("owner")
    with Database.open(path.with_name("fresh.sqlite")):
        assert sorted(after) == sorted(rows_of(path.with_name("fresh.sqlite")))


def test_every_earlier_format_has_its_sample() -> None:
    """A release that changes the ledger leaves a dump of the one before."""
    assert sorted(path.name for path in SAMPLES.glob("ledger-*.sql")) == [
        f"ledger-{version}.sql" for version in range(1, FORMAT)
    ]


def test_each_value_of_the_ledger_stands_in_it_twice(path: Path) -> None:
    """In its table and in an index: SQLite has no checksums, and sees a flipped bit by comparing the two."""
    with Database.open(path) as database:
        tables = [name for (name,) in database.all("SELECT name FROM sqlite_master WHERE type = 'table'")]
        assert len(tables) > 9
        for table in tables:
            columns = database.all("SELECT name FROM pragma_table_info(?)", table)
            assert database.all("SELECT name FROM pragma_index_info(?)", f"{table}_twice") == columns, table
