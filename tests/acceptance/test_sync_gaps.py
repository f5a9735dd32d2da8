"""``sync`` and gaps: what cannot be read, or not read again, is said in each round until it was read."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from harvester.datasets import CALLS
from harvester.look_back import LookBack
from harvester.window import Window
from tests.acceptance.harness import DAY, SPRING
from tests.acceptance.living import Living, LivingAccount
from tests.acceptance.oracle import exact
from tests.acceptance.syncing import watched

pytestmark = pytest.mark.large

HOUR = 3_600
BEGINS = SPRING + DAY + 12 * HOUR
SPAN = Window(SPRING, BEGINS - HOUR)
REREAD = LookBack(2 * DAY, reread=True)


async def test_a_gap_in_published_seconds_stays_until_it_is_read(tmp_path: Path) -> None:
    """--reread cannot read a published second any more: no later publication is taken for its reading."""
    crowd = SPRING + 6 * HOUR
    sessions = [Living(second, second) for second in range(SPAN.start, SPAN.end, HOUR)]
    account = LivingAccount([*sessions, *(Living(10**12 + key, crowd) for key in range(30))], BEGINS)
    async with watched(tmp_path, account, BEGINS, page_size=2) as it:
        first = await it.once(it.job(SPRING))
        assert (first.outcome, first.gaps) == ("complete", ())
        record = dict(next(account.sessions(crowd, crowd + 1)))
        account.replace({**record, "duration": 61})
        await asyncio.sleep(HOUR)
        weak = it.job(SPRING, dataset=replace(CALLS, page_size=2, max_offset=6))
        second = await it.once(weak, look_back=REREAD)
        (gap,) = second.gaps
        assert gap.window == Window(crowd, crowd + 1)
        await asyncio.sleep(HOUR)
        third = await it.once(weak)
        assert (third.outcome, third.gaps, third.reports[0].gaps) == ("gaps", (gap,), (gap,))
        assert it.verdict(SPAN) == replace(exact(account.total), missing=1, surplus=1)
        last = await it.once(it.job(SPRING))
        assert (last.outcome, last.gaps) == ("complete", ())
        assert it.verdict(SPAN) == exact(account.total)
