import asyncio
import random
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harvester.plan.density import Density
from harvester.plan.frontier import READINGS, Frontier, Lease
from harvester.window import Window, merged

HOUR, DAY = 3_600, 86_400
REACH = 11_000


def frontier(*windows: Lease, reach: int = REACH, fetchers: int = 2) -> Frontier:
    """A frontier that cuts by a flat density."""
    return Frontier(windows, Density(), reach=reach, fetchers=fetchers)


async def leased(work: Frontier) -> Lease:
    """The next lease; there is one."""
    lease = await work.lease()
    assert lease is not None
    return lease


async def all_leases(work: Frontier) -> list[Lease]:
    """Every lease of a frontier whose fetcher reads each as a whole."""
    leases = []
    while (lease := await work.lease()) is not None:
        leases.append(lease)
        work.done(lease)
    return leases


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


async def test_a_doubtful_window_is_halved_three_times() -> None:
    """Halves are asked afresh, and an eighth that cannot be proven either is not halved again."""
    work = frontier(Lease(Window(0, 80), 500))
    for half in (Window(0, 40), Window(0, 20), Window(0, 10)):
        lease = await leased(work)
        assert work.split(lease)[0] == half
        work.done(lease)
    eighth = await leased(work)
    assert eighth == Lease(Window(0, 10), None, splits=3)
    assert work.split(eighth) == []


@pytest.mark.parametrize(("seconds", "lengths"), [(1, []), (2, [1, 1]), (7, [3, 4])])
async def test_halves_are_whole_seconds(seconds: int, lengths: list[int]) -> None:
    """A window is halved at a second; one second cannot be."""
    work = frontier(Lease(Window(0, seconds)))
    assert [half.seconds for half in work.split(await leased(work))] == lengths


async def test_a_rest_remembers_how_often_its_window_was_halved() -> None:
    """Reading a part does not give a doubtful window new chances."""
    work = frontier(Lease(Window(0, 100), splits=2))
    work.done(await leased(work), Window(50, 100))
    assert (await leased(work)).splits == 2


@pytest.mark.parametrize(
    ("days", "seconds"),
    [(31, 31 * DAY - 2), (1, DAY - 2), (None, 50 * DAY), (100, 100 * DAY - 2), (1_000, 50 * DAY)],
    ids=["31 days", "1 day", "unstated", "as wide", "wider"],
)
async def test_a_window_too_wide_for_the_api_is_narrowed(days: int | None, seconds: int) -> None:
    """All windows become ``days`` less two seconds wide; half as wide if that would change nothing."""
    work = frontier(Lease(Window(0, 100 * DAY), 40), Lease(Window(100 * DAY, 200 * DAY)))
    assert work.narrow(await leased(work), days)
    widths = [lease.window.seconds for lease in await all_leases(work)]
    assert max(widths) == seconds
    assert sum(widths) == 200 * DAY


async def test_narrowing_never_widens() -> None:
    """Two fetchers that learn of the bound at once agree on the narrower one."""
    work = frontier(Lease(Window(0, 100 * DAY)), Lease(Window(100 * DAY, 200 * DAY)))
    first, second = await leased(work), await leased(work)
    work.narrow(first, 10)
    work.narrow(second, 31)
    assert (await leased(work)).window == Window(0, 10 * DAY - 2)
    assert work.expected is None


@pytest.mark.parametrize("days", [None, 31])
async def test_narrowing_ends_at_one_second(days: int | None) -> None:
    """An API that finds every range too wide is not asked for ever."""
    work = frontier(Lease(Window(0, 100 * DAY)))
    lease = await leased(work)
    for _ in range(30):  # halvings of a hundred days
        if not work.narrow(lease, days):
            break
        lease = await leased(work)
    assert lease.window.seconds == 1
    assert not work.narrow(lease, days)


async def test_narrowing_wakes_waiting_fetchers() -> None:
    """What is taken back is work for whoever waits."""
    work = frontier(Lease(Window(0, 100)))
    first = await leased(work)
    waiting = asyncio.create_task(work.lease())
    await asyncio.sleep(1)
    work.narrow(first, None)
    assert await waiting == Lease(Window(0, 50))


async def test_proven_windows_are_never_cut() -> None:
    """Their answers lie in the spool as a whole: neither density nor the API's bound cuts them."""
    proven = Lease(Window(100 * DAY, 200 * DAY), 50 * REACH, proven=True)
    work = frontier(Lease(Window(0, 100 * DAY)), proven)
    work.narrow(await leased(work), 31)
    assert proven in await all_leases(work)


async def test_a_proven_window_that_had_to_be_asked_again_may_be_cut() -> None:
    """If its answers are gone and the API finds it too wide, it is a window like others."""
    work = frontier(Lease(Window(0, 100 * DAY), 5, proven=True))
    work.narrow(await leased(work), 31)
    assert await leased(work) == Lease(Window(0, 31 * DAY - 2))


async def test_a_large_window_is_cut_so_that_others_have_work() -> None:
    """With its total known, a window is leased in parts of several readings that share its total."""
    work = frontier(Lease(Window(0, 100 * DAY), 100 * REACH), fetchers=2)
    first, second = await leased(work), await leased(work)
    assert first.window.end == second.window.start == READINGS * DAY
    assert (first.expected, second.expected) == (READINGS * REACH, READINGS * REACH)
    assert work.expected == 100 * REACH


@pytest.mark.parametrize(
    ("expected", "head"),
    [(None, None), (0, 0), (REACH, REACH), (2 * REACH - 1, 2 * REACH - 1), (2 * REACH, REACH)],
)
async def test_a_small_window_is_read_as_a_whole(expected: int | None, head: int | None) -> None:
    """Below two readings a cut would only cost requests; before anyone asked there is nothing to cut by."""
    assert (await leased(frontier(Lease(Window(0, DAY), expected)))).expected == head


async def test_a_window_too_short_to_cut_is_read_as_a_whole() -> None:
    """A single second may hold more than many readings; there is no second to cut it at."""
    lease = Lease(Window(0, 1), 100 * REACH)
    assert await leased(frontier(lease)) == lease


async def read_all(work: Frontier, rows: int, span: int, fetchers: int) -> list[float]:
    """When each of ``fetchers`` is done with an even history, at one second for a reading."""
    loop = asyncio.get_running_loop()

    async def fetch() -> float:
        busy = 0.0
        while (lease := await work.lease()) is not None:
            await asyncio.sleep(1)
            busy = loop.time()
            held = rows * lease.window.seconds // span
            if held <= REACH:
                work.done(lease)
            else:
                middle = lease.window.start + lease.window.seconds * REACH // held
                work.done(lease, Window(middle, lease.window.end), held - REACH)
        return busy

    return await asyncio.gather(*(fetch() for _ in range(fetchers)))


@pytest.mark.parametrize("fetchers", [1, 2, 3, 8])
async def test_all_fetchers_have_work_until_shortly_before_the_end(fetchers: int) -> None:
    """One window of 400 readings takes hardly longer than 400 readings shared out evenly."""
    rows, span = 400 * REACH, 365 * DAY
    work = frontier(Lease(Window(0, span)), fetchers=fetchers)
    ends = await read_all(work, rows, span, fetchers)
    assert max(ends) - min(ends) <= 4
    assert max(ends) < 1.2 * 400 / fetchers + 4


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
