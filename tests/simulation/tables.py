"""One published partition as any reader sees it, by DuckDB: a file, or the files of flat tables."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from harvester.datasets import Dataset, Kind
from harvester.window import Window, as_second

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class SeenFile:
    """A file that readers see.

    Attributes:
        rows: Its rows, in order, with plain values.
        covers: The seconds that its footer claims.
        others: The files of its lists, if tables are flat: path and rows of each.
        apart: Whether these are not of the same publication: it is being replaced.
    """

    rows: tuple[Row, ...]
    covers: tuple[Window, ...]
    others: tuple[tuple[str, int], ...] = ()
    apart: bool = False


class FlatTables:
    """Makes records of flat tables again, by DuckDB and plain Python: no code of the program is used."""

    def __init__(self, dataset: Dataset) -> None:
        """Read the tables of ``dataset``."""
        self._name = dataset.name
        self._key = dataset.key
        self._main = f"{dataset.name}.{dataset.noun}"
        self._lists = {
            field.name: (field.table or field.name, [item.name for item in field.fields])
            for field in dataset.fields
            if field.kind is Kind.LIST
        }
        self._names = [field.name for field in dataset.fields]

    def others(self, root: Path, path: Path) -> tuple[Path, ...]:
        """The files of the lists that belong to one of the records."""
        relative = str(path.relative_to(root))
        called = (f"{self._name}.{table}" for table, _ in self._lists.values())
        return tuple(root / relative.replace(self._main, name) for name in called)

    def opened(
        self, database: duckdb.DuckDBPyConnection, root: Path, path: Path, others: Sequence[Path]
    ) -> SeenFile:
        """Read a partition; its lists only if its files belong together."""
        footers = [_footer(database, other) if other.exists() else {} for other in (path, *others)]
        covers = tuple(Window(as_second(s), as_second(e)) for s, e in json.loads(footers[0]["covers"]))
        if len({(footer.get("run"), footer.get("covers"), footer.get("rows")) for footer in footers}) > 1:
            return SeenFile((), covers, apart=True)
        columns = ", ".join(f'"{name}_count"' if name in self._lists else f'"{name}"' for name in self._names)
        rows = [list(row) for row in _read(database, f"{columns}, extra", path)]
        counted = []
        for (name, (_, fields)), other in zip(self._lists.items(), others, strict=True):
            held, count = self._elements(database, other, fields)
            counted.append((str(other.relative_to(root)), count))
            place = self._names.index(name)
            for row in rows:
                elements, wanted = held.pop(row[0], []), row[place]
                # What does not add up is no list at all, and no record has such a value.
                whole = [number for number, _ in elements] == list(range(wanted or 0))
                row[place] = f"{wanted} counted, {elements}" if not whole else wanted
                if whole and wanted is not None:
                    row[place] = [element for _, element in elements]
            assert not held, f"elements of no record: {held}"
        return SeenFile(tuple(tuple(map(plain, row)) for row in rows), covers, tuple(counted))

    def _elements(
        self, database: duckdb.DuckDBPyConnection, path: Path, fields: Sequence[str]
    ) -> tuple[dict[int, list[tuple[int, dict[str, object]]]], int]:
        held = defaultdict(list)
        columns = ", ".join(f'"{name}"' for name in (self._key, "position", *fields))
        rows = _read(database, columns, path)
        for key, position, *values in rows:
            held[key].append((position, dict(zip(fields, values, strict=True))))
        return dict(held), len(rows)


def _read(database: duckdb.DuckDBPyConnection, columns: str, path: Path) -> list[Row]:
    query = f"SELECT {columns} FROM read_parquet(?, hive_partitioning = false)"
    return database.execute(query, [str(path)]).fetchall()


def _footer(database: duckdb.DuckDBPyConnection, path: Path) -> Mapping[str, str]:
    query = (
        "SELECT decode(key), decode(value) FROM parquet_kv_metadata(?) WHERE decode(key) LIKE 'harvester.%'"
    )
    told = database.execute(query, [str(path)]).fetchall()
    return {key.removeprefix("harvester."): value for key, value in told}


def plain(value: Any) -> object:
    """A value as JSON would bring it, so that rows can be compared, and hashed."""
    if hasattr(value, "timestamp"):
        return int(value.timestamp())
    if isinstance(value, list | dict):
        return json.dumps(value, sort_keys=True)
    if isinstance(value, str) and value.startswith("{"):
        return json.dumps(json.loads(value), sort_keys=True)
    return value
