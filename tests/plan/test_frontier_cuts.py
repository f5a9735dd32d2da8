"""Where windows are cut: in doubt, for the API's widest range, and so that all fetchers have work."""

import asyncio

import pytest

from harvester.plan.frontier import READINGS, Frontier, Lease
from harvester.window import Window
from tests.plan.leasing import DAY, REACH, all_leases, frontier, leased


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
