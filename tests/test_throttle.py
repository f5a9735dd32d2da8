"""The rate that the API takes: cut when it refuses more, tried again after a while."""

import asyncio
import math
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.api.pacing import Pace
from harvester.api.persistence import Meter
from harvester.api.reply import Reply
from harvester.api.throttle import Throttle
from harvester.errors import HarvestError, TransportError, UnavailableError
from tests.asking import OK, Vendor, client, error, fetch_many


def ask(throttle: Throttle, rate: float, *, since: float, until: float) -> Throttle:
    """Let requests pass at this rate."""
    for number in range(round((until - since) * rate)):
        throttle.pass_one(since + number / rate)
    return throttle


def refused(budget: float | None, rate: float, *, resume: float = 10.0) -> Throttle:
    """One that was asked at this rate for ten seconds, and then refused."""
    throttle = ask(Throttle(budget), rate, since=0, until=10)
    assert throttle.refuse(9.9, 10, resume)
    return throttle


@pytest.mark.parametrize(("budget", "asked"), [(8.0, 8.0), (100.0, 8.0), (None, 8.0), (0.5, 0.5), (2.0, 1.0)])
def test_a_refusal_takes_three_tenths_of_the_rate(budget: float | None, asked: float) -> None:
    """Of that at which requests left in the last seconds, however large the budget."""
    assert refused(budget, asked).rate(10) == pytest.approx(0.7 * asked)


@pytest.mark.parametrize(("budget", "expected"), [(8.0, 5.6), (None, 2.1)])
def test_a_few_requests_tell_nothing_of_a_rate(budget: float | None, expected: float) -> None:
    """Behind an hour's silence the budget is cut; where there is none, what left is all that is known."""
    throttle = ask(Throttle(budget), 4, since=0, until=100)
    ask(throttle, 5, since=3600, until=3600.6)
    assert throttle.refuse(3600.5, 3601, 3601)
    assert throttle.rate(3601) == pytest.approx(expected)


def test_without_a_budget_one_request_is_none_too_many() -> None:
    """Its pause is kept; there is no rate yet that could be cut."""
    throttle = ask(Throttle(None), 2, since=0, until=1)
    assert not throttle.refuse(0.5, 1, 1)
    assert throttle.wait(1) == 0


def test_who_asked_nothing_lately_knows_no_rate() -> None:
    """Another process was refused, an hour after this one asked for the last time."""
    throttle = ask(Throttle(None), 4, since=0, until=100)
    assert not throttle.refuse(3599, 3600, 3600)
    assert throttle.wait(3600) == 0


def test_a_lower_demand_that_is_refused_is_cut_too() -> None:
    """What leaves is measured, not what might: where another program asks beside this one, say."""
    throttle = ask(refused(8, 8), 2, since=10, until=30)
    assert throttle.refuse(29.9, 30, 30)
    assert throttle.rate(30) == pytest.approx(1.4)


def test_the_rate_that_was_refused_is_tried_again_after_a_minute() -> None:
    """Near it for long, beyond it ever faster, until the budget alone holds."""
    throttle = refused(100, 10, resume=30)
    rates = [throttle.rate(30 + at) for at in (0, 30, 60, 90, 120, 260)]
    assert rates == pytest.approx([7, 9.625, 10, 10.375, 13, math.inf])
    throttle.pass_one(290)
    assert throttle.wait(290) == 0


def test_what_left_before_the_cut_does_not_cut_again() -> None:
    """Of many requests that are refused together the first tells all there is to know, but for the pause."""
    throttle = refused(8, 8)
    for late in range(30):
        assert not throttle.refuse(9.9, 10 + late, 12 + late)
    assert throttle.rate(41) == pytest.approx(5.6)
    assert throttle.refuse(10.5, 40, 40)
    assert throttle.cuts == 2


@pytest.mark.parametrize(("budget", "least"), [(8.0, 0.1), (None, 0.1), (0.05, 0.05)])
def test_however_often_it_is_refused_a_wait_has_an_end(budget: float | None, least: float) -> None:
    """P11: a request leaves every ten seconds, or by the budget where that is less."""
    throttle = Throttle(budget)
    for now in range(60):
        throttle.pass_one(now)
        throttle.refuse(now, now + 0.5, now)
    assert throttle.rate(60) == pytest.approx(least)
    assert throttle.wait(59) == pytest.approx(1 / least)


@dataclass
class Strict(Vendor):
    """Takes so many requests in any second; what it refuses counts for nothing."""

    limit: int = 1
    taken: list[float] = field(default_factory=list)

    async def connect(self) -> None:
        """Decide what becomes of the request."""
        now = asyncio.get_running_loop().time()
        is_taken = sum(now - at < 1 for at in self.taken[-self.limit :]) < self.limit
        self.script = [OK if is_taken else Reply(429, {}, b"")]
        if is_taken:
            self.taken.append(now)


@pytest.mark.large
@pytest.mark.parametrize(("budget", "concurrency"), [(8, 1), (8, 8), (8, 32), (50, 64)])
@pytest.mark.parametrize("limit", [1, 4, 7])
async def test_half_an_hour_at_an_api_that_takes_less(budget: float, concurrency: int, limit: int) -> None:
    """Hardly more than a request a minute is refused, and of what the API takes six sevenths are used."""
    vendor, meter = Strict(limit=limit), Meter()
    asking = client(vendor, rate=budget, concurrency=concurrency, meter=meter)
    await fetch_many(asking, 1800 * limit)
    assert meter.retries <= 50
    assert vendor.taken[-1] <= 7 / 6 * 1800


async def test_a_cut_reaches_who_waits_already() -> None:
    """All that queue leave at the new rate, and at the higher one that follows."""
    pace, times = Pace(8), list[float]()

    async def leave() -> None:
        await pace.turn()
        times.append(asyncio.get_running_loop().time())

    async with asyncio.TaskGroup() as group:
        for _ in range(400):
            group.create_task(leave())
        await asyncio.sleep(10)
        pace.freeze(1, refused=9.9)
        await asyncio.sleep(5)
        pace.freeze(1, refused=14.9)
    gaps = [later - sooner for sooner, later in pairwise(times)]
    assert [sum(a <= at < b for at in times) for a, b in ((5, 10), (11, 15), (16, 20))] == [39, 23, 17]
    assert sorted(gaps)[-3] < 1 / 3.9 + 0.01  # but for the two pauses


async def test_a_client_slows_down_where_it_is_refused() -> None:
    """F06: the pause is kept, and those that follow leave at seven tenths of the rate before it."""
    vendor, meter = Vendor([*[OK] * 99, Reply(429, {"retry-after": "5"}, b"")], latency=0.1), Meter()
    await fetch_many(client(vendor, rate=10, concurrency=20, meter=meter), 150)
    assert meter.cuts == 1
    resumed = next(at for at, later in pairwise(vendor.times) if later - at > 4) + 5
    early = [at for at in vendor.times if resumed <= at < resumed + 6]
    assert len(early) == pytest.approx(6 * 7.2, abs=1)


async def test_a_ban_that_ends_a_run_slows_the_next() -> None:
    """What asks behind a pause that was too long to wait for begins where this one was refused."""
    vendor, pace = Vendor([*[OK] * 20, Reply(429, {"retry-after": "3600"}, b"")]), Pace(8)
    with pytest.RaisesGroup(UnavailableError):
        await fetch_many(client(vendor, pace=pace, concurrency=1), 21)
    assert pace.cuts == 1


async def test_only_what_asks_to_slow_down_is_obeyed() -> None:
    """A fault of the API's own, even if it names a pause, or a broken connection tells nothing of a rate."""
    away = Reply(503, {"retry-after": "2"}, b"")
    failures: list[Reply | HarvestError] = [error(1), Reply(500, {}, b""), TransportError("reset"), away]
    vendor, meter = Vendor([*[OK] * 20, *failures * 4]), Meter()
    await fetch_many(client(vendor, rate=10, concurrency=4, meter=meter), 50)
    assert (meter.retries, meter.cuts) == (16, 0)


@given(st.floats(0.1, 50) | st.none(), st.lists(st.tuples(st.floats(0, 30), st.booleans()), max_size=60))
def test_everybody_has_a_turn(budget: float | None, events: list[tuple[float, bool]]) -> None:
    """P11: whatever is refused, and whenever, the next may leave within ten seconds."""
    throttle, now = Throttle(budget), 0.0
    for pause, is_refused in events:
        now += pause
        if is_refused:
            throttle.refuse(now - 0.01, now, now)
        wait = throttle.wait(now)
        assert 0 <= wait <= 10 + 1e-6
        now += wait
        throttle.pass_one(now)
