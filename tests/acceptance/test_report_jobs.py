"""A report is ordered once, waited for, and picked up again, whatever becomes of it."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb
import pytest

from harvester.datasets import BRIEF_CALLS
from harvester.emulator import (
    Behaviour,
    Fault,
    Faults,
    ListedAccount,
    ReportBehaviour,
    SyntheticAccount,
)
from harvester.errors import UnavailableError
from tests.acceptance.harness import DAY, Bench, bench
from tests.acceptance.reporting import (
    CALL,
    END,
    FETCHING,
    START,
    orders,
)


async def test_a_slow_report_is_waited_for_with_growing_patience(tmp_path: Path) -> None:
    """Half an hour takes some thirty looks, not a thousand."""
    behaviour = Behaviour(reports=ReportBehaviour(seconds=1_800))
    async with bench(tmp_path, SyntheticAccount(50, START, END, seed=4), behaviour) as it:
        report = await it.harvest(START, END, dataset=BRIEF_CALLS)
        assert (report.outcome, report.rows) == ("complete", 50)
        assert 10 < report.requests < 60


async def test_a_report_that_never_comes_ends_the_run_and_is_picked_up(tmp_path: Path) -> None:
    """After an hour; the next run finds it ready, and orders no second one."""
    behaviour = Behaviour(reports=ReportBehaviour(seconds=10_000))
    async with bench(tmp_path, SyntheticAccount(50, START, END, seed=4), behaviour) as it:
        with pytest.raises(ExceptionGroup) as caught:
            await it.harvest(START, END, dataset=BRIEF_CALLS)
        assert caught.group_contains(UnavailableError, match="picked up, not ordered again", depth=2)
        await asyncio.sleep(10_000)
        report = await it.harvest(START, END, dataset=BRIEF_CALLS)
        assert (report.outcome, report.rows, report.reports) == ("complete", 50, 0)
        assert orders(it.emulator) == 1


async def run_until(it: Bench, method: str, times: int, *, start: int = START, **more: Any) -> None:
    """Run, and be cancelled when a method is asked for the so many-th time, before it is answered."""
    seen: list[str] = []

    def watch(parameters: Mapping[str, str]) -> None:
        seen.append(parameters["cmd"])
        if seen.count(method) == times:
            task.cancel()

    it.emulator._watch = watch
    task = asyncio.ensure_future(it.harvest(start, END, **{"dataset": BRIEF_CALLS, **more}))
    with pytest.raises(asyncio.CancelledError):
        await task
    it.emulator._watch = None


@pytest.mark.parametrize("repeat_after", [0.0, 1e6], ids=["allowed", "refused"])
@pytest.mark.parametrize("method", ["GetBriefCallHistory", "GetHistoryReports", "DownloadHistoryReport"])
async def test_a_killed_run_picks_its_report_up(tmp_path: Path, method: str, repeat_after: float) -> None:
    """P5: killed before it heard of its order, while it waited, or while it fetched: one order is enough."""
    behaviour = Behaviour(reports=ReportBehaviour(seconds=30, repeat_after=repeat_after))
    async with bench(tmp_path, SyntheticAccount(300, START, END, seed=4), behaviour) as it:
        await run_until(it, method, 1)
        report = await it.harvest(START, END, dataset=BRIEF_CALLS)
        assert (report.outcome, report.rows) == ("complete", 300)
        assert orders(it.emulator) == 1


async def test_an_order_outlives_a_run_over_less_of_the_range(tmp_path: Path) -> None:
    """P5: that run cannot use the report and forgets its window; one over the whole picks it up."""
    async with bench(tmp_path, SyntheticAccount(300, START, END, seed=4)) as it:
        await run_until(it, "GetHistoryReports", 1)
        await run_until(it, "GetCallHistory", 1, start=START + DAY)
        report = await it.harvest(START, END, dataset=BRIEF_CALLS)
        assert (report.outcome, report.rows, report.reports) == ("complete", 300, 0)


async def test_an_order_is_forgotten_when_its_seconds_are_published(tmp_path: Path) -> None:
    """P8: by a report of a range that begins before; nothing is left in the spool."""
    async with bench(tmp_path, SyntheticAccount(300, START, END, seed=4)) as it:
        await run_until(it, "GetHistoryReports", 1, start=START + DAY)
        report = await it.harvest(START, END - DAY, dataset=BRIEF_CALLS)
        assert (report.outcome, report.reports) == ("complete", 1)
        assert not list((tmp_path / "lake" / "_harvester" / "spool").rglob("*.spool"))


async def test_a_report_beside_an_earlier_order_is_not_taken_for_old(tmp_path: Path) -> None:
    """It is of another range that begins alike, and shows what runs as it is: it is not ordered again."""
    running = {**CALL, "call_session_history_id": 8, "start_date": "2024-03-30 10:00:00", "active": True}
    async with bench(tmp_path, ListedAccount([CALL, running])) as it:
        await run_until(it, "GetHistoryReports", 1)
        report = await it.harvest(START, END - DAY, dataset=BRIEF_CALLS, active_lag=10**9)
        assert (report.outcome, len(report.running), report.reports) == ("complete", 1, 1)


async def test_an_order_refused_as_repeated_takes_the_report_that_is_listed(tmp_path: Path) -> None:
    """Code 515: another lake of the same account ordered it a moment ago."""
    behaviour = Behaviour(reports=ReportBehaviour(repeat_after=1e6))
    async with bench(tmp_path, SyntheticAccount(300, START, END, seed=4), behaviour) as it:
        await it.harvest(START, END, dataset=BRIEF_CALLS)
        report = await it.harvest(START, END, dataset=BRIEF_CALLS, lake="other")
        assert (report.outcome, report.rows, report.reports) == ("complete", 300, 0)


@pytest.mark.parametrize("look", ["error", "pending"])
async def test_a_failed_report_is_ordered_again(tmp_path: Path, look: Any) -> None:
    """Whether the list says that it failed, or nothing at all; and though a repeat is refused for a while."""
    behaviour = Behaviour(reports=ReportBehaviour(failing=1, failed_look=look, repeat_after=90))
    async with bench(tmp_path, SyntheticAccount(300, START, END, seed=4), behaviour) as it:
        report = await it.harvest(START, END, dataset=BRIEF_CALLS)
        assert (report.outcome, report.rows, report.reports) == ("complete", 300, 2)


async def test_reports_that_always_fail_are_a_gap(tmp_path: Path) -> None:
    """Named with the reason, after shorter ones were tried; nothing is published."""
    behaviour = Behaviour(reports=ReportBehaviour(failing=10_000))
    async with bench(tmp_path, SyntheticAccount(300, START, END, seed=4), behaviour) as it:
        report = await it.harvest(START, END, dataset=BRIEF_CALLS)
        assert (report.outcome, report.rows) == ("gaps", 0)
        assert "failed" in report.gaps[0].reason
        assert report.reports == 3 * (1 + 2 + 4 + 8)
        assert not list((tmp_path / "lake" / "brief_calls").rglob("*.parquet"))


async def test_a_report_that_is_thrown_away_is_ordered_again(tmp_path: Path) -> None:
    """Code 355 says that there is none of its number any more."""
    gone = Behaviour(reports=ReportBehaviour(seconds=10, kept=1))
    async with bench(tmp_path, SyntheticAccount(300, START, END, seed=4), gone) as it:

        def watch(parameters: Mapping[str, str]) -> None:
            if parameters["cmd"] == "GetBriefCallHistory" and orders(it.emulator) == 1:
                it.emulator.behaviour = Behaviour()

        it.emulator._watch = watch
        report = await it.harvest(START, END, dataset=BRIEF_CALLS)
        assert (report.outcome, report.rows, report.reports) == ("complete", 300, 2)


async def test_a_report_that_the_vendor_cuts_is_ordered_in_parts(tmp_path: Path) -> None:
    """It holds fewer records than it says there are: shorter ranges are asked for, and remembered as such."""
    behaviour = Behaviour(reports=ReportBehaviour(most_rows=200))
    async with bench(tmp_path, SyntheticAccount(600, START, END, shape="uniform", seed=4), behaviour) as it:
        report = await it.harvest(START, END, dataset=BRIEF_CALLS)
        assert (report.outcome, report.rows) == ("complete", 600)
        assert report.windows == 4


@pytest.mark.parametrize("lost", [False, True], ids=["kept", "lost"])
async def test_what_was_proven_is_read_from_the_spool_by_the_next_run(
    tmp_path: Path,
    lost: bool,  # noqa: FBT001
) -> None:
    """A part of a partition is there, and the run was killed while it ordered the next one.

    If a power cut took the spool with it, the report is ordered anew.
    """
    behaviour = Behaviour(reports=ReportBehaviour(most_rows=200))
    calls = SyntheticAccount(600, START, END, shape="uniform", seed=4)
    async with bench(tmp_path, calls, behaviour) as it:
        more: dict[str, Any] = {"partition": "month", "concurrency": 1}
        await run_until(it, "GetBriefCallHistory", 6, **more)
        before = orders(it.emulator)
        for path in (tmp_path / "lake" / "_harvester" / "spool").rglob("*.spool") if lost else ():
            path.unlink()
        report = await it.harvest(START, END, dataset=BRIEF_CALLS, **more)
        assert (report.outcome, report.rows) == ("complete", 600)
        assert (report.replayed == 0) is lost
        assert (orders(it.emulator) - before < 4) is not lost


async def test_rows_beyond_the_memory_are_read_again_from_the_report(tmp_path: Path) -> None:
    """A partition that waits for its first part keeps the others in the spool alone."""
    behaviour = Behaviour(reports=ReportBehaviour(most_rows=200))
    calls = SyntheticAccount(600, START, END, shape="uniform", seed=4)
    async with bench(tmp_path, calls, behaviour) as it:
        report = await it.harvest(START, END, dataset=BRIEF_CALLS, partition="month", memory=2)
        assert (report.outcome, report.published_rows) == ("complete", 600)


async def test_the_first_signal_waits_for_no_report(tmp_path: Path) -> None:
    """What is ordered is left to the next run, which picks it up."""
    behaviour = Behaviour(reports=ReportBehaviour(seconds=1_000))
    async with bench(tmp_path, SyntheticAccount(300, START, END, seed=4), behaviour) as it:
        backfill = it.backfill(START, END, dataset=BRIEF_CALLS)

        def watch(parameters: Mapping[str, str]) -> None:
            if parameters["cmd"] == "GetHistoryReports":
                backfill.stop()

        it.emulator._watch = watch
        began = asyncio.get_running_loop().time()
        assert (await backfill.run()).outcome == "interrupted"
        assert asyncio.get_running_loop().time() - began < 10
        it.emulator._watch = None
        assert (await it.harvest(START, END, dataset=BRIEF_CALLS)).rows == 300
        assert orders(it.emulator) == 1


@pytest.mark.parametrize(
    ("kind", "method", "reports"),
    [
        ("cut_body", FETCHING, 1),
        ("http_503", FETCHING, 1),
        ("html_200", FETCHING, 1),
        ("empty_200", FETCHING, 1),
        ("reset", FETCHING, 1),
        ("reset", "GetBriefCallHistory", 1),
        ("html_200", "GetBriefCallHistory", 1),
        ("error_code", "GetHistoryReports", 1),
        ("empty_200", "GetHistoryReports", 1),
        ("missing_total", "GetCallHistory", 1),
        ("missing_total", FETCHING, 1),
    ],
)
async def test_passing_faults_cost_time(tmp_path: Path, kind: str, method: str, reports: int) -> None:
    """What fails once is tried again; a damaged file is fetched again before it is ordered again."""
    fault = Fault(kind, share=1.0, when=lambda parameters: parameters["cmd"] == method)
    calls = SyntheticAccount(300, START, END, seed=4)
    async with bench(tmp_path, calls, Behaviour(reports=ReportBehaviour(seconds=5))) as it:

        def watch(parameters: Mapping[str, str]) -> None:
            first = parameters["cmd"] == method and not any(item.fault for item in it.emulator.requests)
            it.emulator.faults = Faults((fault,) if first else ())

        it.emulator._watch = watch
        report = await it.harvest(START, END, dataset=BRIEF_CALLS)
        assert (report.outcome, report.rows) == ("complete", 300)
        assert any(item.fault for item in it.emulator.requests)
        assert report.reports == reports


async def test_a_count_that_is_never_told_ends_the_run(tmp_path: Path) -> None:
    """Asked so often that a passing fault is none; then what is not known is not proven."""
    fault = Fault("missing_total", share=1.0, when=lambda parameters: parameters["cmd"] == "GetCallHistory")
    async with bench(tmp_path, SyntheticAccount(30, START, END, seed=4), faults=Faults((fault,))) as it:
        with pytest.raises(UnavailableError, match="gives no total, asked 3 times"):
            await it.harvest(START, END, dataset=BRIEF_CALLS)
        assert len(it.emulator.requests) == 3


async def test_a_running_session_is_left_to_a_later_run(tmp_path: Path) -> None:
    """If the report has a column that says so."""
    running = {**CALL, "call_session_history_id": 8, "start_date": "2024-03-30 10:00:00", "active": True}
    calls = ListedAccount([CALL, running])
    async with bench(tmp_path, calls) as it:
        report = await it.harvest(START, END, dataset=BRIEF_CALLS, active_lag=10**9)
        assert (report.outcome, len(report.running)) == ("complete", 1)
        calls.replace({**running, "active": False, "duration": 77})
        report = await it.harvest(START, END, dataset=BRIEF_CALLS, active_lag=10**9)
        assert (report.outcome, report.rows, report.running) == ("complete", 1, ())
        (row,) = duckdb.execute(
            f"SELECT count(*), max(duration) FROM read_parquet('{tmp_path}/lake/brief_calls/**/*.parquet')"
        ).fetchall()
        assert row == (2, 77)


async def test_a_report_of_an_earlier_run_does_not_show_what_runs_now(tmp_path: Path) -> None:
    """A session that ran when the report was made, and has ended since, is published as it is now."""
    running = {**CALL, "call_session_history_id": 8, "start_date": "2024-03-30 10:00:00", "active": True}
    calls = ListedAccount([CALL, running])
    slow = Behaviour(reports=ReportBehaviour(seconds=5_000))
    async with bench(tmp_path, calls, slow) as it:
        with pytest.RaisesGroup(pytest.RaisesExc(UnavailableError), flatten_subgroups=True):
            await it.harvest(START, END, dataset=BRIEF_CALLS, active_lag=60)
        calls.replace({**running, "active": False, "duration": 77})
        await asyncio.sleep(3_600)
        it.emulator.behaviour = Behaviour()
        report = await it.harvest(START, END, dataset=BRIEF_CALLS, active_lag=60)
        assert (report.outcome, report.rows, report.reports, report.stale) == ("complete", 2, 1, 0)
        query = (
            f"SELECT max(duration), count(*) FILTER (active) FROM '{tmp_path}/lake/brief_calls/**/*.parquet'"
        )
        assert duckdb.execute(query).fetchall() == [(77, 0)]
