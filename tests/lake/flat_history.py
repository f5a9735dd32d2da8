"""The tiny history with lists in its records, and the flat tables that a lake makes of it."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from harvester.lake.verify import Expected
from harvester.records.flat import Flat, ListTable
from harvester.window import Window, shares
from tests.lake.history import SCHEMA, TABLE, Lake, Row, batches, hours, opened, rows_of

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
OLD, REST = hours(0, 12), hours(12, 72)  # Monday's rest, Tuesday, and a Wednesday without records


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


@pytest.fixture(name="lake")
def flat_lake(tmp_path: Path) -> Iterator[Lake]:
    """A new lake of flat tables, its ledger open; imported, it takes the place of the usual one."""
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
