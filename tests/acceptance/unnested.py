"""What flat tables must hold: a nested lake of the same history, unnested by DuckDB."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb

from harvester.datasets import CALLS, Dataset, Kind


@dataclass(frozen=True, slots=True)
class Difference:
    """How a table differs from the nested lake.

    Attributes:
        rows: Its rows.
        missing: Rows of the nested lake that it lacks.
        surplus: Rows that the nested lake does not have.
    """

    rows: int
    missing: int
    surplus: int


def compare(nested: Path, flat: Path, *, dataset: Dataset = CALLS) -> dict[str, Difference]:
    """Compare each table of a lake, row for row, with the lists of another."""
    with duckdb.connect() as database:
        database.execute(f"CREATE VIEW nested AS FROM {_files(nested / dataset.name)}")
        return {
            table: _difference(database, query, _files(flat / f"{dataset.name}.{table}"))
            for table, query in _queries(dataset)
        }


def _queries(dataset: Dataset) -> Iterator[tuple[str, str]]:
    lists = [field for field in dataset.fields if field.kind is Kind.LIST]
    counts = ", ".join(f"len({field.name}) AS {field.name}_count" for field in lists)
    names = ", ".join(field.name for field in lists)
    yield dataset.noun, f"SELECT * EXCLUDE ({names}), {counts} FROM nested"
    head = f"{dataset.key}, {dataset.time_field}"
    for field in lists:
        members = ", ".join(f'element."{item.name}"' for item in field.fields)
        places = f"unnest({field.name}) AS element, generate_subscripts({field.name}, 1) - 1 AS position"
        yield (
            field.table or field.name,
            f"SELECT {head}, position, {members} FROM (SELECT {head}, {places} FROM nested)",
        )


def _difference(database: duckdb.DuckDBPyConnection, query: str, files: str) -> Difference:
    database.execute(f"CREATE OR REPLACE TABLE wanted AS {query}")
    database.execute(f"CREATE OR REPLACE TABLE held AS FROM {files}")
    wanted, held = (
        sorted(name for name, *_ in database.execute(f"DESCRIBE {table}").fetchall())
        for table in ("wanted", "held")
    )
    assert wanted == held
    columns = ", ".join(f'"{name}"' for name in wanted)
    found = database.execute(f"""
        WITH a AS (SELECT {columns} FROM wanted), b AS (SELECT {columns} FROM held)
        SELECT (SELECT count(*) FROM b),
               (SELECT count(*) FROM (FROM a EXCEPT ALL FROM b)),
               (SELECT count(*) FROM (FROM b EXCEPT ALL FROM a))
    """).fetchone()
    assert found is not None
    return Difference(*found)


def _files(folder: Path) -> str:
    return f"read_parquet('{folder}/**/*.parquet', hive_partitioning = false)"
