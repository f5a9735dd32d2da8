"""The pace of requests: no second sees more than the budget, and the budget is used."""

import asyncio
import math
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.api.pacing import Pace
from tests.asking import most_in_a_second, seconds
from tests.virtual_time import VirtualTimeLoop


def stall(seconds: float) -> None:
    """Keep the event loop busy."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualTimeLoop)
    loop._clock.now += seconds


@dataclass(frozen=True)
class Day:
    """What happens to a pace: requests arrive and connect, the loop stalls, the server asks for pauses."""

    rate: float
    requests: list[tuple[float, float]]
    stalls: list[tuple[float, float]]
    pauses: list[tuple[float, float]]

    async def run(self) -> list[float]:
        """When the requests left."""
        pace = Pace(self.rate)
        loop = asyncio.get_running_loop()
        times: list[float] = []
        banned: list[tuple[float, float]] = []

        async def request(arrival: float, handshake: float) -> None:
            await asyncio.sleep(arrival)
            await pace.turn()
            await asyncio.sleep(handshake)
            await pace.leave()
            times.append(loop.time())

        async def busy(at: float, seconds: float) -> None:
            await asyncio.sleep(at)
            stall(seconds)

        async def pause(at: float, seconds: float) -> None:
            await asyncio.sleep(at)
            pace.freeze(seconds)
            banned.append((loop.time(), loop.time() + seconds))

        async with asyncio.TaskGroup() as group:
            for work, events in ((request, self.requests), (busy, self.stalls), (pause, self.pauses)):
                for event in events:
                    group.create_task(work(*event))
        assert not any(start < time < end - 1e-6 for time in times for start, end in banned)
        return times


def moments(longest: float, most: int) -> st.SearchStrategy[list[tuple[float, float]]]:
    """Some moments of the first five seconds, each with a duration."""
    return st.lists(st.tuples(st.floats(0, 5), st.floats(0, longest)), max_size=most)


@given(
    st.builds(
        Day,
        rate=st.floats(0.5, 60) | st.integers(1, 60).map(float),
        requests=moments(0.5, 200) | st.integers(1, 200).map(lambda count: [(0.0, 0.0)] * count),
        stalls=moments(0.3, 20),
        pauses=moments(2, 3),
    )
)
def test_no_second_sees_more_than_the_budget(day: Day) -> None:
    """P7: whatever arrives, however long handshakes take, whenever the loop stalls or a pause ends."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        times = runner.run(day.run())
    assert len(times) == len(day.requests)
    if times:
        assert most_in_a_second(times) <= math.ceil(day.rate)


@pytest.mark.parametrize("rate", [0.2, 1, 5, 10, 20])
@pytest.mark.parametrize("decoding", [0.0, 0.02])
async def test_the_budget_is_used(rate: float, decoding: float) -> None:
    """A run takes at most 3 % longer than the budget says, though 20 ms of decoding follow each request."""
    pace, count = Pace(rate), 300
    times: list[float] = []

    async def request(number: int) -> None:
        await pace.turn()
        await asyncio.sleep(0.3 * (number < 8))  # the first ones open their connections
        await pace.leave()
        times.append(asyncio.get_running_loop().time())
        await asyncio.sleep(0.2 + 0.0037 * (number % 50))
        stall(decoding)

    async with asyncio.TaskGroup() as group:
        for number in range(count):
            group.create_task(request(number))
    assert times[-1] - times[0] <= 1.03 * (count - 1) / rate
    assert most_in_a_second(times) <= max(1, rate)


async def test_slow_handshakes_do_not_bunch_requests() -> None:
    """Requests whose connections took their time leave between the punctual ones, not beside them."""
    slow_start = [(0.0, 0.3)] * 8 + [(0.0, 0.0)] * 30
    times = await Day(10, slow_start, [], []).run()
    assert most_in_a_second(times) <= 10


async def test_connections_are_taken_at_the_budgets_pace() -> None:
    """A request waits for its turn before it takes a connection, not only with one in its hand."""
    pace, times = Pace(4), []

    async def request() -> None:
        await pace.turn()
        times.append(asyncio.get_running_loop().time())

    pace.freeze(2)
    async with asyncio.TaskGroup() as group:
        for _ in range(12):
            group.create_task(request())
    assert times[0] == seconds(2)
    assert most_in_a_second(times) <= 4


async def test_the_clock_of_deadlines_stands_still_in_pauses() -> None:
    """It goes on after each, from where it stood; a pause inside a pause changes nothing."""
    pace = Pace(None)
    loop = asyncio.get_running_loop()
    began = pace.clock()
    seen = []
    for at, pause in ((1, 0.0), (2, 10.0), (5, 2.0), (8, 5.0), (12.5, 0.0), (14, 0.0), (15, 3.0), (20, 0.0)):
        await asyncio.sleep(at - loop.time())
        pace.freeze(pause)
        seen.append(pace.clock() - began)
    assert seen == seconds([1, 2, 2, 2, 2, 3, 4, 6])


async def test_without_a_budget_only_pauses_hold() -> None:
    """A rate of ``None`` is for servers without a limit."""
    pace = Pace(None)
    pace.freeze(3)
    await pace.turn()
    await pace.leave()
    assert asyncio.get_running_loop().time() == seconds(3)
