"""What can be harvested, said by the program itself; and options that belong to some datasets only."""

import json
from pathlib import Path

import click
import duckdb
import pytest

from harvester.api.pacing import Pace
from harvester.cli.config_file import command_named
from harvester.cli.exit_codes import ExitCode
from harvester.cli.jobs import jobs
from harvester.cli.main import main
from harvester.cli.options import job
from harvester.cli.several import one_after_the_other
from harvester.config import Job
from harvester.datasets import DATASETS, Dataset
from harvester.errors import ConfigError, RefusedError
from harvester.records.ddl import ddl
from harvester.records.schema import arrow_schema

NEEDED = ("--from", "2024-05-29", "--to", "2024-05-30", "--lake", "lake", "--credentials", "key.json")
PAGED = [dataset.name for dataset in DATASETS.values() if dataset.paged]
EACH = pytest.mark.parametrize("dataset", DATASETS.values(), ids=lambda dataset: dataset.name)


def ordered(*arguments: str) -> list[Job]:
    """The jobs that a command line describes."""
    return jobs(command_named("backfill").make_context("backfill", [*NEEDED, *arguments]).params)


def test_every_dataset_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """With its method, and each of its columns on a line."""
    assert main(["datasets"]) == 0
    text = capsys.readouterr().out
    for dataset in DATASETS.values():
        assert f"{dataset.name}  ({dataset.method})" in text
        assert all(f"\n    {item.name}  " in text for item in dataset.fields)
    assert "\n  report     GetCallHistoryAsync, with --no-records --no-resources\n" in text
    assert "\n  report     GetBriefCallHistory\n" in text
    assert main(["datasets", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert listed["acd"]["columns"]["events"]["type"] == "string"
    assert [name for name, item in listed.items() if not item["paged"]] == ["brief_calls"]
    assert listed["acd"]["report"] is None
    assert listed["audit"]["filters"]["cmd_name"] == "filtered_cmd"


@EACH
def test_duckdb_takes_the_statement(dataset: Dataset, capsys: pytest.CaptureFixture[str]) -> None:
    """And makes a table with the same columns, in the same order, with the same nulls."""
    assert main(["schema", dataset.name, "--format", "duckdb"]) == 0
    database = duckdb.connect()
    database.execute(capsys.readouterr().out)
    columns = database.execute(f'DESCRIBE "{dataset.name}"').fetchall()
    schema = arrow_schema(dataset)
    assert [name for name, *_ in columns] == schema.names
    assert [null == "YES" for _, _, null, *_ in columns] == [field.nullable for field in schema]


@EACH
def test_the_arrow_schema_is_printed(dataset: Dataset, capsys: pytest.CaptureFixture[str]) -> None:
    """As Arrow itself writes it."""
    assert main(["schema", dataset.name]) == 0
    assert capsys.readouterr().out.strip() == str(arrow_schema(dataset)).strip()


def test_spark_s_types() -> None:
    """Lists are arrays, structs have colons, and moments are instants."""
    text = ddl("acd", arrow_schema(DATASETS["acd"]), "spark")
    assert "`begin_time` TIMESTAMP NOT NULL,\n" in text
    assert "`events` ARRAY<STRUCT<`acd_session_event_id`: BIGINT, `time`: TIMESTAMP, " in text
    assert text.endswith("\n) USING PARQUET;")


def test_switches_and_filters_of_one_name_are_one_option() -> None:
    """Datasets may share an option only if it means the same to each of them."""
    known: dict[str, object] = {}
    for dataset in DATASETS.values():
        for name, item in dataset.filters.items():
            shape = (item.kind, item.several, item.what)
            assert known.setdefault(name, shape) == shape
        assert not dataset.switches.keys() & dataset.filters.keys()
        assert set(dataset.narrowing) <= dataset.filters.keys() & {field.name for field in dataset.fields}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--dataset", "acd", "--no-calls"], "--no-calls is an option of --dataset calls, not of 'acd'"),
        (["--dataset", "acd", "--calls"], "--calls is an option of --dataset calls, not of 'acd'"),
        (
            ["--no-events"],
            "--no-events is an option of --dataset acd, not of 'calls', which takes",
        ),
        (
            ["--dataset", "audit", "--user-id", "7"],
            "--user-id is an option of .*, not of 'audit', which takes --cmd-name, --ip, --subuser-id",
        ),
        (["--min-waiting-time", "0"], "--min-waiting-time is an option of --dataset acd"),
        (["--unserviced"], "--unserviced is an option of --dataset acd"),
        (["--dataset", "all", "--user-id", "7"], "--user-id is an option of .* not of 'audit'"),
        (["--dataset", "all", "--name", "x"], "--name is the name of one dataset"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_an_option_of_another_dataset_is_refused(arguments: list[str], sentence: str) -> None:
    """Passed over, it would harvest something else than was meant."""
    with pytest.raises(ConfigError, match=f"^{sentence}"):
        ordered(*arguments)


def test_an_option_of_another_dataset_is_refused_from_the_environment_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Wherever it was said."""
    monkeypatch.setenv("HARVESTER_RULE_NAME", "queue")
    with pytest.raises(ConfigError, match=r"^--rule-name is an option of --dataset calls"):
        ordered("--dataset", "transactions")


def test_options_reach_the_job_of_their_dataset() -> None:
    """As the vendor's parameters."""
    (order,) = ordered("--dataset", "audit", "--cmd-name", "AddUser", "--cmd-name", "DelUser", "--ip", "::1")
    assert order.shared == {"filtered_cmd": "AddUser;DelUser", "filtered_ip": "::1"}
    (order,) = ordered("--dataset", "acd", "--no-events", "--unserviced", "--min-waiting-time", "9")
    assert order.shared == {"with_events": "false", "unserviced": "true", "min_waiting_time": "9"}
    assert order.name == "acd"


def test_the_way_is_said_or_follows_from_the_dataset() -> None:
    """Brief calls have no pages; what only pages carry keeps ``auto`` from ordering reports."""
    said: dict[tuple[str, ...], str] = {
        (): "pages",
        ("--dataset", "brief_calls"): "reports",
        ("--dataset", "brief_calls", "--via", "auto"): "reports",
        ("--dataset", "audit", "--via", "reports"): "reports",
        ("--dataset", "audit", "--via", "auto"): "auto",
        ("--dataset", "acd", "--via", "auto"): "pages",
        ("--via", "auto"): "pages",
        ("--via", "auto", "--no-records", "--no-resources"): "auto",
        ("--via", "reports", "--no-records", "--no-resources"): "reports",
    }
    assert {arguments: ordered(*arguments)[0].way for arguments in said} == said


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--via", "reports"], "--via reports needs --no-records and --no-resources for calls"),
        (["--via", "reports", "--dataset", "transactions"], "--via reports needs --no-extended-info for"),
        (["--via", "reports", "--dataset", "acd"], "the vendor makes no reports of acd"),
        (["--via", "pages", "--dataset", "brief_calls"], "brief_calls can be had by report only"),
        (["--user-id", "7", "--dataset", "brief_calls"], "--user-id is an option of --dataset calls or"),
    ],
)
def test_a_way_that_cannot_be_gone_is_refused(arguments: list[str], sentence: str) -> None:
    """Before anything is asked, with what to leave out."""
    with pytest.raises(ConfigError, match=f"^{sentence}"):
        ordered(*arguments)


def test_all_datasets_are_jobs_of_one_lake() -> None:
    """Each under its own name; a switch is for those that know it."""
    orders = ordered("--dataset", "all", "--no-calls", "--no-events")
    assert [order.name for order in orders] == PAGED
    assert {order.lake for order in orders} == {Path("lake")}
    assert orders[0].switches == {"calls": False, "records": True, "resources": True}
    assert [dict(order.switches) for order in orders[1:]] == [{"extended_info": True}, {"events": False}, {}]
    values = command_named("backfill").make_context("backfill", [*NEEDED, "--dataset", "all"]).params
    with pytest.raises(ConfigError, match="one dataset at a time"):
        job(values)


def test_the_worst_exit_code_counts(capsys: pytest.CaptureFixture[str]) -> None:
    """One job's failure is its own, whatever comes after it; a signal ends them all."""
    orders = ordered("--dataset", "all")

    def work(outcomes: dict[str, int]) -> int:
        async def one(order: Job, _pace: Pace) -> int:
            done.append(order.name)
            if order.name == "transactions":
                raise RefusedError(104, "forbidden", "Use a key with another role.")
            return outcomes.get(order.name, 0)

        return one_after_the_other(orders, one)

    done: list[str] = []
    assert work({"acd": ExitCode.GAPS}) == ExitCode.REFUSED
    assert done == PAGED
    assert "with code 104" in capsys.readouterr().err
    assert work({"audit": ExitCode.LOCKED}) == ExitCode.LOCKED
    done.clear()
    assert work({"acd": ExitCode.SIGNAL + 2}) == 130
    assert done == ["calls", "transactions", "acd"]


def test_one_job_fails_as_it_always_did() -> None:
    """Its error goes on to whoever explains it."""

    async def work(_job: Job, _pace: Pace) -> int:
        raise click.ClickException("no")

    with pytest.raises(click.ClickException):
        one_after_the_other(ordered(), work)
