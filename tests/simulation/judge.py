"""The judge of a simulated run: reads the lake as any reader would, by DuckDB, and knows the account's truth."""

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from fcntl import LOCK_EX, LOCK_NB, flock
from math import inf
from pathlib import Path
from typing import Any

import duckdb

from harvester.datasets import Dataset
from harvester.window import Window, as_second, merged, subtract
from tests.simulation.history import Session
from tests.simulation.scenario import Scenario

Row = tuple[Any, ...]
_SECRETS = (b"eyJhbGciOi", b"eyJ0eXAiOi", b"PRIVATE KEY", b"Bearer ")
_CAPS = {"spool": 8 << 20}


class WrongError(AssertionError):
    """A promise is broken; the text says which."""


def reader() -> duckdb.DuckDBPyConnection:
    """One connection for all seeds; no thread but ours, because forks inherit none."""
    database = duckdb.connect(config={"threads": "1"})
    for setting in ("TimeZone = 'UTC'", "enable_external_file_cache = false", "enable_object_cache = false"):
        database.execute(f"SET {setting}")
    return database


@dataclass(frozen=True, slots=True)
class _File:
    rows: tuple[Row, ...]
    covers: tuple[Window, ...]


class Judge:
    """Looks at one lake, again and again."""

    def __init__(self, scenario: Scenario, lake: Path, database: duckdb.DuckDBPyConnection) -> None:
        """Judge ``lake`` by the sessions of ``scenario``."""
        self._scenario = scenario
        self._lake = lake
        self._database = database
        self._sessions = {session.key: session for session in scenario.sessions}
        self._names = [field.name for field in scenario.dataset.fields]
        self._files: dict[tuple[str, int, int, int], _File] = {}

    def look(self, now: float) -> int:
        """Whatever readers see now is whole, proven and true (P2, P3, P4).

        Args:
            now: Unix time.

        Returns:
            How many files they see.

        Raises:
            WrongError: It is not.
        """
        files = self._read(now)
        keys = [row[0] for file in files.values() for row in file.rows]
        _demand(len(keys) == len(set(keys)), "P2: a key comes twice")
        return len(files)

    def compare(self, now: float) -> None:
        """The ledger says the same as the files (P4), and its owner holds the lock (P6).

        Raises:
            WrongError: It does not.
        """
        files = self._read(now)
        with (self._lake / "_harvester" / "lock").open("rb") as lock:
            try:
                flock(lock, LOCK_EX | LOCK_NB)
            except BlockingIOError:
                pass
            else:
                raise WrongError("P6: something was published without the lock")
        with self._ledger() as ledger:
            coverage = _windows(ledger, "coverage")
            told = ledger.execute("SELECT path, rows, sha256 FROM published").fetchall()
        known = {path: len(file.rows) for path, file in files.items()}
        _demand({path: rows for path, rows, _ in told} == known, "P4: files and ledger differ")
        for path, _, digest in told:
            content = (self._lake / path).read_bytes()
            _demand(hashlib.sha256(content).hexdigest() == digest, "P4: a file is not the one in the ledger")
        covered = merged(window for file in files.values() for window in file.covers)
        _demand(not _outside(covered, coverage), "P4: a file covers what the ledger does not")
        self._demand_steady(coverage, (row for file in files.values() for row in file.rows))

    def finish(self, now: float) -> None:
        """Everything is there, and nothing else (P1, P3, P5, P9, P10).

        Raises:
            WrongError: It is not.
        """
        files, scenario = self._read(now), self._scenario
        with self._ledger() as ledger:
            coverage = _windows(ledger, "coverage")
            gaps = _windows(ledger, "gap")
            left = ledger.execute("SELECT count(*) FROM window").fetchone()[0]
            intents = ledger.execute("SELECT count(*) FROM intent").fetchone()[0]
            facts = json.loads(ledger.execute("SELECT facts FROM dataset").fetchone()[0])
            sound = ledger.execute("PRAGMA integrity_check").fetchone()[0]
        _demand(sound == "ok", f"the ledger is damaged: {sound}")
        _demand(not intents, "P5: a publication was left in the middle")
        for gap in gaps:
            _demand(any(second in gap for second in scenario.beyond), f"P1: an illegitimate gap {gap}")
        if not gaps:
            _demand(coverage == (scenario.window,), f"P1: covered {coverage}, asked {scenario.window}")
            _demand(not left, "P5: windows are left in the ledger")
            for folder in ("spool", "tmp"):
                names = [path.name for path in (self._lake / "_harvester" / folder).rglob("*") if path.is_file()]
                _demand(not names, f"P8: left in {folder}: {names}")
        rest = subtract(scenario.window, coverage)
        _demand(not _outside(rest, gaps, merged(self._spans(gaps))), "P1: seconds are neither covered nor a gap")
        rows = {row[0]: row for file in files.values() for row in file.rows}
        exact = None not in facts.values() or all(map(_is_steady_in(scenario), scenario.sessions))
        for session in scenario.sessions if exact else ():
            record = session.at(now)
            if any(session.second in window for window in rest):
                continue
            wanted = None if record is None or session.poisoned else self._row(record)
            _demand(rows.get(session.key) == wanted, f"P1/P3: {rows.get(session.key)} should be {wanted}")
        self._quarantined(coverage)
        self._keep_secrets()

    def _spans(self, gaps: Sequence[Window]) -> Iterator[Window]:
        """The partitions that gaps hold back."""
        from harvester.lake.layout import Granularity, partitions

        for gap in gaps:
            for partition in partitions(Granularity(self._scenario.partition), gap):
                yield partition.span

    def _read(self, now: float) -> dict[str, _File]:
        seen: dict[str, _File] = {}
        kept: dict[tuple[str, int, int, int], _File] = {}
        for path in sorted((self._lake / "calls").rglob("*.parquet")):
            name, state = str(path.relative_to(self._lake)), path.stat()
            stamp = (name, state.st_ino, state.st_mtime_ns, state.st_size)
            file = self._files.get(stamp) or self._opened(path, name, now)
            seen[name] = kept[stamp] = file
        self._files = kept
        return seen

    def _opened(self, path: Path, name: str, now: float) -> _File:
        columns = ", ".join(f'"{column}"' for column in (*self._names, "extra"))
        try:
            rows = self._database.execute(
                f"SELECT {columns} FROM read_parquet('{path}', hive_partitioning = false)"
            ).fetchall()
            query = f"SELECT decode(value) FROM parquet_kv_metadata('{path}') WHERE decode(key) = 'harvester.covers'"
            ((covers,),) = self._database.execute(query).fetchall()
        except duckdb.Error as error:
            raise WrongError(f"P4: {name} cannot be read: {error}") from error
        place = self._names.index("start_date")
        rows = [tuple(_plain(value) for value in row) for row in rows]
        windows = tuple(Window(as_second(start), as_second(end)) for start, end in json.loads(covers))
        _demand(rows == sorted(rows, key=lambda row: (row[place], row[0])), f"{name} is not sorted")
        for row in rows:
            self._true(name, row, windows, now)
        self._demand_steady(windows, rows)
        return _File(tuple(rows), windows)

    def _true(self, name: str, row: Row, covers: Sequence[Window], now: float) -> None:
        session = self._sessions.get(row[0])
        _demand(session is not None and not session.poisoned, f"P3: {name} has a row of no session: {row}")
        assert session is not None
        _demand(any(session.second in window for window in covers), f"P4: {row} lies outside of {name}")
        _demand(session.appears <= now, f"P3: {row} is from the future")
        wanted = self._row(session.record(running=session.ends == inf))
        _demand(row == wanted, f"P3: {name} has {row}, should be {wanted}")

    def _demand_steady(self, covers: Sequence[Window], rows: Iterable[Row]) -> None:
        """What was there all the time in covered seconds is there."""
        keys = {row[0] for row in rows}
        lost = [
            session
            for session in self._scenario.sessions
            if session.key not in keys
            and not session.poisoned
            and _is_steady_in(self._scenario)(session)
            and any(session.second in window for window in covers)
        ]
        _demand(not lost, f"P1: covered, and not there: {lost}")

    def _row(self, record: dict[str, object]) -> Row:
        known = [_plain(record.get(name)) for name in self._names]
        known[self._names.index("start_date")] = as_second(str(record["start_date"]))
        extra = {name: value for name, value in record.items() if name not in self._names}
        return (*known, _plain(json.dumps(extra)) if extra else None)

    def _quarantined(self, coverage: Sequence[Window]) -> None:
        folder = self._lake / "_harvester" / "quarantine" / "calls"
        lines = [json.loads(line) for path in folder.glob("*.jsonl") for line in path.read_bytes().splitlines()]
        keys = {line["key"] for line in lines}
        wanted = {
            session.key
            for session in self._scenario.sessions
            if session.poisoned
            and _is_steady_in(self._scenario)(session)
            and any(session.second in window for window in coverage)
        }
        _demand(wanted <= keys, f"P3: not in quarantine: {wanted - keys}")
        sound = [key for key in keys if not self._sessions[key].poisoned]
        _demand(not sound, f"P3: in quarantine without a reason: {sound}")

    def _keep_secrets(self) -> None:
        for path in self._lake.rglob("*"):
            if path.is_file():
                content = path.read_bytes()
                _demand(not any(secret in content for secret in _SECRETS), f"P9: a secret lies in {path.name}")

    def _ledger(self) -> closing[sqlite3.Connection]:
        path = self._lake / "_harvester" / "ledger.sqlite"
        return closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True))


def _demand(holds: object, text: str) -> None:
    if not holds:
        raise WrongError(text)


def _plain(value: object) -> object:
    """Values as JSON would bring them, so that rows can be compared and hashed."""
    if hasattr(value, "timestamp"):
        return int(value.timestamp())
    if isinstance(value, list | dict):
        return json.dumps(value, sort_keys=True)
    if isinstance(value, str) and value.startswith("{"):
        return json.dumps(json.loads(value), sort_keys=True)
    return value


def _is_steady_in(scenario: Scenario) -> Any:
    """Whether a session was there whenever its second counted as final."""
    return lambda session: session.appears <= session.second + scenario.settle and session.leaves == inf


def _windows(ledger: sqlite3.Connection, table: str) -> tuple[Window, ...]:
    rows = ledger.execute(f"SELECT start, stop FROM {table} ORDER BY start").fetchall()
    return merged(Window(start, stop) for start, stop in rows)


def _outside(windows: Iterable[Window], *others: Iterable[Window]) -> list[Window]:
    inside = [window for other in others for window in other]
    return [rest for window in windows for rest in subtract(window, inside)]


__all__ = ["Dataset", "Judge", "Session", "WrongError", "reader"]
