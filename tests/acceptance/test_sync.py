"""``sync``, round by round: what is new, and what changed after it was published."""

from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from harvester.api.credentials import load_credentials
from harvester.datasets import BRIEF_CALLS
from harvester.harvest import Backfill
from harvester.window import Window
from tests.acceptance.harness import DAY, SPRING
from tests.acceptance.living import Living, LivingAccount
from tests.acceptance.oracle import exact
from tests.acceptance.syncing import BEGINS, HOUR, SPAN, each, passing, read, watched

pytestmark = pytest.mark.large


async def test_a_quiet_round_costs_a_page_and_a_count_a_partition(tmp_path: Path) -> None:
    """Nothing changed: one page of what is new, one count of each partition of the look-back."""
    account = each(3_600, span=Window(SPRING, BEGINS + DAY))
    async with watched(tmp_path, account, BEGINS) as it:
        first = await it.once(it.job(SPRING))
        assert (first.outcome, first.rows, first.counts) == ("complete", 59, ())
        await passing(1)
        it.emulator.reset()
        second = await it.once(it.job(SPRING))
        assert (second.outcome, second.rows, len(second.counts), second.changed) == ("complete", 1, 3, ())
        _, *rest = it.emulator.requests
        on_ends = 2  # a session at each midnight: is it counted with the day before?
        learned = 4  # once: whether a range begins with ``from_date``
        assert len(rest) - len(second.counts) <= on_ends + learned
        await passing(1)
        it.emulator.reset()
        third = await it.once(it.job(SPRING))
        assert third.requests == len(it.emulator.requests) == 1 + len(third.counts) + on_ends


async def test_a_late_session_is_found_by_counts_and_taken_in(tmp_path: Path) -> None:
    """Half by half, until a page holds it; the other pages of its partition are not read."""
    late = Living(1, SPRING + 2 * DAY + 5 * HOUR, appears=BEGINS + HOUR)
    account = each(300, late)
    async with watched(tmp_path, account, BEGINS, page_size=20) as it:
        await it.once(it.job(SPRING))
        await passing(0.5)
        await it.once(it.job(SPRING))  # by now the bounds are known
        await passing(1)
        it.emulator.reset()
        done = await it.once(it.job(SPRING))
        (change,) = done.changed
        assert late.second in change.window
        assert change.lake < 20
        assert len(read(it)) == 2
        assert it.verdict(SPAN) == exact(account.total)


async def test_a_session_that_goes_is_taken_out(tmp_path: Path) -> None:
    """The partition is read anew and replaced, by fewer rows."""
    gone = Living(1, SPRING + 2 * DAY + 5 * HOUR, leaves=BEGINS + HOUR)
    account = each(1_800, gone)
    async with watched(tmp_path, account, BEGINS) as it:
        await it.once(it.job(SPRING))
        await passing(2)
        done = await it.once(it.job(SPRING))
        assert len(done.changed) == 1
        assert it.verdict(SPAN) == exact(account.total)


async def test_a_change_beyond_the_look_back_is_left_to_verify(tmp_path: Path) -> None:
    """Older partitions are not counted."""
    late = Living(1, SPRING + 5 * HOUR, appears=BEGINS + HOUR)
    account = each(1_800, late)
    async with watched(tmp_path, account, BEGINS) as it:
        await it.once(it.job(SPRING))
        await passing(2)
        done = await it.once(it.job(SPRING))
        assert (done.changed, it.verdict(SPAN).missing) == ((), 1)


async def test_history_is_filled_last_and_newest_first(tmp_path: Path) -> None:
    """The round comes before the history; the history's youngest partitions come before its oldest."""
    span = Window(SPRING, SPRING + 70 * DAY)
    account = LivingAccount([Living(n, n) for n in range(span.start, span.end, 6 * HOUR)], span.end)
    async with watched(tmp_path, account, span.end + HOUR) as it:
        await it.once(it.job(span.start))
        starts = [asked.split(" 0")[0] for asked in read(it)]
        firsts = list(dict.fromkeys(day[:10] for day in starts))
        assert firsts[0] > firsts[1] > firsts[2]
        assert it.verdict(span) == exact(account.total)


async def test_a_gap_of_the_history_is_tried_once(tmp_path: Path) -> None:
    """It is named, and the rest of the history is filled all the same."""
    crowd = [Living(key, SPRING + HOUR) for key in range(1, 30)]
    account = LivingAccount([*crowd, Living(99, SPRING + 40 * DAY)], BEGINS)
    async with watched(tmp_path, account, SPRING + 50 * DAY, page_size=1) as it:
        done = await it.once(it.job(SPRING))
        assert (done.outcome, len(done.gaps)) == ("gaps", 1)
        assert SPRING + HOUR in done.gaps[0].window


async def test_a_round_goes_on_where_a_backfill_ended(tmp_path: Path) -> None:
    """It looks back from the end of what is covered: what was read last was young then, however long ago."""
    account = each(1_800, Living(1, BEGINS - 3 * HOUR, costed=BEGINS + 20 * HOUR))
    async with watched(tmp_path, account, BEGINS) as it:
        job = replace(it.job(SPRING), window=SPAN)
        await Backfill(job, load_credentials(it.folder / "key.json")[0], now=it.now).run()
        await passing(10 * 24)
        done = await it.once(it.job(SPRING))
        assert done.fresh is not None
        assert (done.outcome, done.covered) == ("complete", done.fresh.end)
        assert it.verdict(SPAN) == exact(account.total)


async def test_calls_that_can_be_had_by_report_only_are_kept_up_to_date(tmp_path: Path) -> None:
    """What is new is ordered; a partition is counted by its pages, and one that changed is ordered anew."""
    late = Living(1, SPRING + 2 * DAY + 5 * HOUR, appears=BEGINS + HOUR)
    account = each(3_600, late, span=Window(SPRING, BEGINS + DAY))
    async with watched(tmp_path, account, BEGINS) as it:
        job = it.job(SPRING, dataset=BRIEF_CALLS, name="brief_calls")
        first = await it.once(job)
        assert (first.outcome, first.rows) == ("complete", 58)
        await passing(3)
        it.emulator.reset()
        second = await it.once(job)
        assert (second.outcome, len(second.changed)) == ("complete", 1)
        orders = [item for item in it.emulator.requests if item.method == "GetBriefCallHistory"]
        assert len(orders) == sum(report.reports for report in second.reports)
        assert 1 <= len(orders) <= 3
        there = account.sessions(SPRING, BEGINS + 2 * HOUR + 60)
        wanted = sorted(int(str(item["call_session_history_id"])) for item in there)
        assert keys(tmp_path / "lake" / "brief_calls") == wanted
        await passing(1)
        it.emulator.reset()
        quiet = await it.once(job)
        assert (quiet.outcome, quiet.rows, quiet.changed) == ("complete", 1, ())


def keys(folder: Path) -> list[int]:
    """Of the published rows, ascending."""
    query = f"SELECT call_session_history_id FROM read_parquet('{folder}/**/*.parquet')"
    return sorted(key for (key,) in duckdb.execute(query).fetchall())
