"""The lake as any reader sees it, by DuckDB; and what its ledger says, by SQLite."""

import hashlib
import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from harvester.window import Window, as_second, merged

Row = tuple[Any, ...]
_Stamp = tuple[str, int, int, int]


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
    return database


@dataclass(frozen=True, slots=True)
class SeenFile:
    """A file that readers see.

    Attributes:
        rows: Its rows, in order, with plain values.
        covers: The seconds that its footer claims.
    """

    rows: tuple[Row, ...]
    covers: tuple[Window, ...]


@dataclass(frozen=True, slots=True)
class Ledger:
    """What the ledger says at one moment.

    Attributes:
        coverage: Seconds proven and published.
        gaps: Seconds that could not be proven.
        windows: Windows begun or proven, and not published.
        published: Path, rows and hash of the files written down, less those decided on anew.
        decided: Paths of the files decided on and not written down yet.
        known: Path and hash of every file that may be seen: published, or decided on.
        facts: What was learned of the API.
        damage: What SQLite finds wrong with it; ``ok`` if nothing.
    """

    coverage: tuple[Window, ...]
    gaps: tuple[Window, ...]
    windows: int
    published: tuple[tuple[str, int, str], ...]
    decided: frozenset[str]
    known: frozenset[tuple[str, str]]
    facts: dict[str, bool | None]
    damage: str


class SeenLake:
    """One lake, read again and again; a file that did not change is read once."""

    def __init__(self, root: Path, columns: Sequence[str], database: duckdb.DuckDBPyConnection) -> None:
        """Read ``columns``, the first of which is the key, and ``extra``, the last."""
        self.root = root
        self.workshop = root / "_harvester"
        self._columns = ", ".join(f'"{column}"' for column in columns)
        self._database = database
        self._known: dict[_Stamp, SeenFile] = {}

    def files(self) -> dict[str, tuple[SeenFile, bool]]:
        """Every file by its path, and whether it is new since it was last looked for.

        Raises:
            WrongError: One cannot be read.
        """
        seen: dict[str, tuple[SeenFile, bool]] = {}
        known: dict[_Stamp, SeenFile] = {}
        for path in sorted((self.root / "calls").rglob("*.parquet")):
            name, state = str(path.relative_to(self.root)), path.stat()
            stamp = (name, state.st_ino, state.st_mtime_ns, state.st_size)
            file = self._known.get(stamp) or self._opened(path)
            seen[name] = file, stamp not in self._known
            known[stamp] = file
        self._known = known
        return seen

    def ledger(self) -> Ledger:
        """What the ledger says now."""
        uri = f"{(self.workshop / 'ledger.sqlite').as_uri()}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True)) as ledger:

            def rows(query: str) -> list[Any]:
                return ledger.execute(query).fetchall()

            intents = rows("SELECT path, sha256 FROM intent")
            decided = frozenset(path for path, _ in intents)
            published = rows("SELECT path, rows, sha256 FROM published")
            return Ledger(
                coverage=merged(Window(*row) for row in rows("SELECT start, stop FROM coverage")),
                gaps=merged(Window(*row) for row in rows("SELECT start, stop FROM gap")),
                windows=rows("SELECT count(*) FROM window")[0][0],
                published=tuple(row for row in published if row[0] not in decided),
                decided=decided,
                known=frozenset([*intents, *((path, digest) for path, _, digest in published)]),
                # None, if it was killed in the first instant of its first life.
                facts=next((json.loads(facts) for (facts,) in rows("SELECT facts FROM dataset")), {}),
                damage=rows("PRAGMA integrity_check")[0][0],
            )

    def digest(self, path: str) -> str:
        """The hash of a file."""
        return hashlib.sha256((self.root / path).read_bytes()).hexdigest()

    def left(self, folder: str) -> list[str]:
        """Files that lie in a folder of the workshop."""
        return sorted(path.name for path in (self.workshop / folder).rglob("*") if path.is_file())

    def quarantined(self) -> set[int]:
        """Keys of the records in quarantine."""
        paths = (self.workshop / "quarantine" / "calls").glob("*.jsonl")
        return {json.loads(line)["key"] for path in paths for line in path.read_bytes().splitlines()}

    def _opened(self, path: Path) -> SeenFile:
        told = "SELECT decode(value) FROM parquet_kv_metadata(?) WHERE decode(key) = 'harvester.covers'"
        query = f"SELECT {self._columns}, extra FROM read_parquet(?, hive_partitioning = false)"
        try:
            rows = self._database.execute(query, [str(path)]).fetchall()
            ((covers,),) = self._database.execute(told, [str(path)]).fetchall()
        except duckdb.Error as error:
            raise WrongError(f"P4: {path.name} cannot be read: {error}") from error
        windows = (Window(as_second(start), as_second(end)) for start, end in json.loads(covers))
        return SeenFile(tuple(tuple(map(plain, row)) for row in rows), tuple(windows))


def plain(value: Any) -> object:
    """A value as JSON would bring it, so that rows can be compared, and hashed."""
    if hasattr(value, "timestamp"):
        return int(value.timestamp())
    if isinstance(value, list | dict):
        return json.dumps(value, sort_keys=True)
    if isinstance(value, str) and value.startswith("{"):
        return json.dumps(json.loads(value), sort_keys=True)
    return value
