"""``sync`` and what the vendor has not finished: costs, transcripts and calls that run are read again."""

from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from harvester.look_back import LookBack
from tests.acceptance.harness import DAY, SPRING
from tests.acceptance.living import Living
from tests.acceptance.oracle import exact
from tests.acceptance.syncing import BEGINS, HOUR, SPAN, each, passing, read, watched

pytestmark = pytest.mark.large


@pytest.mark.parametrize("what", ["costed", "transcribed"])
async def test_what_is_unfinished_is_read_again_when_it_is_due(tmp_path: Path, what: str) -> None:
    """A cost or a transcript that comes late changes no count; its second alone is read, at a few ages."""
    second = BEGINS - 2 * HOUR
    unfinished = Living(1, second, **{what: BEGINS + 5 * HOUR})
    account = each(1_800, unfinished)
    async with watched(tmp_path, account, BEGINS) as it:
        await it.once(it.job(SPRING))
        for _ in range(4):  # up to an age of ten hours; it is due after three, and after twelve
            await passing(2)
            await it.once(it.job(SPRING))
        assert it.verdict(SPAN) == replace(exact(account.total), missing=1, surplus=1)
        await passing(3)
        await it.once(it.job(SPRING))
        assert it.verdict(SPAN) == exact(account.total)


async def test_flat_tables_show_what_is_unfinished_too(tmp_path: Path) -> None:
    """The cost of a call stands in a table of its own, and so does its transcript."""
    late = Living(1, BEGINS - 2 * HOUR, costed=BEGINS + HOUR / 2, transcribed=BEGINS + HOUR / 2)
    account = each(1_800, late)
    async with watched(tmp_path, account, BEGINS) as it:
        job = it.job(SPRING, tables="flat")
        await it.once(job)
        await passing(3)
        done = await it.once(job)
        assert (done.outcome, done.changed) == ("complete", ())
        costs = sum(
            row["cost"] is not None
            for path in sorted((tmp_path / "lake").rglob("*.parquet"))
            if "cost" in (names := pq.read_schema(path).names) and "call_id" in names
            for row in pq.read_table(path, partitioning=None).to_pylist()
        )
        assert costs == account.total


async def test_a_row_that_looks_final_is_not_read_again_but_for_the_asking(tmp_path: Path) -> None:
    """No count tells of a cost that changes once more; --reread reads all of the look-back."""
    account = each(1_800)
    async with watched(tmp_path, account, BEGINS) as it:
        await it.once(it.job(SPRING))
        record = dict(next(account.sessions(BEGINS - 20 * HOUR, BEGINS)))
        account.replace({**record, "duration": 61})
        await passing(72)
        quiet = await it.once(it.job(SPRING))
        assert (quiet.changed, it.verdict(SPAN).missing) == ((), 1)
        record = dict(next(account.sessions(BEGINS - 5 * HOUR, BEGINS)))
        account.replace({**record, "duration": 62})
        await it.once(it.job(SPRING), look_back=LookBack(6 * DAY, reread=True))
        assert it.verdict(SPAN) == exact(account.total)


async def test_a_running_call_is_asked_for_in_each_round_until_it_ends(tmp_path: Path) -> None:
    """Together with what is new, if a page brings both; the partition is counted as one all the same."""
    runs = Living(1, BEGINS - 2 * HOUR, ends=BEGINS + 3 * HOUR)
    account = each(1_800, runs)
    async with watched(tmp_path, account, BEGINS) as it:
        await it.once(it.job(SPRING))
        for hours in range(1, 5):
            await passing(1)
            it.emulator.reset()
            done = await it.once(it.job(SPRING))
            assert (done.changed, len(done.counts)) == ((), 3)
            assert bool(done.reports[0].running) is (hours < 3)
            assert len(read(it)) == 1
        assert it.verdict(SPAN) == exact(account.total)
