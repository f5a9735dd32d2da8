"""``sync`` over a month: the lake equals the account, for hardly more than the pages that hold news."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from math import ceil
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest

from harvester.window import Window
from tests.acceptance.harness import DAY, SPRING
from tests.acceptance.living import Living, LivingAccount, crowd
from tests.acceptance.oracle import exact
from tests.acceptance.syncing import Watched, counts, watched

pytestmark = pytest.mark.large
_SHM = Path("/dev/shm")  # noqa: S108  (a file system in memory: a month of rounds)
MEMORY = _SHM if _SHM.is_dir() else None
HOUR = 3_600
SETTLE = HOUR
PAGE = 50


async def test_a_month_of_late_costs_late_sessions_and_running_calls() -> None:
    """All of it is in the lake, for 1.2 requests a page of news, and one count a partition looked back at.

    A partition whose count changed is news as a whole.
    """
    span = Window(SPRING, SPRING + 28 * DAY)
    sessions = crowd(Random(1), span, 160, late=0.002)  # noqa: S311  (chance, not a secret)
    begins = SPRING + DAY
    with TemporaryDirectory(dir=MEMORY) as folder:
        account = LivingAccount(sessions, begins)
        async with watched(Path(folder), account, begins, page_size=PAGE) as it:
            await it.serve_until(SPRING + 31 * DAY, it.job(SPRING), every=6 * HOUR)
            assert it.verdict(Window(span.start, span.end + DAY)) == exact(len(sessions))
            assert len(it.rounds) > 115
            assert all(done.outcome == "complete" for done in it.rounds[:-1])
            assert sum(len(done.changed) for done in it.rounds) > 10
            news = _pages_of_news(it, sessions) + _pages_of_changes(it)
            assert len(it.emulator.requests) <= 1.2 * news + counts(it.rounds)


def _pages_of_news(it: Watched, sessions: Iterable[Living]) -> int:
    """The fewest pages that bring, to each round, all that came or changed since the round before."""
    ordered = sorted(sessions, key=lambda session: (session.second, session.key))
    ends = [done.fresh.end for done in it.rounds if done.fresh]
    news: dict[int, list[int]] = {}
    for place, session in enumerate(ordered):
        first = bisect_left(ends, session.second + 1)  # the round that is the first to ask for its second
        changes = {max(first, bisect_left(ends, moment - SETTLE)) for moment in session.moments}
        for number in changes - {len(ends)}:
            news.setdefault(number, []).append(place)
    return sum(_cover(places) for places in news.values())


def _cover(places: Sequence[int]) -> int:
    """The fewest pages that hold these places of the history."""
    pages, after = 0, -1
    for place in places:
        if place >= after:
            pages, after = pages + 1, place + PAGE
    return pages


def _pages_of_changes(it: Watched) -> int:
    """The pages of the partitions whose count changed."""
    days = [{count.window.start // DAY for count in done.changed} for done in it.rounds]
    return sum(ceil(it.account.count(day * DAY, (day + 1) * DAY) / PAGE) for found in days for day in found)
