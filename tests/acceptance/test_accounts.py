"""The histories of an account and of its children, kept apart in one lake."""

import asyncio
from collections import Counter
from pathlib import Path

import duckdb
import polars as pl
import pytest

from harvester.account import named
from harvester.api.credentials import load_credentials
from harvester.api.pacing import Pace
from harvester.cli import several
from harvester.cli.kept import kept_jobs
from harvester.config import Job
from harvester.datasets import ACD, AUDIT, CALLS, TRANSACTIONS, Dataset
from harvester.emulator import Behaviour
from harvester.errors import LakeError
from harvester.health import HealthFile
from harvester.inspection import holdings
from harvester.look_back import LookBack
from harvester.round import Round
from harvester.service import Service, Settings
from harvester.window import as_text
from tests.acceptance import files
from tests.acceptance.family import (
    ACCOUNTS,
    CHILD,
    END,
    OTHER,
    PARENT,
    SITUATIONS,
    START,
    behaving,
    histories,
    home,
    listed,
    small,
)
from tests.acceptance.harness import DAY
from tests.acceptance.oracle import exact

pytestmark = pytest.mark.large
PARAMETERS = {"child_account_id", "children_calls_only", "children_transactions_only"}


@SITUATIONS
@pytest.mark.parametrize("dataset", [CALLS, TRANSACTIONS], ids=lambda dataset: dataset.name)
async def test_each_account_has_its_own_records_once(
    tmp_path: Path, dataset: Dataset, children_by: str, *, included: bool, same_ids: bool
) -> None:
    """However a child is asked for, and whether or not the parent's answers hold its children's records."""
    family = histories(dataset, same_ids=same_ids)
    async with home(tmp_path, family, behaving(includes_children=included), dataset) as it:
        reports = await it.harvest(children_by=children_by)
        assert [report.outcome for report in reports] == ["complete"] * 3
        for account, report in zip(ACCOUNTS, reports, strict=True):
            assert report.rows == it.truth(account).total
            assert it.verdict(account) == exact(report.rows)
        rows = duckdb.execute(
            f"SELECT account_id, count(*), count(DISTINCT {dataset.key}) FROM"
            f" read_parquet('{tmp_path}/lake/{dataset.name}/**/*.parquet', hive_partitioning = true)"
            " GROUP BY ALL ORDER BY ALL"
        ).fetchall()
        assert rows == [(one.id, it.truth(one).total, it.truth(one).total) for one in ACCOUNTS]
        sent = {name for asked in it.bench.emulator.requests for name in asked.parameters}
        assert bool(sent & PARAMETERS) is (children_by == "parameter")
        assert all(result.is_sound for result in (await it.verify(children_by)).values())


@pytest.mark.parametrize("dataset", [ACD, AUDIT], ids=lambda dataset: dataset.name)
async def test_a_token_is_enough_for_methods_that_know_no_children(tmp_path: Path, dataset: Dataset) -> None:
    """The child's id in it is all that says whose history is meant."""
    async with home(tmp_path, histories(dataset, records=120), dataset=dataset) as it:
        await it.harvest()
        for account in ACCOUNTS:
            assert it.verdict(account) == exact(it.truth(account).total)


@pytest.mark.parametrize("seconds", [0.2, 1.5, 3.0])
async def test_cut_off_at_any_moment_it_goes_on(tmp_path: Path, seconds: float) -> None:
    """The next run completes each account, and asks again only for answers that had not arrived."""
    behaviour = behaving(latency=0.3, latency_sigma=0.3, includes_children=True)
    async with home(tmp_path, histories(records=700), behaviour) as it:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(seconds):
                await it.harvest(children_by="parameter")
        in_flight = it.bench.emulator.in_flight
        reports = await it.harvest(children_by="parameter")
        assert [report.outcome for report in reports] == ["complete"] * 3
        for account in ACCOUNTS:
            assert it.verdict(account) == exact(it.truth(account).total)
        asked = Counter(tuple(sorted(one.parameters.items())) for one in it.bench.emulator.requests)
        assert sum(times - 1 for times in asked.values()) <= max(8, in_flight)
        assert not [path for path in (tmp_path / "lake/_harvester/spool").rglob("*") if path.is_file()]


async def test_what_does_not_fit_is_its_owners(tmp_path: Path) -> None:
    """A child's record in quarantine is not the parent's too, and the counts agree."""

    def records(account_id: int) -> list[dict[str, object]]:
        record = {"account_id": account_id, "start_date": as_text(START + 60)}
        sound = [record | {CALLS.key: number, "duration": 5} for number in range(1, 4)]
        return [*sound, record | {CALLS.key: 9, "rule_name": 7}]

    family, _ = listed({number: records(number) for number in (PARENT, CHILD, OTHER)})
    async with home(tmp_path, family, behaving(includes_children=True)) as it:
        reports = await it.harvest()
        assert [(report.rows, report.quarantined) for report in reports] == [(3, 1)] * 3
        kept = sorted((tmp_path / "lake/_harvester/quarantine").rglob("*.jsonl"))
        assert [path.parent.name for path in kept] == [f"account_id={one.id}" for one in ACCOUNTS]
        assert all(path.parent.name[-7:] in path.read_text() for path in kept)
        assert all(result.is_sound for result in (await it.verify()).values())


async def test_one_budget_serves_all(tmp_path: Path) -> None:
    """No more than R + 1 requests arrive in any second, though each account begins anew."""
    async with home(tmp_path, histories(records=12)) as it:
        orders = [
            it.bench.backfill(START, END, lake=f"lake{turn}", **it.settings(account, rate=5.0))._job
            for turn in range(5)
            for account in ACCOUNTS
        ]

        async def work(order: Job, pace: Pace) -> int:
            run = it.bench.backfill(
                START, END, lake=order.lake.name, pace=pace, **it.settings(order.account or ACCOUNTS[0])
            )
            report = await run.run()
            return 0 if report.is_whole else 3

        assert await several._in_turn(orders, work) == 0
        assert len(it.bench.emulator.requests) >= 15
        assert it.bench.emulator.busiest_second() <= 6


@pytest.mark.parametrize("first", [True, False], ids=["apart first", "together first"])
async def test_a_lake_keeps_accounts_apart_or_it_does_not(tmp_path: Path, *, first: bool) -> None:
    """The other way round is refused with both named, whatever the dataset is called."""
    async with home(tmp_path, histories(records=60)) as it:
        together = {"dataset": small(CALLS), "name": "sales"}
        apart = it.settings(ACCOUNTS[0])
        one, two = (apart, together) if first else (together, apart)
        await it.bench.harvest(START, END, **one)
        with pytest.raises(LakeError, match="--accounts, and a lake keeps accounts apart or it does not"):
            await it.bench.harvest(START, END, **two)


async def test_without_accounts_nothing_changes(tmp_path: Path) -> None:
    """Whatever the API shows the key is taken, as it always was, children included or not."""
    async with home(tmp_path, histories(records=60), behaving(includes_children=True)) as it:
        report = await it.bench.harvest(START, END, dataset=small(CALLS))
        assert report.rows == it.family.total
        assert "account_id" not in holdings(tmp_path / "lake")[0].identity


async def test_readers_have_one_column_for_the_account(tmp_path: Path) -> None:
    """Its folder's value takes the place of the column: the same number, and never null."""
    family, _ = listed(
        {
            PARENT: [{CALLS.key: 1, "start_date": as_text(START)}],  # says not whose it is
            CHILD: [{CALLS.key: 1, "start_date": as_text(START), "account_id": CHILD}],
        }
    )
    async with home(tmp_path, family) as it:
        await it.harvest(*ACCOUNTS[:2])
        files = f"{tmp_path}/lake/calls/**/*.parquet"
        read = f"read_parquet('{files}', hive_partitioning = true)"
        found = duckdb.execute(f"SELECT account_id, typeof(account_id) FROM {read} ORDER BY 1").fetchall()
        assert found == [(PARENT, "BIGINT"), (CHILD, "BIGINT")]
        frame = pl.scan_parquet(files, hive_partitioning=True).select("account_id").collect()
        assert frame.schema == {"account_id": pl.Int64}
        assert sorted(frame["account_id"]) == [PARENT, CHILD]


async def test_the_files_of_one_account_at_a_time(tmp_path: Path) -> None:
    """Downloaded with a token that speaks for it; without a name that says whose, nothing is asked for."""
    record = {"account_id": CHILD, "log_file_url": None}
    family, _ = listed({PARENT: [], CHILD: [files.session(key, **record) for key in files.KEYS]})
    async with home(tmp_path, family, Behaviour()) as it:
        await it.harvest(*ACCOUNTS[:2])
        with pytest.raises(LakeError, match="say whose files are meant: --name calls/account_id="):
            await files.collect(it.bench)
        report = await files.collect(it.bench, name=named("calls", ACCOUNTS[1]), kinds=("record",))
        assert (report.outcome, report.tally.stored) == ("complete", 2 * len(files.KEYS))


async def test_sync_goes_over_all_accounts(tmp_path: Path) -> None:
    """Those that the lake holds, and those that join; one that is refused is told, and tried again."""
    refusing = Behaviour(refused_children=frozenset({OTHER}), includes_children=True)
    async with home(tmp_path, histories(records=120), refusing) as it:
        await it.bench.harvest(START, END - DAY, **it.settings(ACCOUNTS[0]))
        settings = {
            "lake": tmp_path / "lake",
            "credentials": tmp_path / "key.json",
            "endpoint": it.bench.endpoint,
            "rate": None,
            "number_key": None,
        }
        values = {"name": None, "dataset": "all", "accounts": f"{CHILD},{PARENT},{OTHER}"}

        async def one_round() -> dict[str, Round]:
            """The last round of each account, by name."""
            service = Service(
                kept_jobs(values, None, settings),
                load_credentials(tmp_path / "key.json")[0],
                Settings(look_back=LookBack(), health=HealthFile(None)),
                now=lambda: END + 3_600.0,
            )
            return {done.name: done for done in await service.run()}

        rounds = await one_round()
        names = [named("calls", account) for account in ACCOUNTS]
        assert [rounds[name].outcome for name in names] == ["complete", "complete", "gaps"]
        assert f"account {OTHER} is refused" in rounds[names[2]].refused
        assert [it.verdict(account).missing for account in ACCOUNTS] == [0, 0, 40]
        it.bench.emulator.behaviour = Behaviour()
        rounds = await one_round()
        assert [rounds[name].outcome for name in names] == ["complete"] * 3
        for account in ACCOUNTS:
            assert it.verdict(account) == exact(it.truth(account).total)
        it.bench.emulator.behaviour = refusing
        rounds = await one_round()
        assert [bool(rounds[name].refused) for name in names] == [False, False, True], "its counts, too"
