import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from random import Random

import pytest

from harvester.emulator.counts import busiest_second
from harvester.processes.permits import Dealer, Permits, RemoteDoor, SharedPace


def _now() -> float:
    return asyncio.get_running_loop().time()


@dataclass(slots=True)
class Company:
    """Workers in one loop: whatever they and the coordinator tell each other takes a while to arrive.

    Attributes:
        late: Seconds that a message takes at most.
        left: When requests left.
    """

    permits: Permits
    late: float = 0.0
    doors: list[RemoteDoor] = field(default_factory=list)
    dealers: list[Dealer] = field(default_factory=list)
    left: list[float] = field(default_factory=list)
    chance: Random = field(default_factory=lambda: Random(5))  # noqa: S311  (chance by seed)
    due: dict[object, float] = field(default_factory=dict)

    def hire(self, group: asyncio.TaskGroup) -> asyncio.Task[None]:
        """One more worker; returns the task that hands it permits."""
        number = len(self.doors)
        dealer = Dealer(self.permits, lambda count: self._tell(number, self.doors[number].granted, count))
        tell = partial(self._tell, -1 - number)
        self.doors.append(RemoteDoor(partial(tell, dealer.want), partial(tell, dealer.used)))
        self.dealers.append(dealer)
        return group.create_task(dealer.deal())

    async def ask(self, number: int, *, times: int) -> None:
        """A worker's requests leave one after the other."""
        for _ in range(times):
            await self.doors[number].acquire()
            self.left.append(_now())

    def _tell(self, way: int, what: object, count: int) -> None:
        # In order, as over a socket.
        self.due[way] = max(self.due.get(way, 0.0), _now() + self.chance.uniform(0, self.late))
        asyncio.get_running_loop().call_at(self.due[way], what, count)  # type: ignore[arg-type]  # one of ours


@asynccontextmanager
async def company(rate: float, workers: int, *, late: float = 0.0) -> AsyncIterator[Company]:
    """Workers with one budget."""
    it = Company(Permits(rate), late)
    async with asyncio.TaskGroup() as group:
        dealing = [it.hire(group) for _ in range(workers)]
        yield it
        for task in dealing:
            task.cancel()


@pytest.mark.parametrize("late", [0.0, 0.02, 0.3, 2.0])
@pytest.mark.parametrize("rate", [0.5, 3, 20, 200])
async def test_the_budget_holds_however_late_a_permit_is(rate: float, late: float) -> None:
    """P7: in no second more than the budget leave, of all processes together."""
    requests = round(max(4, rate))
    async with company(rate, 3, late=late) as it, asyncio.TaskGroup() as group:
        for number in range(3):
            for _ in range(requests):
                group.create_task(it.ask(number, times=3))
    assert len(it.left) == 3 * requests * 3
    assert busiest_second(it.left) <= max(1, rate)


@pytest.mark.parametrize("rate", [5, 50, 250])
async def test_the_budget_is_used(rate: int) -> None:
    """Permits that arrive within some milliseconds cost no more than the 2 % that a lone process loses."""
    async with company(rate, 2, late=0.004) as it, asyncio.TaskGroup() as group:
        for number in (0, 1):
            for _ in range(50):
                group.create_task(it.ask(number, times=rate // 5))
    assert len(it.left) / (it.left[-1] - it.left[0]) >= 0.975 * rate


async def test_a_budget_begins_where_another_may_have_ended() -> None:
    """P7: what is asked for one account after the other is asked within one budget."""
    left = list[float]()
    for _ in range(4):
        async with company(20, 2) as it, asyncio.TaskGroup() as group:
            for number in (0, 1):
                for _ in range(5):
                    group.create_task(it.ask(number, times=3))
        left += it.left
    assert busiest_second(left) <= 20


async def test_an_idle_worker_leaves_the_budget_to_the_others() -> None:
    """One worker alone gets all of it."""
    async with company(20, 3) as it, asyncio.TaskGroup() as group:
        for _ in range(10):
            group.create_task(it.ask(2, times=20))
    assert len(it.left) / (it.left[-1] - it.left[0]) >= 0.97 * 20


async def test_permits_come_in_batches() -> None:
    """What may leave at once, and is asked for at once, is one message."""
    permits, batches = Permits(500), list[int]()
    dealer = Dealer(permits, batches.append)
    await asyncio.sleep(5)
    dealer.want(8)
    async with asyncio.TaskGroup() as group:
        dealing = group.create_task(dealer.deal())
        await asyncio.sleep(0.1)
        dealing.cancel()
    assert batches == [8]


@pytest.mark.parametrize("moment", [0.0, 0.05, 0.15, 0.2, 0.3])
async def test_a_request_that_gives_up_keeps_no_permit(moment: float) -> None:
    """Cancelled before it asked, while it waits or with the permit on its way, it holds nobody up."""
    async with company(4, 2, late=0.2) as it, asyncio.TaskGroup() as group:
        hasty = [group.create_task(it.ask(0, times=1)) for _ in range(6)]
        await asyncio.sleep(moment)
        for task in hasty:
            task.cancel()
        began = _now()
        await it.ask(1, times=8)
        assert _now() - began <= (8 + 6) / 4 + 8 * 0.6


async def test_a_worker_that_is_gone_keeps_no_permit() -> None:
    """What it was given counts as used: it may have been."""
    permits, batches = Permits(4), list[int]()
    gone = Dealer(permits, batches.append)
    gone.want(1)
    async with asyncio.TaskGroup() as group:
        dealing = group.create_task(gone.deal())
        await asyncio.sleep(10)
        assert batches == [1]
        dealing.cancel()
        gone.close()
        began = _now()
        assert await permits.take(1) == 1
        assert 0.1 < _now() - began < 0.3


async def test_a_pause_is_everybodys() -> None:
    """P7: one worker is asked to wait; the others wait as long, and count it as a pause."""
    told = list[tuple[float, float | None, float | None]]()
    one = SharedPace(None, print, lambda *what: told.append(what))
    other = SharedPace(None, print, print)
    await asyncio.sleep(5)
    one.freeze(7.0, since=3.0)
    assert told == [(7.0, 3.0, None)]
    other.frozen(*told[0])
    await other.leave()
    assert _now() == pytest.approx(12)
    assert [one.paused, other.paused] == pytest.approx([9, 9])


async def test_a_refusal_slows_all_workers() -> None:
    """One worker is refused as one too many; the others ask more slowly, too, and all of them once."""
    told = list[tuple[float, float | None, float | None]]()
    paces = [SharedPace(None, print, lambda *what: told.append(what)) for _ in range(3)]
    left = list[float]()

    async def ask(pace: SharedPace) -> None:
        for _ in range(100):
            await pace.turn()
            left.append(_now())
            await asyncio.sleep(0.1)  # an answer's time

    async with asyncio.TaskGroup() as group:
        for pace in paces:
            group.create_task(ask(pace))
        await asyncio.sleep(2.05)
        for pace in paces[:2]:  # both are refused, before they hear of each other
            pace.freeze(0.0, refused=_now() - 0.05)
        for pause, others in zip(told, (paces[1:], paces[::2]), strict=True):
            for pace in others:
                pace.frozen(*pause)
        assert [pace.cuts for pace in paces] == [1, 1, 1]
        before = len(left)
        await asyncio.sleep(3)
        assert (len(left) - before) / 3 == pytest.approx(0.7 * 30, rel=0.1)


async def test_a_pause_that_begins_while_permits_are_on_their_way() -> None:
    """A permit that arrives during a pause is given up, and another one asked for after it."""
    pace = SharedPace(8, lambda *what: told.append(what), print)
    told = list[tuple[object, ...]]()
    async with asyncio.TaskGroup() as group:
        leaving = group.create_task(pace.leave())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        pace.frozen(10.0)
        pace.granted("leave", 1)
        await asyncio.sleep(20)
        assert not leaving.done()
        pace.granted("leave", 1)
    assert told == [("want", "leave", 1), ("used", "leave", 1)] * 2
