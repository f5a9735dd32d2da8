"""``sync`` and gaps: what cannot be read, or not read again, is said in each round until it was read."""

import asyncio
from dataclasses import replace
from math import inf
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
CROWD = SPRING + DAY + 6 * HOUR
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


async def test_what_is_wrong_in_published_history_is_read_once_the_api_can(tmp_path: Path) -> None:
    """P1, P10: the look-back has passed over a gap while the API failed; the next start reads it."""
    crowd = SPRING + 6 * HOUR
    sessions = [Living(second, second) for second in range(SPAN.start, SPAN.end, HOUR)]
    account = LivingAccount([*sessions, *(Living(10**12 + key, crowd) for key in range(30))], BEGINS)
    async with watched(tmp_path, account, BEGINS, page_size=2) as it:
        await it.once(it.job(SPRING))
        record = dict(next(account.sessions(crowd, crowd + 1)))
        account.replace({**record, "duration": 61})
        await asyncio.sleep(HOUR)
        weak = it.job(SPRING, dataset=replace(CALLS, page_size=2, max_offset=6))
        assert len((await it.once(weak, look_back=REREAD)).gaps) == 1
        await asyncio.sleep(5 * DAY)
        assert len((await it.once(weak)).gaps) == 1
        assert (await it.once(it.job(SPRING))).gaps == ()
        assert it.verdict(SPAN) == exact(account.total)


def crowded(*special: Living, end: int = SPAN.end, until: float = inf) -> LivingAccount:
    """A session every two hours, and until then more in one second than paging reaches."""
    plain = [Living(second, second, appears=second) for second in range(SPAN.start, end, 2 * HOUR)]
    crowd = [Living(10**12 + key, CROWD, leaves=until) for key in range(60)]
    return LivingAccount([*plain, *crowd, *special], BEGINS)


async def test_a_gap_makes_no_later_round_longer(tmp_path: Path) -> None:
    """Its partition is withheld for ever; the rounds look back from the last one all the same."""
    async with watched(tmp_path, crowded(end=BEGINS + 10 * DAY), BEGINS, page_size=2) as it:
        rounds = [await it.once(it.job(SPRING))]
        for _ in range(8):
            await asyncio.sleep(DAY)
            rounds.append(await it.once(it.job(SPRING)))
        assert [done.outcome for done in rounds] == ["gaps"] * 9
        assert len(rounds[-1].counts) == 3
        assert rounds[-1].requests == rounds[-2].requests


async def test_answers_that_a_gap_held_back_are_looked_at_again(tmp_path: Path) -> None:
    """Read long before they could be published, they miss a cost that came meanwhile."""
    late = Living(1, CROWD + 2 * HOUR + 7, costed=BEGINS + 10 * HOUR)
    account = crowded(late, until=BEGINS + 5 * DAY)
    async with watched(tmp_path, account, BEGINS, page_size=2) as it:
        for _ in range(5):
            assert (await it.once(it.job(SPRING))).outcome == "gaps"
            await asyncio.sleep(DAY)
        assert (await it.once(it.job(SPRING))).gaps == ()
        assert it.verdict(SPAN) == replace(exact(account.total), missing=1, surplus=1)
        await it.once(it.job(SPRING))
        assert it.verdict(SPAN) == exact(account.total)
        await asyncio.sleep(DAY)
        assert len((await it.once(it.job(SPRING))).counts) == 3
