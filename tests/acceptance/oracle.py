"""The judge of the tests: compares a lake with the account it came from, by DuckDB and JSON alone."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from pathlib import Path

import duckdb
import orjson

from harvester.datasets import CALLS, Dataset, Field, Kind

_TYPES = {
    Kind.INTEGER: "BIGINT",
    Kind.DIGITS: "BIGINT",
    Kind.NUMBER: "DOUBLE",
    Kind.BOOLEAN: "BOOLEAN",
    Kind.TEXT: "VARCHAR",
    Kind.JSON: "JSON",
    Kind.INSTANT: "TIMESTAMP",
    Kind.DATE: "DATE",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a lake differs from the truth; all zeros if it does not.

    Attributes:
        rows: Rows in the lake.
        missing: Records that no row equals.
        surplus: Rows that no record equals.
        doubled: Keys that come more than once.
        unsorted: Rows older than the row before them in the same file.
        strayed: Rows that lie in another partition than their time says.
    """

    rows: int
    missing: int
    surplus: int
    doubled: int
    unsorted: int
    strayed: int


def exact(rows: int) -> Verdict:
    """The verdict on a lake of ``rows`` rows with nothing wrong."""
    return Verdict(rows, 0, 0, 0, 0, 0)


def judge(
    lake: Path,
    truth: Iterable[Mapping[str, object] | bytes],
    *,
    dataset: Dataset = CALLS,
    name: str | None = None,
) -> Verdict:
    """Compare the files of ``name``, or of the dataset, value by value, with the records the API served.

    Records may be JSON as it was served, which spares parsing it here.
    """
    folder = lake / (name or dataset.name)
    expected = _rows_of(truth, dataset, lake.with_suffix(".truth.jsonl"))
    files = f"{folder}/**/*.parquet"
    if not list(folder.rglob("*.parquet")):
        return Verdict(0, _count(f"SELECT count(*) FROM {expected}"), 0, 0, 0, 0)
    time, key = dataset.time_field, dataset.key
    names = ", ".join(f'"{field.name}"' for field in dataset.fields)
    columns = ", ".join(
        f'CAST("{field.name}" AS {_type(field)}) AS "{field.name}"' for field in dataset.fields
    )
    source = f"read_parquet('{files}', filename = true, file_row_number = true, hive_partitioning = false)"
    _database().execute(
        f"CREATE OR REPLACE TABLE lake AS SELECT hash(row({names})) AS record, {key}, {time}, filename,"
        f" file_row_number FROM (SELECT {columns}, filename, file_row_number FROM {source})"
    )
    records = "SELECT record FROM"
    return Verdict(
        rows=_count("SELECT count(*) FROM lake"),
        missing=_count(f"SELECT count(*) FROM ({records} {expected} EXCEPT ALL {records} lake)"),
        surplus=_count(f"SELECT count(*) FROM ({records} lake EXCEPT ALL {records} {expected})"),
        doubled=_count(f"SELECT count({key}) - count(DISTINCT {key}) FROM lake"),
        unsorted=_count(
            f"SELECT count(*) FROM (SELECT ({time}, {key}) < lag(({time}, {key})) OVER"
            " (PARTITION BY filename ORDER BY file_row_number) AS back FROM lake) WHERE back",
        ),
        strayed=_count(
            f"SELECT count(*) FROM lake WHERE NOT contains(filename, 'date=' || strftime({time}, '%Y-%m-%d'))"
            f" AND NOT contains(filename, 'month=' || strftime({time}, '%Y-%m'))",
        ),
    )


@cache
def _database() -> duckdb.DuckDBPyConnection:
    """One for all lakes: opening it takes longer than most of them."""
    database = duckdb.connect(config={"threads": 1})  # tests run side by side
    database.execute("SET TimeZone = 'UTC'")
    return database


def _rows_of(truth: Iterable[Mapping[str, object] | bytes], dataset: Dataset, path: Path) -> str:
    """The table of these records, which many lakes are compared with.

    A row is a 64-bit hash of all its values, nested ones too: comparing them in full takes minutes.
    """
    lines = b"\n".join(record if isinstance(record, bytes) else orjson.dumps(record) for record in truth)
    columns = ", ".join(f"'{field.name}': '{_type(field)}'" for field in dataset.fields)
    names = ", ".join(f'"{field.name}"' for field in dataset.fields)
    table = f"truth_{blake2b(columns.encode() + lines, digest_size=16).hexdigest()}"
    path.write_bytes(lines)
    _database().execute(
        f"CREATE TABLE IF NOT EXISTS {table} AS SELECT hash(row({names})) AS record"
        f" FROM read_json('{path}', format = 'newline_delimited', columns = {{{columns}}})"
    )
    path.unlink()
    return table


def _type(field: Field) -> str:
    if field.kind in _TYPES:
        return _TYPES[field.kind]
    members = ", ".join(f'"{nested.name}" {_type(nested)}' for nested in field.fields)
    return f"STRUCT({members})[]" if field.kind is Kind.LIST else f"STRUCT({members})"


def _count(query: str) -> int:
    row = _database().execute(query).fetchone()
    assert row is not None
    return int(row[0])
