"""Flat tables: the same rows as nested ones, under the same promises."""

from pathlib import Path

import duckdb

from harvester.datasets import CALLS, Dataset, Kind
from harvester.emulator import SyntheticAccount
from tests.acceptance.harness import DAY, SPRING, bench

START, END = SPRING - 3 * DAY, SPRING


def _account() -> SyntheticAccount:
    return SyntheticAccount(4_000, START, END, seed=6)


def differences(nested: Path, flat: Path, dataset: Dataset = CALLS) -> dict[str, tuple[int, int, int]]:
    """For each table its rows, and how many the nested lake, unnested by SQL, has more and fewer."""
    lists = {field.table or field.name: field for field in dataset.fields if field.kind is Kind.LIST}
    counted = ", ".join(f"len({field.name}) AS {field.name}_count" for field in lists.values())
    others = ", ".join(field.name for field in lists.values())
    head = f"{dataset.key}, {dataset.time_field}"
    queries = {dataset.noun: f"SELECT * EXCLUDE ({others}), {counted} FROM nested"}
    for table, field in lists.items():
        members = ", ".join(f'element."{item.name}"' for item in field.fields)
        queries[table] = f"""
            SELECT {head}, place - 1 AS position, {members}
            FROM (SELECT {head}, unnest({field.name}) AS element, generate_subscripts({field.name}, 1) AS place
                  FROM nested)
        """
    found = {}
    with duckdb.connect() as database:
        source = "read_parquet('{}/**/*.parquet', hive_partitioning = false)"
        database.execute(f"CREATE VIEW nested AS FROM {source.format(nested / dataset.name)}")
        for table, query in queries.items():
            database.execute(f"CREATE OR REPLACE TABLE wanted AS {query}")
            database.execute(
                f"CREATE OR REPLACE TABLE held AS FROM {source.format(flat / f'{dataset.name}.{table}')}"
            )
            names = [name for name, *_ in database.execute("DESCRIBE wanted").fetchall()]
            assert sorted(names) == sorted(name for name, *_ in database.execute("DESCRIBE held").fetchall())
            columns = ", ".join(f'"{name}"' for name in names)
            figures = database.execute(f"""
                SELECT (SELECT count(*) FROM held),
                       (SELECT count(*) FROM (SELECT {columns} FROM wanted EXCEPT ALL SELECT {columns} FROM held)),
                       (SELECT count(*) FROM (SELECT {columns} FROM held EXCEPT ALL SELECT {columns} FROM wanted))
            """).fetchone()
            assert figures is not None
            found[table] = figures
    return found


async def test_flat_tables_hold_the_rows_of_nested_ones(tmp_path: Path) -> None:
    """Each list unnested by SQL is its table, with key, time and position; the rest is the sessions."""
    async with bench(tmp_path, _account()) as it:
        await it.harvest(START, END, lake="nested")
        report = await it.harvest(START, END, lake="flat", tables="flat")
        assert (report.outcome, report.partitions) == ("complete", 3)
        found = differences(tmp_path / "nested", tmp_path / "flat")
        assert {table: figures[1:] for table, figures in found.items()} == dict.fromkeys(
            ("sessions", "calls", "records", "resources"), (0, 0)
        )
        assert found["sessions"][0] == it.account.total
        assert all(rows for rows, *_ in found.values())
