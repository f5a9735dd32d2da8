"""``--tables``: what it reaches, what refuses it, and the columns of flat tables."""

import json
from pathlib import Path

import duckdb
import pytest

from harvester.cli.main import main
from harvester.config import Job
from harvester.datasets import ACD, CALLS, DATASETS, Dataset
from harvester.emulator import ListedAccount, SyntheticAccount
from harvester.errors import ConfigError
from harvester.records.flat import Flat
from tests.acceptance.harness import DAY, SPRING, bench
from tests.cli.test_datasets import ordered

LISTS = pytest.mark.parametrize("dataset", [CALLS, ACD], ids=lambda dataset: dataset.name)
PLAIN = [dataset.name for dataset in DATASETS.values() if not dataset.tables]


def test_the_choice_reaches_the_job() -> None:
    """And is part of what the dataset is; nested as it always was."""
    (flat,) = ordered("--tables", "flat")
    assert (flat.tables, flat.identity["tables"]) == ("flat", "flat")
    assert flat.table_names == ("sessions", "calls", "resources", "records")
    (nested,) = ordered()
    assert (nested.table_names, "tables" in nested.identity) == (("",), False)
    settings = {"window": flat.window, "lake": flat.lake, "credentials": flat.credentials, "name": "calls"}
    assert [Job.of_identity(one.identity, **settings).tables for one in (flat, nested)] == ["flat", "nested"]


@pytest.mark.parametrize("name", PLAIN)
def test_records_without_lists_are_flat_already(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """An option without effect is refused."""
    with pytest.raises(ConfigError, match=rf"^--tables flat is for records with lists; {name} have none"):
        ordered("--dataset", name, "--tables", "flat")
    assert main(["schema", name, "--tables", "flat"]) == 2
    assert f"{name} have no lists" in capsys.readouterr().err


def test_of_all_datasets_those_with_lists_are_flat() -> None:
    """As a switch is for those that know it."""
    orders = ordered("--dataset", "all", "--tables", "flat")
    assert {order.name for order in orders if order.tables == "nested"} == set(PLAIN)


@LISTS
async def test_the_files_load_into_the_tables_of_the_schema(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], dataset: Dataset
) -> None:
    """DuckDB takes the statements, and the files of each table as they are."""
    account = SyntheticAccount(40, SPRING - DAY, SPRING, seed=4, dataset=dataset)
    calls, histories = (account, {}) if dataset is CALLS else (ListedAccount(), {dataset.name: account})
    async with bench(tmp_path, calls, histories=histories) as it:
        await it.harvest(SPRING - DAY, SPRING, tables="flat", dataset=dataset)
    capsys.readouterr()
    assert main(["schema", dataset.name, "--tables", "flat", "--format", "duckdb"]) == 0
    with duckdb.connect() as database:
        database.execute(capsys.readouterr().out)
        for table, schema in Flat.of(dataset).schemas.items():
            name = f"{dataset.name}_{table}"
            columns = database.execute(f"DESCRIBE {name}").fetchall()
            assert [column for column, *_ in columns] == schema.names
            assert [null == "YES" for _, _, null, *_ in columns] == [field.nullable for field in schema]
            files = f"{tmp_path}/lake/{dataset.name}.{table}/**/*.parquet"
            source = f"read_parquet('{files}', hive_partitioning = false)"
            database.execute(f"INSERT INTO {name} FROM {source}")
            (types,) = database.execute(f"SELECT count(*) > 0 FROM {name}").fetchall()
            assert types == (True,)


@LISTS
def test_the_arrow_schemas_are_printed(capsys: pytest.CaptureFixture[str], dataset: Dataset) -> None:
    """Each below the name of its table."""
    assert main(["schema", dataset.name, "--tables", "flat"]) == 0
    text = capsys.readouterr().out
    for table, schema in Flat.of(dataset).schemas.items():
        assert f"{dataset.name}.{table}\n{schema}\n" in text


def test_the_tables_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """Where there are lists."""
    assert main(["datasets"]) == 0
    text = capsys.readouterr().out
    assert "  tables     sessions, calls, resources, records (with --tables flat)\n" in text
    assert text.count("  tables     ") == len(DATASETS) - len(PLAIN)
    assert main(["datasets", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["acd"]["tables"] == ["sessions", "events"]
