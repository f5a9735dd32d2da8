"""The lake as any reader sees it, by DuckDB; and what its ledger says, by SQLite."""

import hashlib
import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from harvester.datasets import Dataset
from harvester.window import Window, as_second, merged
from tests.simulation.tables import FlatTables, SeenFile, plain

_Stamp = tuple[tuple[str, int, int, int], ...]


class WrongError(AssertionError):
    """A promise is broken; the text says which."""


def demand(holds: object, text: str) -> None:
    """Go on only if it holds.

    Raises:
        WrongError: It does not.
    """
    if not holds:
        raise WrongError(text)


def reader() -> duckdb.DuckDBPyConnection:
    """One connection for all seeds; no thread but ours, because a fork inherits none."""
    database = duckdb.connect(config={"threads": "1"})
    for setting in ("TimeZone = 'UTC'", "enable_external_file_cache = false", "enable_object_cache = false"):
        database.execute(f"SET {setting}")
    database.execute("PRAGMA disable_optimizer")  # with a few rows, it takes longer than it saves
    return database


@dataclass(frozen=True, slots=True)
class Ledger:
    """What the ledger says at one moment.

    Attributes:
        coverage: Seconds proven and published.
        gaps: Seconds that could not be proven.
        windows: Windows begun or proven, and not published.
        published: Path, rows and hash of the files written down, less those decided on anew; of all tables.
        decided: Paths of the files decided on and not written down yet.
        known: Path and hash of every file that may be seen: published, or decided on.
        facts: What was learned of the API.
    """

    coverage: tuple[Window, ...]
    gaps: tuple[Window, ...]
    windows: int
    published: tuple[tuple[str, int, str], ...]
    decided: frozenset[str]
    known: frozenset[tuple[str, str]]
    facts: dict[str, bool | None]


class SeenLake:
    """One lake, read again and again; a file that did not change is read once."""

    def __init__(
        self, root: Path, dataset: Dataset, tables: str, database: duckdb.DuckDBPyConnection
    ) -> None:
        """Read the columns of ``dataset``, the first of which is the key, and ``extra``, the last."""
        self.root = root
        self.workshop = root / "_harvester"
        self._name = dataset.name
        self._flat = FlatTables(dataset) if tables == "flat" else None
        self._folder = f"{dataset.name}.{dataset.noun}" if self._flat else dataset.name
        self._columns = ", ".join(f'"{field.name}"' for field in dataset.fields)
        self._database = database
        self._known: dict[_Stamp, SeenFile] = {}
        self._files: dict[str, tuple[SeenFile, bool]] | None = None
        self._ledger: Ledger | None = None

    def turn(self) -> None:
        """Forget what was seen: the lake may be another by now. Until the next turn it stays as it is."""
        self._files = self._ledger = None

    def files(self) -> dict[str, tuple[SeenFile, bool]]:
        """Every file by its path, and whether it is new since it was last looked for.

        Raises:
            WrongError: One cannot be read.
        """
        if self._files is None:
            self._files = self._seen()
        return self._files

    def ledger(self) -> Ledger:
        """What the ledger says now."""
        if self._ledger is None:
            with self._opened_ledger() as ledger:
                self._ledger = _read(ledger)
        return self._ledger

    def damage(self) -> str:
        """What SQLite finds wrong with the ledger; ``ok`` if nothing."""
        with self._opened_ledger() as ledger:
            ((found,),) = ledger.execute("PRAGMA integrity_check(1)").fetchall()
            return str(found)

    def _seen(self) -> dict[str, tuple[SeenFile, bool]]:
        seen: dict[str, tuple[SeenFile, bool]] = {}
        known: dict[_Stamp, SeenFile] = {}
        for path in self._paths():
            name = str(path.relative_to(self.root))
            others = self._flat.others(self.root, path) if self._flat else ()
            stamp = tuple(map(_state, (path, *others)))
            file = self._known.get(stamp) or self._opened(path, others)
            seen[name] = file, stamp not in self._known
            known[stamp] = file
        self._known = known
        return seen

    def _paths(self) -> list[Path]:
        walk = os.walk(self.root / self._folder)  # a third of the time that rglob takes
        return sorted(Path(at, name) for at, _, names in walk for name in names if name.endswith(".parquet"))

    def digest(self, path: str) -> str:
        """The hash of a file."""
        return hashlib.sha256((self.root / path).read_bytes()).hexdigest()

    def left(self, folder: str) -> list[str]:
        """Files that lie in a folder of the workshop."""
        return sorted(path.name for path in (self.workshop / folder).rglob("*") if path.is_file())

    def quarantined(self) -> set[int]:
        """Keys of the records in quarantine."""
        paths = (self.workshop / "quarantine" / self._name).glob("*.jsonl")
        return {json.loads(line)["key"] for path in paths for line in path.read_bytes().splitlines()}

    def _opened_ledger(self) -> closing[sqlite3.Connection]:
        uri = f"{(self.workshop / 'ledger.sqlite').as_uri()}?mode=ro"
        return closing(sqlite3.connect(uri, uri=True))

    def _opened(self, path: Path, others: Sequence[Path]) -> SeenFile:
        told = "SELECT decode(value) FROM parquet_kv_metadata(?) WHERE decode(key) = 'harvester.covers'"
        query = f"SELECT {self._columns}, extra FROM read_parquet(?, hive_partitioning = false)"
        try:
            if self._flat:
                return self._flat.opened(self._database, self.root, path, others)
            rows = self._database.execute(query, [str(path)]).fetchall()
            ((covers,),) = self._database.execute(told, [str(path)]).fetchall()
        except (duckdb.Error, AssertionError) as error:
            raise WrongError(f"P4: {path.name} cannot be read: {error}") from error
        windows = (Window(as_second(start), as_second(end)) for start, end in json.loads(covers))
        return SeenFile(tuple(tuple(map(plain, row)) for row in rows), tuple(windows))


def _read(ledger: sqlite3.Connection) -> Ledger:
    def rows(query: str) -> list[Any]:
        return ledger.execute(query).fetchall()

    intents = list(_parts(rows("SELECT path, rows, sha256, parts FROM intent")))
    decided = frozenset(path for path, _, _ in intents)
    published = list(_parts(rows("SELECT path, rows, sha256, parts FROM published")))
    return Ledger(
        coverage=merged(Window(*row) for row in rows("SELECT start, stop FROM coverage")),
        gaps=merged(Window(*row) for row in rows("SELECT start, stop FROM gap")),
        windows=rows("SELECT count(*) FROM window")[0][0],
        published=tuple(row for row in published if row[0] not in decided),
        decided=decided,
        known=frozenset((path, digest) for path, _, digest in [*intents, *published]),
        # None, if it was killed in the first instant of its first life.
        facts=next((json.loads(facts) for (facts,) in rows("SELECT facts FROM dataset")), {}),
    )


def _state(path: Path) -> tuple[str, int, int, int]:
    try:
        state = path.stat()
    except FileNotFoundError:  # of flat tables, some may be shown before others
        return str(path), 0, 0, 0
    return str(path), state.st_ino, state.st_mtime_ns, state.st_size


def _parts(rows: Iterable[Any]) -> Iterator[tuple[str, int, str]]:
    """Path, rows and hash of each file, those of flat tables behind that of the records."""
    for path, count, digest, parts in rows:
        yield path, count, digest
        yield from ((other, rows, sha256) for other, rows, _, sha256 in json.loads(parts))
