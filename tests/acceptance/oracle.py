"""The judge of the tests: compares a lake with the account it came from, by DuckDB and JSON alone."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
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
    lake: Path, truth: Iterable[Mapping[str, object]], *, dataset: Dataset = CALLS, name: str | None = None
) -> Verdict:
    """Compare the files of ``name``, or of the dataset, value by value, with the records the API served."""
    folder = lake / (name or dataset.name)
    database = duckdb.connect()
    database.execute("SET TimeZone = 'UTC'")
    _load_truth(database, lake, truth, dataset)
    files = f"{folder}/**/*.parquet"
    if not list(folder.rglob("*.parquet")):
        return Verdict(0, _count(database, "SELECT count(*) FROM truth"), 0, 0, 0, 0)
    columns = ", ".join(
        f'CAST("{field.name}" AS {_type(field)}) AS "{field.name}"' for field in dataset.fields
    )
    source = f"read_parquet('{files}', filename = true, file_row_number = true, hive_partitioning = false)"
    database.execute(f"CREATE TABLE lake AS SELECT {columns}, extra, filename, file_row_number FROM {source}")
    time, key = dataset.time_field, dataset.key
    names = ", ".join(f'"{field.name}"' for field in dataset.fields)
    # Whole rows are compared by a 64-bit hash of all their values, nested ones too: comparing them in full
    # takes minutes.
    truth_rows, lake_rows = (f"SELECT hash(row({names})) FROM {table}" for table in ("truth", "lake"))
    return Verdict(
        rows=_count(database, "SELECT count(*) FROM lake"),
        missing=_count(database, f"SELECT count(*) FROM ({truth_rows} EXCEPT ALL {lake_rows})"),
        surplus=_count(database, f"SELECT count(*) FROM ({lake_rows} EXCEPT ALL {truth_rows})"),
        doubled=_count(database, f"SELECT count({key}) - count(DISTINCT {key}) FROM lake"),
        unsorted=_count(
            database,
            f"SELECT count(*) FROM (SELECT ({time}, {key}) < lag(({time}, {key})) OVER"
            " (PARTITION BY filename ORDER BY file_row_number) AS back FROM lake) WHERE back",
        ),
        strayed=_count(
            database,
            f"SELECT count(*) FROM lake WHERE NOT contains(filename, 'date=' || strftime({time}, '%Y-%m-%d'))"
            f" AND NOT contains(filename, 'month=' || strftime({time}, '%Y-%m'))",
        ),
    )


def _load_truth(
    database: duckdb.DuckDBPyConnection, lake: Path, truth: Iterable[Mapping[str, object]], dataset: Dataset
) -> None:
    path = lake.with_suffix(".truth.jsonl")
    with path.open("wb") as file:
        for record in truth:
            file.write(orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE))
    columns = ", ".join(f"'{field.name}': '{_type(field)}'" for field in dataset.fields)
    database.execute(
        f"CREATE TABLE truth AS SELECT * FROM read_json('{path}', format = 'newline_delimited',"
        f" columns = {{{columns}}})"
    )
    path.unlink()


def _type(field: Field) -> str:
    if field.kind in _TYPES:
        return _TYPES[field.kind]
    members = ", ".join(f'"{nested.name}" {_type(nested)}' for nested in field.fields)
    return f"STRUCT({members})[]" if field.kind is Kind.LIST else f"STRUCT({members})"


def _count(database: duckdb.DuckDBPyConnection, query: str) -> int:
    row = database.execute(query).fetchone()
    assert row is not None
    return int(row[0])
