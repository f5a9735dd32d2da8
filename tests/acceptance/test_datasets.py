"""Every dataset is harvested under the same promises, from its description alone."""

from dataclasses import replace
from pathlib import Path

import pytest

from harvester import datasets
from harvester.api.credentials import load_credentials
from harvester.cli.exit_codes import ExitCode
from harvester.cli.main import main
from harvester.config import Job
from harvester.datasets import ACD, AUDIT, CALLS, DATASETS, TRANSACTIONS, Dataset
from harvester.emulator import Account, Behaviour, ListedAccount, SyntheticAccount
from harvester.forecast import forecast
from harvester.inspection import damages, holdings
from harvester.lake.recover import rebuild
from harvester.todo import damaged
from harvester.window import Window
from tests.acceptance.harness import DAY, Bench, bench
from tests.acceptance.histories import END, START, histories
from tests.acceptance.oracle import exact
from tests.acceptance.process import served_process
from tests.acceptance.verifying import verify

pytestmark = pytest.mark.large
PAGED = [dataset for dataset in DATASETS.values() if dataset.paged]
OTHERS = pytest.mark.parametrize("dataset", [TRANSACTIONS, ACD, AUDIT], ids=lambda dataset: dataset.name)


@OTHERS
@pytest.mark.parametrize("inclusive", [True, False], ids=["inclusive", "exclusive"])
async def test_the_lake_equals_the_history(tmp_path: Path, dataset: Dataset, inclusive: bool) -> None:  # noqa: FBT001
    """Every record arrives once and unaltered, whatever the bounds mean; more than paging reaches."""
    behaviour = Behaviour(from_inclusive=inclusive, to_inclusive=inclusive)
    others = histories(13_000)
    async with bench(tmp_path, ListedAccount(), behaviour, histories=others) as it:
        report = await it.harvest(START, END, dataset=dataset)
        assert (report.outcome, report.rows, report.quarantined) == ("complete", 13_000, 0)
        assert it.verdict(START, END, dataset=dataset) == exact(13_000)
        assert report.requests <= 20
        parameters = {name for asked in it.emulator.requests for name in asked.parameters}
        assert ("with_total_count" in parameters) is dataset.asks_total
        assert "timezone" not in parameters


@OTHERS
async def test_a_dense_second_is_read_from_both_ends(tmp_path: Path, dataset: Dataset) -> None:
    """It holds more than paging reaches from one."""
    others = histories(13_000, shape="spike", spike=12_500)
    async with bench(tmp_path, ListedAccount(), histories=others) as it:
        report = await it.harvest(START, END, dataset=dataset)
        assert (report.outcome, report.rows) == ("complete", 13_000)
        assert it.verdict(START, END, dataset=dataset) == exact(13_000)


async def test_a_dataset_with_nothing_to_choose_is_proven_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the order nor the total can be asked for, and nothing narrows: the proof needs none of them."""
    plain = replace(ACD, descends=False, asks_total=False, narrowing=())
    monkeypatch.setattr(datasets, "DATASETS", {**DATASETS, "acd": plain})
    others = histories(13_000, shape="spike", spike=3_000)
    async with bench(tmp_path, ListedAccount(), histories=others) as it:
        report = await it.harvest(START, END, dataset=plain)
        assert (report.outcome, report.rows) == ("complete", 13_000)
        assert it.verdict(START, END, dataset=plain) == exact(13_000)
        parameters = {name for asked in it.emulator.requests for name in asked.parameters}
        assert not {"desc_order", "with_total_count"} & parameters


@pytest.mark.parametrize("dataset", [ACD, AUDIT], ids=lambda dataset: dataset.name)
@pytest.mark.parametrize("beyond", ["error", "clamp"])
@pytest.mark.parametrize(
    ("count", "offset", "code"),
    [(1_000, 3_000, 497), (300, 10_000, 496), (100, 0, 101), (250, 1_100, 497)],
    ids=["offset", "count", "neither", "both"],
)
async def test_caps_that_are_not_published_are_found(
    tmp_path: Path, *, dataset: Dataset, beyond: str, count: int, offset: int, code: int
) -> None:
    """Refused or lowered in silence: the lake is whole, and the next run knows what was learned."""
    behaviour = Behaviour(
        beyond_cap=beyond,  # type: ignore[arg-type]  # one of the two it takes
        page_size=count,
        max_offset=offset,
        range_code=code,
    )
    async with bench(tmp_path, ListedAccount(), behaviour, histories=histories(4_500)) as it:
        report = await it.harvest(START, END, dataset=dataset)
        assert (report.outcome, report.rows, report.gaps) == ("complete", 4_500, ())
        assert it.verdict(START, END, dataset=dataset) == exact(4_500)
        it.emulator.reset()
        extended = await it.harvest(START - DAY, END + DAY, dataset=dataset)
        assert extended.outcome == "complete"
        assert not any(asked.error for asked in it.emulator.requests), "what was learned is not asked again"


async def test_all_of_them_live_side_by_side(tmp_path: Path) -> None:
    """In one lake, each with its files and its verification; a lost ledger is rebuilt from all of them."""
    calls = SyntheticAccount(400, START, END, seed=4)
    others = histories(400)
    async with bench(tmp_path, calls, histories=others) as it:
        for dataset in PAGED:
            assert (await it.harvest(START, END, dataset=dataset)).outcome == "complete"
        for dataset in PAGED:
            assert it.verdict(START, END, dataset=dataset).missing == 0
            assert it.verdict(START, END, dataset=dataset).surplus == 0
        assert {item.name: item.rows for item in holdings(tmp_path / "lake")} == {
            "acd": 400,
            "audit": 400,
            "calls": calls.count(START, END),
            "transactions": 400,
        }
        for name in (dataset.name for dataset in PAGED):
            assert (await verify(it, name)).is_sound
        held = {item.name: (item.rows, item.identity) for item in holdings(tmp_path / "lake")}
        for part in (tmp_path / "lake" / "_harvester").glob("ledger.sqlite*"):
            part.unlink()
        assert not rebuild(tmp_path / "lake", now=END).aside
        assert {item.name: (item.rows, item.identity) for item in holdings(tmp_path / "lake")} == held


@OTHERS
async def test_verify_repair_plan_and_status_know_each(tmp_path: Path, dataset: Dataset) -> None:
    """What came later is found by its count, and read anew; the others are left alone."""
    record = {"account_id": 4_714_487, dataset.time_field: "2024-03-29 10:00:00"}
    history = ListedAccount(({**record, dataset.key: number} for number in range(1, 40)), dataset=dataset)
    others: dict[str, Account] = {**histories(100), dataset.name: history}
    async with bench(tmp_path, SyntheticAccount(100, START, END, seed=4), histories=others) as it:
        await it.harvest(START, END)
        planned = await forecast(_job(it, dataset), load_credentials(it.folder / "key.json")[0])
        assert (planned.estimate.rows, planned.asked) == (39, 1)
        await it.harvest(START, END, dataset=dataset)
        history.add({**record, dataset.key: 40})
        assert (await verify(it, dataset.name)).is_sound
        result = await verify(it, dataset.name, against_api=True)
        assert [count.api - count.lake for count in result.differing] == [1]
        assert (await verify(it, "calls", against_api=True)).is_sound
        (holding,) = holdings(tmp_path / "lake", name=dataset.name)
        window = damages(holding)
        assert window is not None
        it.emulator.reset()
        await it.harvest(window.start, window.end, dataset=dataset, scope=damaged)
        assert {asked.method for asked in it.emulator.requests} == {dataset.method}
        assert it.verdict(START, END, dataset=dataset) == exact(40)
        assert (await verify(it, dataset.name, against_api=True)).is_sound


def _job(it: Bench, dataset: Dataset) -> Job:
    return Job(
        dataset=dataset,
        name=dataset.name,
        window=Window(START, END),
        lake=it.folder / "lake",
        credentials=it.folder / "key.json",
        endpoint=it.endpoint,
        rate=None,
    )


def test_the_datasets_are_told_apart() -> None:
    """Each by its name, method and key."""
    assert [dataset.name for dataset in DATASETS.values()] == [
        "calls",
        "brief_calls",
        "transactions",
        "acd",
        "audit",
    ]
    assert len({dataset.method for dataset in PAGED}) == len(PAGED)
    assert CALLS.caps_published


def test_one_command_harvests_all(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What the key's role allows is complete, what it does not is named, and the exit code tells of it."""
    days = ("--from", "2024-05-01", "--to", "2024-05-03")
    lake = ("--lake", str(tmp_path / "lake"))
    with served_process(tmp_path / "key", *days, "--sessions", "400", "--role", "Supervisor") as served:
        order = ["backfill", "--dataset", "all", *days, *lake, *served.options, "--rate", "none", "--quiet"]
        assert main([*order, "--json"]) == ExitCode.REFUSED
        out, err = capsys.readouterr()
        assert out.count('"outcome": "complete"') == 2
        assert "needs one of the roles" in err or err.count("with code 104") == 2
        held = {item.name: item.rows for item in holdings(tmp_path / "lake")}
        assert (held["calls"], held["acd"]) == (400, 100)
        asked = served.requests
        assert main(order) == ExitCode.REFUSED
        assert served.requests == asked + 2, "only what was refused is asked again"
    assert main(["verify", *lake, "--quiet"]) == ExitCode.COMPLETE
