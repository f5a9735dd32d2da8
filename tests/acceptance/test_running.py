"""A session that is still running is not final: its second is left to a later run, but not for ever."""

import dataclasses
import time
from collections.abc import Iterable
from pathlib import Path

from harvester.datasets import CALLS
from harvester.emulator import Behaviour, ListedAccount
from harvester.window import Window, as_text
from tests.acceptance.harness import DAY, SPRING, Bench, bench
from tests.acceptance.oracle import exact

HOUR = 3_600
NOW = SPRING + 7 * HOUR
START, END = NOW - 2 * DAY, NOW - HOUR


def _record(second: int, *, active: bool) -> dict[str, object]:
    return {"call_session_history_id": second, "start_date": as_text(second), "active": active}


def _account(running: Iterable[int]) -> ListedAccount:
    """A session each minute, and those of ``running``."""
    quiet = [_record(second, active=False) for second in range(START + 30, END, 60)]
    return ListedAccount([*quiet, *(_record(second, active=True) for second in running)])


def _at(it: Bench, hours: int) -> Bench:
    """The same bench, so many hours after ``NOW``, by both clocks."""
    offset = NOW + hours * HOUR - time.time()
    it.emulator.behaviour = dataclasses.replace(it.emulator.behaviour, clock_offset=offset)
    return dataclasses.replace(it, now=lambda: time.time() + offset)


async def test_a_running_session_is_left_to_a_later_run(tmp_path: Path) -> None:
    """Everything else is published; the next run asks for its second alone, until it ended."""
    early, late = NOW - 20 * HOUR, NOW - 2 * HOUR
    account = _account([early, late])
    async with bench(tmp_path, account) as it:
        first = await _at(it, 0).harvest(START, END)
        assert (first.outcome, first.withheld, first.stale) == ("complete", 0, 0)
        assert first.running == (Window(early, early + 1), Window(late, late + 1))
        assert it.verdict(START, END) == dataclasses.replace(exact(account.total - 2), missing=2)
        account.replace(_record(early, active=False))
        it.emulator.reset()
        second = await _at(it, 1).harvest(START, END)
        assert second.running == (Window(late, late + 1),)
        account.replace(_record(late, active=False))
        third = await _at(it, 2).harvest(START, END)
        assert (third.running, len(it.emulator.requests)) == ((), 3)
        assert it.verdict(START, END) == exact(account.total)


async def test_nobody_waits_for_ever(tmp_path: Path) -> None:
    """A session that says after the lag that it runs is taken as it is, and reported."""
    account = _account([NOW - 20 * HOUR])
    async with bench(tmp_path, account) as it:
        await _at(it, 0).harvest(START, END)
        report = await _at(it, 5).harvest(START, END)
        assert (report.running, report.stale) == ((), 1)
        assert it.verdict(START, END) == exact(account.total)
        short = await _at(it, 0).harvest(START, END, active_lag=HOUR, lake="other")
        assert (short.running, short.stale) == ((), 1)


async def test_many_running_sessions_cost_few_questions(tmp_path: Path) -> None:
    """Seconds with less than a page between them are left, and asked for again, as one span."""
    running = range(NOW - 3 * HOUR, NOW - 2 * HOUR, 60)
    account = _account(running)
    async with bench(tmp_path, account) as it:
        first = await _at(it, 0).harvest(START, END, partition="hour")
        assert first.running == (Window(running[0], running[-1] + 1),)
        for second in running:
            account.replace(_record(second, active=False))
        it.emulator.reset()
        await _at(it, 1).harvest(START, END, partition="hour")
        assert len(it.emulator.requests) == 1
        assert it.verdict(START, END).missing == 0


async def test_a_window_of_running_sessions_alone(tmp_path: Path) -> None:
    """A span in which everything runs publishes nothing, and is asked for again."""
    account = ListedAccount(
        [_record(second, active=True) for second in range(NOW - 3 * HOUR, NOW - 2 * HOUR)]
    )
    async with bench(tmp_path, account) as it:
        for hours in range(2):
            report = await _at(it, hours).harvest(NOW - 3 * HOUR, NOW - 2 * HOUR)
            assert (report.outcome, report.partitions) == ("complete", 0)
            assert report.running == (Window(NOW - 3 * HOUR, NOW - 2 * HOUR),)


async def test_answers_with_running_sessions_are_not_used_again(tmp_path: Path) -> None:
    """A window that waits for its partition is read anew by the next run if a session in it was running."""
    account = _account([NOW - 20 * HOUR])
    async with bench(tmp_path, account) as it:
        now = _at(it, 0)
        backfill = now.backfill(START, END, partition="month")
        backfill.stop()
        await backfill.run()
        await now.harvest(START, END, partition="month")
        account.replace(_record(NOW - 20 * HOUR, active=False))
        report = await _at(it, 30).harvest(START, END, partition="month")
        assert (report.running, report.stale) == ((), 0)
        assert it.verdict(START, END) == exact(account.total)


async def test_a_stale_session_in_a_dense_second(tmp_path: Path) -> None:
    """A second that has to be read from both ends is no gap because a session in it runs for ever."""
    small = dataclasses.replace(CALLS, page_size=3, max_offset=0)
    second = NOW - 30 * HOUR
    crowd = [{**_record(second, active=False), "call_session_history_id": key} for key in range(1, 5)]
    account = ListedAccount([*crowd, _record(second, active=True)])
    async with bench(tmp_path, account, Behaviour(page_size=3, max_offset=0)) as it:
        report = await _at(it, 0).harvest(second, second + 1, dataset=small)
        assert (report.outcome, report.running, report.stale) == ("complete", (), 1)
        assert it.verdict(second, second + 1) == exact(5)
