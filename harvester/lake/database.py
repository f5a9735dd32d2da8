"""The ledger's SQLite file: opened once, checked, written in durable transactions. The only sqlite3 door."""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

from harvester.errors import LakeError
from harvester.lake.connection import Connection

APPLICATION_ID = 0x48525653  # "HRVS"
FORMAT = 2

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
        """
    }
)


class Database:
    """One connection: SQLite before 3.51.3 can corrupt a WAL that two connections write."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    @classmethod
    @contextmanager
    def open(cls, path: Path, *, read_only: bool = False) -> Iterator[Self]:
        """Open the ledger, making it if it is not there.

        Args:
            path: The file.
            read_only: Only look, also beside the run that owns the lake; the file must be there.

        Raises:
            LakeError: It is damaged, of another program, of another version, or cannot be written.
        """
        connection = None
        try:
            mode = "ro" if read_only else "rwc"
            connection = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode={mode}",
                uri=True,
                isolation_level=None,
                factory=Connection,
            )
            if not read_only:
                _fill(connection)
            _check(connection, path)
            if not read_only:
                # Only now: it writes to the file, which might have been another program's.
                _configure(connection)
                _advance(connection)
            elif _stamp(connection)[1] < FORMAT:
                raise LakeError(
                    f"the ledger {path} is of an earlier version; harvester verify brings it up to date"
                )
            connection.opened = path
            yield cls(connection)
        except sqlite3.Error as error:
            raise LakeError(f"the ledger {path} cannot be used: {error}") from error
        finally:
            if connection is not None:
                connection.close()

    def one(self, query: str, *values: object) -> tuple[Any, ...] | None:
        """The first row, or ``None``."""
        row: tuple[Any, ...] | None = self._connection.execute(query, values).fetchone()
        return row

    def all(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Every row."""
        return self._connection.execute(query, values).fetchall()

    def write(self, query: str, *values: object) -> int:
        """Change something; returns the number of the inserted row. Durable at once outside a transaction."""
        return self._connection.execute(query, values).lastrowid or 0

    def insert(self, table: str, *values: object) -> None:
        """Insert one row of ``table`` (a name of this program, never of the user), replacing its namesake."""
        places = ", ".join("?" * len(values))
        self.write(f"INSERT OR REPLACE INTO {table} VALUES ({places})", *values)  # noqa: S608

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, and durable when the block ends."""
        self.write("BEGIN IMMEDIATE")
        try:
            yield
            self.write("COMMIT")
        except BaseException:
            if self._connection.in_transaction:  # SQLite rolls back by itself when, say, the disk is full
                self.write("ROLLBACK")
            raise


def to_json(value: object) -> str:
    """Text for a column that holds a structure; equal values give equal text."""
    return json.dumps(value, sort_keys=True)


def _fill(connection: sqlite3.Connection) -> None:
    if not connection.execute("SELECT 1 FROM sqlite_master").fetchone() and _stamp(connection) == (0, 0):
        schema = files("harvester.lake").joinpath("schema.sql").read_text(encoding="utf-8")
        stamp = f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {FORMAT};"
        # One transaction: a crash here leaves an empty file, which the next start fills.
        connection.executescript(f"BEGIN; {schema} {stamp} COMMIT;")


def _configure(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")


def _advance(connection: sqlite3.Connection) -> None:
    """Bring an earlier format up to date, step by step; each is one transaction."""
    while (version := _stamp(connection)[1]) < FORMAT:
        stamp = f"PRAGMA user_version = {version + 1};"
        connection.executescript(f"BEGIN IMMEDIATE; {_STEPS[version]} {stamp} COMMIT;")


def _stamp(connection: sqlite3.Connection) -> tuple[int, int]:
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return application, version


def _check(connection: sqlite3.Connection, path: Path) -> None:
    application, version = _stamp(connection)
    if application != APPLICATION_ID:
        raise LakeError(f"{path} is not a ledger of this program; give another --lake")
    if version != FORMAT and version not in _STEPS:
        raise LakeError(
            f"{path} has format {version}, this program reads {FORMAT}; use the version that wrote it"
        )
    (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise LakeError(f"the ledger {path} is damaged ({verdict}); restore it from a backup")
