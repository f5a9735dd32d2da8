"""Windows are leased oldest first, each second once, until all are read; then every fetcher is told."""

import asyncio
import random
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harvester.plan.frontier import Frontier, Lease
from harvester.window import Window, merged
from tests.plan.leasing import DAY, REACH, all_leases, frontier, leased

HOUR = 3_600


@dataclass
class Simulation:
    """Fetchers that do with a lease whatever real ones may do, at random."""

    work: Frontier
    chance: random.Random
    widest: int
    read: list[Window] = field(default_factory=list)
    held: list[Window] = field(default_factory=list)

    async def fetch(self) -> None:
        """Lease until there is nothing left."""
        while (lease := await self.work.lease()) is not None:
            assert all(lease.window.overlap(other) is None for other in self.held)
            assert all(lease.window.start < waiting.window.start for waiting in self.work._waiting)
            self.held.append(lease.window)
            await asyncio.sleep(self.chance.random())
            self.held.remove(lease.window)
            self._settle(lease)

    def _settle(self, lease: Lease) -> None:
        window, chance = lease.window, self.chance
        if not lease.proven and window.seconds > self.widest:
            assert self.work.narrow(lease, None)
            return
        if chance.random() < 0.3 and self.work.split(lease):
            self.work.done(lease)
            return
        end = window.start + chance.randint(1, window.seconds)
        self.read.append(Window(window.start, end))
        rest = Window(end, window.end) if end < window.end else None
        self.work.done(lease, rest, chance.choice((None, 0, chance.randrange(3 * REACH))))


@st.composite
def disjoint(draw: st.DrawFn) -> list[Lease]:
    """Windows of all lengths, with and without seconds between them, proven or not."""
    bounds = sorted(draw(st.sets(st.integers(0, 3 * DAY), min_size=2, max_size=6)))
    known = st.one_of(st.none(), st.integers(0, 20 * REACH))
    return [
        Lease(Window(start, end), draw(known), proven=draw(st.booleans()))
        for start, end in pairwise(bounds)
        if draw(st.booleans())
    ]


@settings(deadline=None)
@given(disjoint(), st.integers(1, 5), st.integers(6 * HOUR, 3 * DAY), st.randoms(use_true_random=True))
async def test_every_second_is_read_once_whatever_the_fetchers_do(
    leases: list[Lease], fetchers: int, widest: int, chance: random.Random
) -> None:
    """Cuts, rests, halves and narrowing lose nothing and double nothing, oldest first, and come to an end."""
    work = frontier(*leases, fetchers=fetchers)
    simulation = Simulation(work, chance, widest)
    async with asyncio.timeout(10_000), asyncio.TaskGroup() as group:
        for _ in range(fetchers):
            group.create_task(simulation.fetch())
    assert merged(simulation.read) == merged(lease.window for lease in leases)
    assert sum(part.seconds for part in simulation.read) == sum(lease.window.seconds for lease in leases)
    assert (work.windows, work.expected) == (0, 0)


async def test_windows_are_leased_oldest_first() -> None:
    """The order they were given in does not matter."""
    work = frontier(*(Lease(Window(start, start + 5)) for start in (20, 0, 30, 10)))
    assert [lease.window.start for lease in await all_leases(work)] == [0, 10, 20, 30]


async def test_a_rest_comes_before_what_is_newer() -> None:
    """What is left of a window is read next, not last."""
    work = frontier(Lease(Window(0, 100)), Lease(Window(100, 200)))
    first = await leased(work)
    work.done(first, Window(40, 100), 7)
    assert await leased(work) == Lease(Window(40, 100), 7)


async def test_nothing_to_read_is_the_end() -> None:
    """An empty frontier hands out nothing, and waits for nothing."""
    assert await frontier().lease() is None


async def test_a_fetcher_waits_while_another_may_bring_a_rest() -> None:
    """An empty frontier is not the end as long as a window is being read."""
    work = frontier(Lease(Window(0, 100)))
    first = await leased(work)
    waiting = asyncio.create_task(work.lease())
    await asyncio.sleep(1)
    assert not waiting.done()
    work.done(first, Window(50, 100))
    assert await waiting == Lease(Window(50, 100))


async def test_the_last_done_tells_every_fetcher() -> None:
    """When all is read, each of the waiting fetchers gets ``None``."""
    work = frontier(Lease(Window(0, 100)))
    first = await leased(work)
    waiting = [asyncio.create_task(work.lease()) for _ in range(3)]
    await asyncio.sleep(1)
    work.done(first)
    assert await asyncio.gather(*waiting) == [None, None, None]


async def test_close_ends_waiting_fetchers_and_keeps_what_waits() -> None:
    """After ``close`` nothing is handed out; what is being read may finish, and its rest stays."""
    work = frontier(Lease(Window(0, 100), 5), fetchers=2)
    first = await leased(work)
    waiting = asyncio.create_task(work.lease())
    await asyncio.sleep(1)
    work.close()
    assert await waiting is None
    work.done(first, Window(60, 100), 3)
    assert await work.lease() is None
    assert (work.windows, work.expected) == (1, 3)


async def test_handed_out_before_the_last_are_read() -> None:
    """As soon as a fetcher has nothing to do, while others still read."""
    work = frontier(Lease(Window(0, DAY)))
    waiting = asyncio.create_task(work.handed_out())
    first = await leased(work)
    await asyncio.sleep(0)
    assert not waiting.done(), "nobody knows how much it holds: most of it may come back"
    first = work.measured(first, 2 * REACH, None)
    await asyncio.sleep(0)
    assert not waiting.done(), "the tail waits for another"
    await leased(work)
    await asyncio.sleep(0)
    assert not waiting.done(), "both are busy"
    work.done(first)
    await asyncio.wait_for(waiting, 1)
    assert work.windows == 1


async def test_handed_out_when_closed() -> None:
    """Nobody waits for windows that stay for the next run."""
    work = frontier(Lease(Window(0, DAY)))
    waiting = asyncio.create_task(work.handed_out())
    await asyncio.sleep(0)
    work.close()
    await asyncio.wait_for(waiting, 1)


@pytest.mark.parametrize(
    ("expected", "total"), [((3, 4), 7), ((3, None), None), ((None, None), None), ((0, 0), 0)]
)
def test_what_is_expected_is_known_when_every_share_is(
    expected: tuple[int | None, ...], total: int | None
) -> None:
    """A sum with an unknown part is unknown, never a guess."""
    work = frontier(*(Lease(Window(n * DAY, n * DAY + DAY), share) for n, share in enumerate(expected)))
    assert work.expected == total
    assert work.windows == len(expected)


async def test_what_is_being_read_is_still_expected() -> None:
    """A lease counts until it is done."""
    work = frontier(Lease(Window(0, DAY), 5), Lease(Window(DAY, 2 * DAY), 6))
    first = await leased(work)
    assert (work.windows, work.expected) == (2, 11)
    work.done(first)
    assert (work.windows, work.expected) == (1, 6)
