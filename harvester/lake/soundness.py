"""Whether a SQLite file is a sound ledger: stamp, pages, tables, content; and how an old one becomes new."""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from functools import cache
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType

from harvester.errors import LakeError, LedgerDamagedError

APPLICATION_ID = 0x48525653  # "HRVS"
FORMAT = 5

# From each earlier format to the next.
_STEPS: Mapping[int, str] = MappingProxyType(
    {
        1: """
            CREATE TABLE suspect (
              name TEXT NOT NULL,
              start INTEGER NOT NULL,
              stop INTEGER NOT NULL,
              found_by TEXT NOT NULL CHECK (found_by IN ('file', 'count')),
              reason TEXT NOT NULL,
              found REAL NOT NULL,
              PRIMARY KEY (name, start, found_by)
            ) STRICT;
        """,
        2: """
            CREATE TABLE owner (
              epoch INTEGER NOT NULL,
              pid INTEGER NOT NULL,
              host TEXT NOT NULL,
              since REAL NOT NULL
            ) STRICT;
        """,
        3: """
            ALTER TABLE published ADD COLUMN parts TEXT NOT NULL DEFAULT '[]';
            ALTER TABLE intent ADD COLUMN parts TEXT NOT NULL DEFAULT '[]';
            ALTER TABLE intent ADD COLUMN drafts TEXT NOT NULL DEFAULT '[]';
        """,
        4: """
            CREATE INDEX lake_twice ON lake (account_id, created);
            CREATE INDEX owner_twice ON owner (epoch, pid, host, since);
            CREATE INDEX dataset_twice ON dataset (name, identity, facts);
            CREATE INDEX run_twice ON run (id, name, start, stop, started, ended, outcome, summary);
            CREATE INDEX window_twice ON window (name, start, stop, state, rows);
            CREATE INDEX coverage_twice ON coverage (name, start, stop);
            CREATE INDEX gap_twice ON gap (name, start, stop, expected, received, reason, run);
            CREATE INDEX published_twice ON published (
              name, start, stop, path, rows, bytes, sha256, complete, run, parts
            );
            CREATE INDEX suspect_twice ON suspect (name, start, stop, found_by, reason, found);
            CREATE INDEX intent_twice ON intent (
              name, start, stop, path, rows, bytes, sha256, complete, run, draft, covers, parts, drafts
            );
        """,
    }
)

# Instants that Python can show, from the year 1 to the year 9999.
_FIRST, _LAST = -62_135_596_800, 253_402_300_799
_WITH_SPANS = ("run", "window", "coverage", "gap", "published", "suspect", "intent")
_DISJOINT = ("coverage", "published")
_STRUCTURES = (
    ("dataset", "identity", "object"),
    ("dataset", "facts", "object"),
    ("run", "summary", "object"),
    ("published", "parts", "array"),
    ("intent", "covers", "array"),
    ("intent", "parts", "array"),
    ("intent", "drafts", "array"),
)
# Windows are left out: they may be by the hundred thousand, and all their text is checked otherwise.
_WITH_TEXT = ("lake", "owner", "dataset", "run", "gap", "published", "suspect", "intent")


def refuse_remains(path: Path) -> None:
    """Refuse a ledger of which only the write-ahead log is left: SQLite would delete it, and begin anew.

    Raises:
        LedgerDamagedError: It is so.
    """
    log = path.with_name(path.name + "-wal")
    # In this order: the file comes before its log, also if somebody makes both just now.
    if _size(log) and not _size(path):
        raise LedgerDamagedError(path, "it is empty or gone, and its write-ahead log is still there")


def create(connection: sqlite3.Connection) -> None:
    """Make the tables in an empty file; a crash meanwhile leaves it empty, and the next start fills it."""
    if _tables(connection) or stamp_of(connection) != (0, 0):
        return
    stamp = f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {FORMAT};"
    try:
        connection.executescript(f"BEGIN IMMEDIATE; {_schema()} {stamp} COMMIT;")
    except sqlite3.OperationalError:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        if stamp_of(connection) != (APPLICATION_ID, FORMAT):  # else another owner was quicker
            raise


def check(connection: sqlite3.Connection, path: Path, *, read_only: bool) -> None:
    """Refuse what is no ledger of this program, of a version that it does not know, or damaged.

    Raises:
        LedgerDamagedError: It is damaged, or something else lies in its place.
        LakeError: It is of another version.
    """
    application, version = stamp_of(connection)
    if application != APPLICATION_ID:
        raise LedgerDamagedError(
            path, "it is not a ledger of this program (give another --lake if the folder is not a lake)"
        )
    if version > FORMAT:
        raise LakeError(
            f"{path} has format {version}, this program reads {FORMAT}; use the version that wrote it"
        )
    # Not quick_check: that passes over what an index says, by which every question finds its rows, and in
    # which each value stands once more.
    (verdict,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    if verdict != "ok":
        raise LedgerDamagedError(path, verdict)
    if not _has_tables_of(connection, version):
        raise LedgerDamagedError(path, f"its tables are not those of format {version}")
    if read_only and version < FORMAT:
        raise LakeError(f"the ledger {path} is of an earlier version; harvester verify brings it up to date")


def advance(connection: sqlite3.Connection) -> None:
    """Bring an earlier format up to date, step by step; each is one transaction."""
    while (version := stamp_of(connection)[1]) < FORMAT:
        stamp = f"PRAGMA user_version = {version + 1};"
        connection.executescript(f"BEGIN IMMEDIATE; {_STEPS[version]} {stamp} COMMIT;")


def stamp_of(connection: sqlite3.Connection) -> tuple[int, int]:
    """Whose file it is, and its format."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return application, version


def wrong_content(connection: sqlite3.Connection) -> str | None:
    """What this program cannot have written, though SQLite finds the file in order: flipped bits in values.

    Raises:
        sqlite3.Error: A text is no text.
    """
    if connection.execute("PRAGMA foreign_key_check").fetchone():
        return "a row belongs to a run that is not there"
    for table in _WITH_TEXT:
        for _ in connection.execute(f"SELECT * FROM {table}"):  # noqa: S608  (a constant)
            pass
    for what, query in _impossible():
        if connection.execute(f"{query} LIMIT 1").fetchone():
            return what
    return None


def _impossible() -> Iterator[tuple[str, str]]:
    """What must not be found, and the question that would find it; made of constants of this module."""
    for table in _WITH_SPANS:
        beyond = f"start >= stop OR start < {_FIRST} OR stop > {_LAST}"
        yield f"a span in {table} is none", f"SELECT 1 FROM {table} WHERE {beyond}"  # noqa: S608
        strange = f"JOIN {table} ON {table}.name NOT IN (SELECT name FROM dataset)"  # noqa: S608
        query = f"SELECT 1 FROM (SELECT name FROM dataset LIMIT 1) {strange}"  # noqa: S608
        yield f"{table} tells of an unknown dataset", query
    for table in _DISJOINT:
        before = "lag(stop) OVER (PARTITION BY name ORDER BY start) AS before"
        query = f"SELECT 1 FROM (SELECT start, {before} FROM {table}) WHERE start < before"  # noqa: S608
        yield f"spans in {table} overlap", query
    for table, column, kind in _STRUCTURES:
        wrong = f"CASE WHEN json_valid({column}) THEN json_type({column}) != '{kind}' ELSE 1 END"
        query = f"SELECT 1 FROM {table} WHERE {column} IS NOT NULL AND {wrong}"  # noqa: S608
        yield f"{table} has a {column} that cannot be read", query
    never = f"NOT BETWEEN {_FIRST} AND {_LAST}"
    query = f"SELECT 1 FROM run WHERE started {never} OR coalesce(ended, 0) {never}"  # noqa: S608
    yield "a run began or ended at no time", query


def _has_tables_of(connection: sqlite3.Connection, version: int) -> bool:
    """Whether its tables, brought up to date, are those of a new ledger; tried without the file."""
    tables = _tables(connection)
    if version == FORMAT:
        return tables == _tables_of(_schema())
    try:
        steps = [_STEPS[step] for step in range(version, FORMAT)]
        return _tables_of(";".join([*tables.values(), *steps])) == _tables_of(_schema())
    except (KeyError, sqlite3.Error):
        return False


@cache
def _tables_of(statements: str) -> Mapping[str, str]:
    with closing(sqlite3.connect(":memory:")) as trial:
        trial.executescript(statements)
        return _tables(trial)


def _tables(connection: sqlite3.Connection) -> dict[str, str]:
    """What each table was made by, without its white space."""
    rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
    return {name: " ".join(sql.split()) for name, sql in rows}


@cache
def _schema() -> str:
    return files("harvester.lake").joinpath("schema.sql").read_text(encoding="utf-8")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except (FileNotFoundError, NotADirectoryError):
        return 0
