"""Several files that are one publication: shown together, whatever happens between their renames."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from harvester.errors import FileDamagedError
from harvester.lake import flat, publish, sink
from harvester.lake.catalog import Catalog
from harvester.lake.entries import Intent, Part, Publication
from harvester.lake.flat import FlatWriter
from harvester.lake.publish import recover
from harvester.lake.verify import Expected
from harvester.lake.writer import DraftWriter
from harvester.records.flat import Flat, ListTable
from harvester.window import Window, shares, subtract
from tests.lake.history import SCHEMA, TABLE, Lake, Row, batches, hours, opened, rows_of
from tests.lake.test_publish import killed_at

_ELEMENT = pa.struct([("name", pa.string())])
_HEADS = [SCHEMA.field("key"), SCHEMA.field("start_date"), pa.field("position", pa.int64(), nullable=False)]
_LIST = pa.schema([*_HEADS, *_ELEMENT])
NESTED = pa.schema([*SCHEMA, pa.field("calls", pa.list_(_ELEMENT)), pa.field("records", pa.list_(_ELEMENT))])
FLAT = Flat(
    NESTED,
    "key",
    "start_date",
    "sessions",
    {
        "calls": ListTable("calls", "calls_count", _LIST),
        "records": ListTable("records", "records_count", _LIST),
    },
)
TABLES = ("sessions", "calls", "records")


def lists_of(key: int) -> tuple[list[str] | None, list[str] | None]:
    """The calls of a record, and its recordings."""
    calls = None if key % 5 == 0 else [f"call {key}.{number}" for number in range(key % 4)]
    return calls, [f"record {key}"] if key % 3 else []


class FlatLake(Lake):
    """A lake whose records have lists, and become flat tables."""

    table = replace(TABLE, schema=NESTED, flat=FLAT)

    def answer(self, window: Window) -> list[pa.RecordBatch]:
        """The records of a window, each with its lists."""
        return [listed(batch) for batch in batches([row for row in self.history if row[1] in window])]


def listed(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Records with their lists."""
    columns = zip(*(lists_of(key) for key in batch["key"].to_pylist()), strict=True)
    elements = [
        [None if names is None else [{"name": name} for name in names] for names in c] for c in columns
    ]
    arrays = [pa.array(column, pa.list_(_ELEMENT)) for column in elements]
    return pa.RecordBatch.from_arrays([*batch.columns, *arrays], schema=NESTED)


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    """A new lake of flat tables, its ledger open."""
    with opened(tmp_path / "lake", FlatLake) as lake:
        yield lake


def tables_of(lake: Lake) -> dict[str, list[tuple[object, ...]]]:
    """What an independent reader finds in each table, file by file, as stored."""
    found: dict[str, list[tuple[object, ...]]] = {}
    for table in TABLES:
        folder = lake.layout.folder(table)
        found[table] = []
        if list(folder.rglob("*.parquet")):
            query = f"""SELECT * REPLACE (epoch(start_date)::BIGINT AS start_date)
                        FROM read_parquet('{folder}/**/*.parquet', hive_partitioning = false)
                        ORDER BY filename, file_row_number"""
            with duckdb.connect() as connection:
                found[table] = connection.execute(query).fetchall()
    return found


def wanted(rows: list[Row]) -> dict[str, list[tuple[object, ...]]]:
    """The tables that records are to become."""
    sessions: list[tuple[object, ...]] = []
    calls: list[tuple[object, ...]] = []
    records: list[tuple[object, ...]] = []
    for key, second, text in rows:
        first, other = lists_of(key)
        sessions.append((key, second, text, None if first is None else len(first), len(other or ())))
        calls += [(key, second, place, name) for place, name in enumerate(first or ())]
        records += [(key, second, place, name) for place, name in enumerate(other or ())]
    return {"sessions": sessions, "calls": calls, "records": records}


def assert_whole(lake: Lake, *windows: Window) -> None:
    """Readers see the history of ``windows``, the ledger says so, and nothing is left over."""
    assert lake.catalog.coverage() == windows
    assert tables_of(lake) == wanted(rows_of(*windows))
    assert (lake.drafts(), lake.catalog.intents()) == ([], [])
    expected = Expected(lake.layout.root, "start_date", "key", {"harvester.dataset": "calls"}, FLAT)
    for file in lake.catalog.published():
        assert expected.examine(replace(file, covers=tuple(shares(windows, file.span)))) is None
        assert len(file.parts) == 2


OLD, REST = hours(0, 12), hours(12, 72)  # Monday's rest, Tuesday, and a Wednesday without records


async def test_every_row_is_in_its_table(lake: Lake) -> None:
    """Also when a file is rewritten around what it holds, and read anew in its middle."""
    await lake.harvest(OLD)
    assert_whole(lake, OLD)
    await lake.harvest(REST)
    assert_whole(lake, hours(0, 72))
    lake.history = [row for row in lake.history if row[1] not in hours(3, 5)]
    await lake.harvest(hours(2, 6), todo=[hours(2, 6)])
    rows = [row for row in lake.history if row[1] in hours(0, 72)]
    assert tables_of(lake) == wanted(rows)


async def test_a_partition_without_records_has_no_files(lake: Lake) -> None:
    """Unless readers see some; then all are empty."""
    await lake.harvest(hours(48, 72))
    assert tables_of(lake) == {"sessions": [], "calls": [], "records": []}
    assert (lake.catalog.published(), lake.drafts()) == ([], [])
    await lake.harvest(OLD)
    lake.history = []
    await lake.harvest(OLD, todo=[OLD])
    (file,) = lake.catalog.published()
    assert [part.rows for part in file.files] == [0, 0, 0]


@pytest.mark.large
@pytest.mark.parametrize("renamed", list(product([False, True], repeat=3)), ids=str)
@pytest.mark.parametrize("is_new", [False, True], ids=["over old files", "over none"])
async def test_any_renames_that_a_crash_leaves_are_finished(
    lake: Lake, renamed: tuple[bool, ...], *, is_new: bool
) -> None:
    """P4, P5: after a power cut any of them may have reached the disk; the next start does the rest."""
    if not is_new:
        await lake.harvest(OLD)
    with killed_at(sink, "show"):
        await lake.harvest(hours(0, 24) if is_new else hours(12, 24))
    ((intent, _),) = lake.catalog.intents()
    assert [file.path.parts[0] for _, file in intent.moves] == [
        "calls.records",
        "calls.calls",
        "calls.sessions",
    ]
    for (draft, file), is_renamed in zip(intent.moves, renamed, strict=True):
        if is_renamed:
            publish._rename(lake.layout.root / draft, lake.layout.root / file.path)
    recover(lake.layout, lake.catalog)
    assert_whole(lake, hours(0, 24))


@pytest.mark.large
@pytest.mark.parametrize("after", range(7))
async def test_a_kill_between_two_renames(tmp_path: Path, after: int) -> None:
    """P4: who reads from the sessions never misses what belongs to a new one, and the next start ends it."""
    with opened(tmp_path, FlatLake) as lake:
        await lake.harvest(OLD)
    end = killed_at(Path, "replace", after=after) if after < 6 else killed_at(publish, "_sync")
    with end, opened(tmp_path, FlatLake) as lake:
        await lake.harvest(REST)
    with opened(tmp_path, FlatLake) as lake:
        seen = tables_of(lake)
        keys = {row[0] for row in seen["sessions"]}
        for table in ("calls", "records"):
            there = {row[0] for row in seen[table]}
            assert there >= {row[0] for row in wanted(rows_of(hours(0, 72)))[table]} & keys
        with killed_at(Path, "replace", after=1) if after < 5 else killed_at(Catalog, "publish"):
            recover(lake.layout, lake.catalog)
        recover(lake.layout, lake.catalog)
        assert_whole(lake, hours(0, 48))


@pytest.mark.parametrize("given", ["", "/elsewhere/lake/", "lake/"], ids=["now", "absolute", "relative"])
async def test_a_lake_that_was_moved_between_two_renames(tmp_path: Path, given: str) -> None:
    """P5: the drafts are found where the lake is now; earlier versions wrote down how it was given then."""
    with killed_at(Path, "replace", after=2), opened(tmp_path / "lake", FlatLake) as lake:
        await lake.harvest(OLD)
    (tmp_path / "lake").rename(tmp_path / "moved")
    with opened(tmp_path / "moved", FlatLake) as lake:
        query = "UPDATE intent SET draft = ? || draft, drafts = replace(drafts, '_harvester', ?)"
        lake.database.write(query, given, f"{given}_harvester")
        recover(lake.layout, lake.catalog)
        assert_whole(lake, OLD)


def lost(path: Path) -> None:
    """Somebody removed it."""
    path.unlink()


def torn(path: Path) -> None:
    """Somebody wrote into it."""
    path.write_bytes(path.read_bytes()[:-1] + b"?")


@pytest.mark.parametrize("harm", [lost, torn])
@pytest.mark.parametrize("renames", range(3))
async def test_a_draft_that_was_harmed_shows_none_of_the_others(
    lake: Lake, harm: Callable[[Path], None], renames: int
) -> None:
    """Before a rename the decision is taken back; between two, the partition is read and replaced anew."""
    await lake.harvest(OLD)
    with killed_at(sink, "show"):
        await lake.harvest(hours(12, 24))
    ((intent, _),) = lake.catalog.intents()
    for draft, file in intent.moves[:renames]:
        publish._rename(lake.layout.root / draft, lake.layout.root / file.path)
    harm(lake.layout.root / intent.moves[2][0])
    for _ in range(2):
        recover(lake.layout, lake.catalog)
        assert (lake.drafts(), lake.catalog.intents()) == ([], [])
        assert lake.catalog.coverage() == (() if renames else (OLD,))
    assert len(lake.catalog.published()) == (not renames)
    for rest in subtract(hours(0, 24), lake.catalog.coverage()):
        await lake.harvest(rest)
    assert_whole(lake, hours(0, 24))


async def test_an_owner_that_wakes_between_two_renames_changes_nothing(tmp_path: Path) -> None:
    """P6: whoever followed it has taken the drafts; the first ends there."""
    rename, left = Path.replace, iter(range(2))

    def paused(draft: Path, target: Path) -> Path:
        if next(left, None) is None:
            with pytest.MonkeyPatch.context() as awake:
                awake.setattr(Path, "replace", rename)
                with opened(tmp_path, FlatLake) as follower:
                    recover(follower.layout, follower.catalog)
                    assert_whole(follower, hours(0, 24))
        return rename(draft, target)

    with opened(tmp_path, FlatLake) as lake, pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "replace", paused)
        with pytest.raises(FileNotFoundError):
            await lake.harvest(hours(0, 24))
    with opened(tmp_path, FlatLake) as lake:
        recover(lake.layout, lake.catalog)
        assert_whole(lake, hours(0, 24))


@pytest.mark.parametrize("table", TABLES)
async def test_files_that_do_not_belong_together_are_not_carried_over(lake: Lake, table: str) -> None:
    """P3: one of an earlier publication in the place of its successor is noticed, whichever it is."""
    await lake.harvest(hours(0, 2))
    (file,) = lake.catalog.published()
    path = next(lake.layout.root / part.path for part in file.files if f".{table}" in str(part.path))
    earlier = path.read_bytes()
    await lake.harvest(hours(2, 4))
    path.write_bytes(earlier)
    run = lake.sink(hours(4, 6))
    with pytest.raises(FileDamagedError, match="is damaged or gone"):
        await lake.give(run, hours(4, 6))
    run.abort()
    assert (lake.catalog.coverage(), lake.drafts()) == ((hours(0, 4),), [])


def test_the_names_of_drafts_are_durable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before they are decided on: a power cut between two renames must not take away the next draft."""
    synced: list[Path] = []
    monkeypatch.setattr(flat, "sync_folder", synced.append)
    drafts = FlatWriter([tmp_path / table for table in TABLES], FLAT).finish({})
    assert ([draft.path.name for draft in (drafts, *drafts.others)], synced) == (list(TABLES), [tmp_path])


@pytest.mark.parametrize("failing", range(3))
def test_drafts_that_cannot_all_be_begun_are_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    """What was begun is thrown away."""
    begin, left = DraftWriter.__init__, iter(range(failing))

    def full(self: DraftWriter, *arguments: object, **options: object) -> None:
        if next(left, None) is None:
            raise OSError("full")
        begin(self, *arguments, **options)  # type: ignore[arg-type]  # handed on as they came

    monkeypatch.setattr(DraftWriter, "__init__", full)
    with pytest.raises(OSError, match="full"):
        FlatWriter([tmp_path / table for table in TABLES], FLAT)
    assert list(tmp_path.iterdir()) == []


def _written(folder: Path, table: str, rows: pa.RecordBatch, metadata: dict[str, str]) -> Part:
    writer = DraftWriter(folder / table, FLAT.schemas[table], sorted_by=("start_date", "key"))
    writer.write(rows)
    draft = writer.finish(metadata | {"harvester.table": table})
    return Part(Path(table), draft.rows, draft.bytes, draft.sha256)


@pytest.mark.parametrize(
    ("table", "rows", "finding"),
    [
        ("sessions", [0, 1, 2, 3], None),
        ("calls", [0, 1, 2, 3], None),
        ("calls", [0, 1, 2], "the sessions count 6 calls, there are 3"),
        ("calls", [0, 1, 2, 3, 4, 4], "the calls do not belong to the sessions"),
        ("calls", [1, 0, 2, 3, 4, 5], "the calls do not belong to the sessions"),
        ("sessions", [0, 2, 1, 3], "the rows are not in order, or a key comes twice"),
        ("sessions", [0, 1, 1, 3], "the rows are not in order, or a key comes twice"),
    ],
)
def test_verify_looks_at_keys_and_places(
    tmp_path: Path, table: str, rows: list[int], finding: str | None
) -> None:
    """P12: each place of each list once, and no row without its record; the hashes are right here."""
    tables = FLAT.split(listed(batches(rows_of(hours(0, 2)), 10)[0]))
    if finding is not None:
        tables[table] = tables[table].take(rows)
    counts = {name: held.num_rows for name, held in tables.items()}
    covers = '[["2024-05-27 00:00:00", "2024-05-27 02:00:00"]]'
    told = {"harvester.covers": covers, "harvester.complete": "true"}
    told["harvester.rows"] = str(dict(sorted(counts.items()))).replace("'", '"')
    main, *parts = (_written(tmp_path, name, held, told) for name, held in tables.items())
    span = hours(0, 2)
    file = Publication(
        hours(0, 24),
        main.path,
        main.rows,
        main.bytes,
        main.sha256,
        complete=True,
        covers=(span,),
        parts=tuple(parts),
    )
    found = Expected(tmp_path, "start_date", "key", {}, FLAT).examine(file)
    assert (found and (str(found.path), found.text)) == (finding and (table, finding))


def test_an_intent_keeps_its_parts(lake: Lake) -> None:
    """As it was decided on, so that the next start can finish it."""
    parts = tuple(Part(Path(f"calls.{name}", "x.parquet"), 1, 2, name) for name in TABLES[1:])
    item = Publication(
        hours(0, 24), Path("a.parquet"), 1, 2, "hash", complete=True, covers=(hours(0, 1),), parts=parts
    )
    intent = Intent(item, Path("/tmp/a.draft"), (Path("/tmp/b.draft"), Path("/tmp/c.draft")))  # noqa: S108
    run = lake.ledger.begin(hours(0, 1), 0.0)
    lake.catalog.intend([intent], run)
    assert lake.catalog.intents() == [(intent, run)]
    lake.catalog.publish([item], run)
    assert lake.catalog.published() == [replace(item, covers=())]
    assert item.size == 6
