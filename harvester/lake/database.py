"""The ledger's SQLite file: opened once, checked, fenced, written in transactions. The only sqlite3 door.

The fence: whoever opens the ledger for writing raises its epoch, and every transaction begins by looking
whether that epoch still stands. SQLite lets one transaction write at a time, so nobody can raise it between
the look and the commit: an owner that was paused, lost its lock and woke up can commit nothing any more.

A rename cannot be part of a transaction. That a fenced owner can rename nothing either follows from this:
drafts are named by the epoch of who writes them, so it can only rename its own; and a new owner renames or
removes the drafts of all earlier epochs (``publish.recover``) before it looks at the files and publishes.
What the old one had decided was committed before the epoch was raised, so the new one sees it, and finishes
it or takes it back.
"""

import json
import os
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from harvester.errors import LakeError, LakeLockedError, LedgerDamagedError
from harvester.lake.connection import Connection
from harvester.lake.soundness import advance, check, create, refuse_remains, wrong_content

_PATIENCE = 1.0  # seconds to wait for another's transaction: who holds one for longer stands still
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
# While it is opened, what the SQL of this program cannot have caused: a torn header, text that is no UTF-8.
_DAMAGED_AT_OPEN = _DAMAGED | {sqlite3.SQLITE_ERROR, sqlite3.SQLITE_FORMAT, sqlite3.SQLITE_TOOBIG, 0}


class Database:
    """One connection: SQLite before 3.51.3 can corrupt a WAL that two connections write.

    Attributes:
        epoch: Of this owner: greater than that of any before it. 0 for a reader.
        lock: The file descriptor of the lock by which it owns the lake, if it does.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path
        self._file: tuple[int, int] | None = None
        self.epoch = 0
        self.lock: int | None = None

    @classmethod
    @contextmanager
    def open(cls, path: Path, *, read_only: bool = False, started: float = 0.0) -> Iterator[Self]:
        """Open the ledger, making it if it is not there; opened for writing, it is this owner's from then on.

        Args:
            path: The file.
            read_only: Only look, also beside the run that owns the lake; the file must be there.
            started: Unix time.

        Raises:
            LedgerDamagedError: It is damaged, or something else lies in its place.
            LakeError: It is of another version, or cannot be used.
            LakeLockedError: Another owner is writing it, or has taken it over.
        """
        refuse_remains(path)
        before = _inode(path)
        connection = None
        opened = False
        try:
            mode = "ro" if read_only else "rwc"
            connection = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode={mode}",
                uri=True,
                isolation_level=None,
                factory=Connection,
                timeout=_PATIENCE,
            )
            database = cls(connection, path)
            try:
                _prepare(connection, path, read_only=read_only)
            except UnicodeDecodeError as error:  # a damaged name, in SQLite's own complaint about it
                raise LedgerDamagedError(path, str(error)) from error
            if not read_only:
                database._file = before or _inode(path)
                database._take_over(started)
            opened = True
            connection.opened = path
            yield database
        except sqlite3.Error as error:
            raise _translated(path, error, opened=opened) from error
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
        """Change something; returns the number of the inserted row. Alone, it is a transaction of its own."""
        if not self._connection.in_transaction:
            with self.transaction():
                return self.write(query, *values)
        return self._connection.execute(query, values).lastrowid or 0

    def insert(self, table: str, *values: object) -> None:
        """Insert one row of ``table`` (a name of this program, never of the user), replacing its namesake."""
        places = ", ".join("?" * len(values))
        self.write(f"INSERT OR REPLACE INTO {table} VALUES ({places})", *values)  # noqa: S608

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, and durable when the block ends.

        Raises:
            LakeLockedError: Another owner has taken the lake over; nothing was written.
        """
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            if self.epoch:  # SQLite itself refuses what a reader writes
                self._assert_owned()
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            # SQLite rolls back by itself when, say, the disk is full.
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    def check_owned(self) -> None:
        """Make sure that nobody else owns the lake by now.

        Raises:
            LakeLockedError: Another owner has taken it over.
        """
        with self.transaction():
            pass

    def _take_over(self, started: float) -> None:
        """Raise the epoch: whoever opened the ledger before can write no more."""
        self._connection.execute("BEGIN IMMEDIATE")
        (last,) = self._connection.execute("SELECT coalesce(max(epoch), 0) FROM owner").fetchone()
        # By the clock, if it is ahead: then epochs grow even across a ledger that was lost and made anew.
        self.epoch = max(last + 1, int(started))
        self._connection.execute("DELETE FROM owner")
        owner = (self.epoch, os.getpid(), socket.gethostname(), started)
        self._connection.execute("INSERT INTO owner VALUES (?, ?, ?, ?)", owner)
        self._connection.execute("COMMIT")

    def _assert_owned(self) -> None:
        owner = self._connection.execute("SELECT epoch, pid, host, since FROM owner").fetchone()
        if owner is None or owner[0] != self.epoch:
            raise LakeLockedError(
                f"{self._path} was taken over by another run ({_shown(owner)}); this one ends"
            )
        # A connection goes on writing to a file that was renamed away, where nobody will ever look.
        if _inode(self._path) != self._file:
            raise LakeLockedError(f"{self._path} was replaced or moved away while this run was using it")


def to_json(value: object) -> str:
    """Text for a column that holds a structure; equal values give equal text."""
    return json.dumps(value, sort_keys=True)


def _prepare(connection: sqlite3.Connection, path: Path, *, read_only: bool) -> None:
    if not read_only:
        create(connection)
    check(connection, path, read_only=read_only)
    if not read_only:
        # Only now: it writes to the file, which might have been another program's.
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        advance(connection)
    if wrong := wrong_content(connection):
        raise LedgerDamagedError(path, wrong)


def _inode(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def _shown(owner: tuple[int, int, str, float] | None) -> str:
    if owner is None:
        return "which has not signed"
    _, pid, host, since = owner
    return (
        f"process {pid} on {host}, since {datetime.fromtimestamp(since, UTC).isoformat(timespec='seconds')}"
    )


def _translated(path: Path, error: sqlite3.Error, *, opened: bool) -> Exception:
    code = getattr(error, "sqlite_errorcode", 0)
    # Python's own complaints, as of text that is no UTF-8, have no code.
    if code & 0xFF in (_DAMAGED if opened else _DAMAGED_AT_OPEN) or code == sqlite3.SQLITE_IOERR_SHORT_READ:
        return LedgerDamagedError(path, str(error))
    if code & 0xFF in _BUSY:
        return LakeLockedError(f"the ledger {path} is being written by another process")
    return LakeError(f"the ledger {path} cannot be used: {error}")
