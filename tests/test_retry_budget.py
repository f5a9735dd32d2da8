import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from random import Random

import pytest

from harvester.api.auth import TokenSource
from harvester.api.budget import RetryBudget
from harvester.api.client import Client
from harvester.api.persistence import Meter
from harvester.api.reply import Receiver, Reply
from tests.asking import FORM, METHOD, OK, Longest, Vendor, client, error, fetch_many, now, seconds
from tests.keys import CREDENTIALS


@dataclass
class Limping:
    """A vendor whose requests fail by chance; keeps when those that were asked for anew came."""

    share: float
    random: Random = field(default_factory=lambda: Random(4))  # noqa: S311  (chance, not a secret)

    async def post(
        self,
        method: str,
        form: Mapping[str, str],
        *,
        leave: Callable[[], Awaitable[str]],
        into: Receiver | None = None,  # noqa: ARG002  (no files here)
    ) -> Reply:
        """One request."""
        assert (method, form, bool(await leave())) == (METHOD, FORM, True)
        await asyncio.sleep(0.2)
        return error(1) if self.random.random() < self.share else OK


async def run(share: float, requests: int, *, tasks: int = 30) -> tuple[int, int, float]:
    """First tries, repeats beyond the first minute, and seconds, of a run against a limping vendor."""
    meter = Meter()
    client = Client(
        Limping(share),
        TokenSource(CREDENTIALS, now=now),
        rate=8,
        concurrency=8,
        random=Longest(),
        now=now,
        meter=meter,
    )
    left = requests
    early = 0

    async def fetcher() -> None:
        nonlocal left
        while left:
            left -= 1
            await client.fetch(METHOD, FORM)

    async def watch() -> None:
        nonlocal early
        await asyncio.sleep(60)
        early = meter.retries

    async with asyncio.TaskGroup() as group:
        group.create_task(watch())
        for _ in range(tasks):
            group.create_task(fetcher())
    assert meter.requests == requests + meter.retries
    return requests, meter.retries - early, asyncio.get_running_loop().time()


async def test_repeats_of_a_limping_api_are_bounded() -> None:
    """With three failures in ten all is fetched in the end, and repeats keep to what was earned."""
    first, repeats, seconds = await run(0.3, 3_000)
    assert repeats > 900
    assert repeats <= first / 9 + 20 + seconds


async def test_queueing_is_not_held_against_a_request() -> None:
    """Six hundred requests that fail four times each wait longer than a request may take, and succeed."""
    vendor = Vendor([error(1)] * 2_400)
    asking = client(vendor, rate=8)
    await fetch_many(asking, 600)
    assert len(vendor.times) == 3_000
    assert asyncio.get_running_loop().time() >= 1_200


async def test_a_few_failures_cost_no_time() -> None:
    """One failure in twenty is within the budget: the run takes what its requests take."""
    first, repeats, seconds = await run(0.05, 3_000)
    assert repeats <= first / 9
    assert seconds <= 1.03 * (first + repeats + 30) / 8 + 10


async def test_a_lone_failure_is_repeated_at_once() -> None:
    """The reserve is there from the start, after the first minute too."""
    budget = RetryBudget()
    budget.first_try()
    await asyncio.sleep(90)
    for _ in range(20):
        await budget.repeat()
    assert asyncio.get_running_loop().time() == seconds(90)


async def test_repeats_of_the_first_minute_are_free() -> None:
    """They cost the reserve nothing."""
    budget = RetryBudget()
    budget.first_try()
    for _ in range(1_000):
        await budget.repeat()
    assert asyncio.get_running_loop().time() == seconds(0)


async def spent() -> RetryBudget:
    """A budget with nothing left, two minutes after it began."""
    budget = RetryBudget()
    budget.first_try()
    await asyncio.sleep(120)
    for _ in range(20):
        await budget.repeat()
    return budget


async def test_first_tries_earn_repeats() -> None:
    """Who waits is let go by the ninth first try, in order."""
    budget = await spent()
    order = []

    async def repeat(number: int) -> None:
        await budget.repeat()
        order.append((number, asyncio.get_running_loop().time()))

    async with asyncio.TaskGroup() as group:
        for number in range(3):
            group.create_task(repeat(number))
        for _ in range(28):
            await asyncio.sleep(0.01)
            budget.first_try()
    numbers, times = zip(*order, strict=True)
    assert numbers == (0, 1, 2)
    assert times == pytest.approx([120.09, 120.18, 120.27], abs=0.015)


async def test_nobody_starves() -> None:
    """Without a single first try, a repeat leaves every second."""
    budget = await spent()
    for after in range(1, 100):
        await budget.repeat()
        assert asyncio.get_running_loop().time() == seconds(120 + after)


async def test_savings_are_bounded() -> None:
    """A good day pays for no storm: at most twenty repeats are saved up."""
    budget = await spent()
    for _ in range(10_000):
        budget.first_try()
    for _ in range(25):
        await budget.repeat()
    assert asyncio.get_running_loop().time() == seconds(125)


async def test_who_gives_up_queueing_costs_nothing() -> None:
    """A cancelled wait leaves the queue, and the others their turns."""
    budget = await spent()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await budget.repeat()
    await budget.repeat()
    assert asyncio.get_running_loop().time() == seconds(121)
