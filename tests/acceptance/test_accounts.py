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
from harvester.emulator import Behaviour, Family, ListedAccount
from harvester.errors import ForeignRecordsError, LakeError, first_failure
from harvester.health import HealthFile
from harvester.inspection import holdings
from harvester.lake.recover import rebuild
from harvester.look_back import LookBack
from harvester.round import Round
from harvester.service import Service, Settings
from harvester.todo import damaged
from harvester.window import as_text
from tests.acceptance import files
from tests.acceptance.family import (
    ACCOUNTS,
    CHILD,
    END,
    OTHER,
    PAGE,
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

BY = pytest.mark.parametrize("children_by", ["token", "parameter"])
INCLUDED = pytest.mark.parametrize("included", [False, True], ids=["apart", "included"])
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


async def test_a_refused_child_is_its_own_gap(tmp_path: Path) -> None:
    """The others go on; the lake knows what is missing, and why; the next run tries it again."""
    refusing = behaving(refused_children=frozenset({CHILD}))
    async with home(tmp_path, histories(records=200), refusing) as it:
        own, refused, other = await it.harvest()
        assert (own.outcome, other.outcome) == ("complete", "complete")
        assert (refused.outcome, refused.is_whole) == ("gaps", False)
        (gap,) = refused.gaps
        assert (gap.window.start, gap.window.end, gap.expected) == (START, END, None)
        assert f"account {CHILD} is refused" in gap.reason
        held = {item.name: item for item in holdings(tmp_path / "lake")}
        assert [item.window for item in held[named("calls", ACCOUNTS[1])].gaps] == [gap.window]
        assert [len(held[named("calls", one)].gaps) for one in ACCOUNTS] == [0, 1, 0]
        assert held[named("calls", ACCOUNTS[1])].runs[0].outcome == "gaps"
        results = await it.verify()
        assert [result.is_sound for result in results.values()] == [True, False, True]

        it.bench.emulator.behaviour = behaving()
        it.bench.emulator.reset()
        again = await it.harvest()
        assert [report.covered for report in again] == [True, False, True]
        assert again[1].is_whole
        assert it.verdict(ACCOUNTS[1]) == exact(it.truth(ACCOUNTS[1]).total)
        assert not any(item.gaps for item in holdings(tmp_path / "lake"))


@BY
async def test_what_a_child_had_stays_when_it_is_refused(tmp_path: Path, children_by: str) -> None:
    """What is published is no gap; what is new is; a count that is refused is told, and ends nothing."""
    async with home(tmp_path, histories(records=200)) as it:
        settings = it.settings(ACCOUNTS[1])
        await it.bench.harvest(START, END - DAY, **settings)
        await it.harvest(ACCOUNTS[0])
        it.bench.emulator.behaviour = behaving(refused_children=frozenset({CHILD}))
        (report,) = await it.harvest(ACCOUNTS[1], children_by=children_by)
        assert [(gap.window.start, gap.window.end) for gap in report.gaps] == [(END - DAY, END)]
        results = await it.verify(children_by)
        assert [bool(result.refused) for result in results.values()] == [False, True]


async def test_the_parents_refusal_is_everybodys(tmp_path: Path) -> None:
    """It is no gap: the same key signs for all of them."""
    async with home(tmp_path, histories(records=60), behaving(activated=False)) as it:
        with pytest.raises(ExceptionGroup) as caught:
            await it.harvest(ACCOUNTS[0])
        assert "131" in str(first_failure(caught.value))


@INCLUDED
async def test_records_of_somebody_else_are_never_taken_for_a_childs(
    tmp_path: Path, *, included: bool
) -> None:
    """An answer that holds more than the child's is refused: nothing of it is in the lake, or the spool."""
    odd = behaving(children_only_ignores_ids=True, includes_children=included)
    async with home(tmp_path, histories(records=200), odd) as it:
        (report,) = await it.harvest(ACCOUNTS[1], children_by="parameter")
        assert f"records of {OTHER}" in report.refused
        assert it.verdict(ACCOUNTS[1]).rows == 0
        (again,) = await it.harvest(ACCOUNTS[1])
        assert again.is_whole
        assert it.verdict(ACCOUNTS[1]) == exact(it.truth(ACCOUNTS[1]).total)


async def test_a_parent_whose_count_cannot_be_told_from_the_childrens_is_refused(tmp_path: Path) -> None:
    """A method that cannot be asked for the children alone must not answer with their records."""
    mixed = ListedAccount(
        (
            {ACD.key: number, "account_id": number % 2 + PARENT, ACD.time_field: as_text(START + number)}
            for number in range(1, 9)
        ),
        dataset=ACD,
    )
    async with home(tmp_path, Family(mixed), dataset=ACD) as it:
        with pytest.raises(ExceptionGroup) as caught:
            await it.harvest(ACCOUNTS[0])
        assert isinstance(first_failure(caught.value), ForeignRecordsError)
        assert it.verdict(ACCOUNTS[0]).rows == 0


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


@INCLUDED
async def test_verify_and_repair_know_whose_it_is(tmp_path: Path, *, included: bool) -> None:
    """A late record of a child is found there and nowhere else, and mended by asking for that child alone."""

    def records(account_id: int) -> list[dict[str, object]]:
        return [
            {CALLS.key: number, "account_id": account_id, "start_date": as_text(START + number * 600)}
            for number in range(1, 3 * PAGE)
        ]

    family, members = listed({number: records(number) for number in (PARENT, CHILD, OTHER)})
    async with home(tmp_path, family, behaving(includes_children=included)) as it:
        await it.harvest()
        members[CHILD].add(records(CHILD)[0] | {CALLS.key: 9_999})
        results = await it.verify()
        assert [len(result.differing) for result in results.values()] == [0, 1, 0]
        it.bench.emulator.reset()
        suspect = results[named("calls", ACCOUNTS[1])].differing[0].window
        for account in ACCOUNTS:
            settings = it.settings(account)
            await it.bench.harvest(suspect.start, suspect.end, scope=damaged, **settings)
        assert 0 < len(it.bench.emulator.requests) <= 5
        for account in ACCOUNTS:
            assert it.verdict(account) == exact(it.truth(account).total)
        assert all(result.is_sound for result in (await it.verify()).values())


@pytest.mark.parametrize("tables", ["nested", "flat"])
async def test_a_lost_ledger_is_rebuilt_account_by_account(tmp_path: Path, tables: str) -> None:
    """From the files in their folders; and a file in another account's folder is left aside."""
    async with home(tmp_path, histories(records=200)) as it:
        await it.harvest(tables=tables)
        lake = tmp_path / "lake"
        held = {item.name: (item.rows, item.identity, item.coverage) for item in holdings(lake)}
        for part in (lake / "_harvester").glob("ledger.sqlite*"):
            part.unlink()
        with pytest.raises(LakeError, match="recover"):
            await it.harvest(tables=tables)
        assert not rebuild(lake, now=END).aside
        assert {item.name: (item.rows, item.identity, item.coverage) for item in holdings(lake)} == held
        it.bench.emulator.reset()
        assert all(report.covered for report in await it.harvest(tables=tables))
        assert it.bench.emulator.requests == []

        for part in (lake / "_harvester").glob("ledger.sqlite*"):
            part.unlink()
        for path in sorted(lake.glob(f"calls*/account_id={OTHER}/date=*/*.parquet")):
            path.replace(Path(str(path).replace(str(OTHER), str(CHILD))))
        aside = rebuild(lake, now=END).aside
        assert aside
        assert all(f"account_id={CHILD}" in str(item.path) for item in aside)


@INCLUDED
async def test_a_recovered_lake_is_verified_against_the_api(tmp_path: Path, *, included: bool) -> None:
    """Whether a parent's answers hold its children's records went with the ledger: a look at one tells."""

    def record(account_id: int, number: int) -> dict[str, object]:
        time = as_text(START + 600 * number + account_id % 7)
        return {"account_id": account_id, "start_date": time, CALLS.key: number}

    family, members = listed(
        {one.id: [record(one.id, number) for number in range(1, 40)] for one in ACCOUNTS}
    )
    async with home(tmp_path, family, behaving(includes_children=included)) as it:
        await it.harvest()
        for part in (tmp_path / "lake/_harvester").glob("ledger.sqlite*"):
            part.unlink()
        rebuild(tmp_path / "lake", now=END)
        assert [result.is_sound for result in (await it.verify()).values()] == [True] * 3
        members[PARENT].add(record(PARENT, 40))
        differing = [result.differing for result in (await it.verify()).values()]
        assert [(count.api, count.lake) for counts in differing for count in counts] == [(40, 39)]


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


async def test_verify_names_what_nobody_published(tmp_path: Path) -> None:
    """In an account's folder, and beside them all, where readers of the whole dataset see it; each once."""
    async with home(tmp_path, histories(records=60)) as it:
        await it.harvest()
        folder = tmp_path / "lake/calls"
        file = next(folder.rglob("*.parquet"))
        places = [folder / "account_id=7/copy.parquet", folder / f"account_id={OTHER}/copy.parquet"]
        for place in (*places, folder / "copy.parquet"):
            place.parent.mkdir(exist_ok=True)
            place.write_bytes(file.read_bytes())
        results = list((await it.verify()).values())
        assert [len(result.findings) for result in results] == [2, 0, 1]
        assert all("it was not published" in item.text for result in results for item in result.findings)


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
