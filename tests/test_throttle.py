"""The rate that the API takes: cut when it refuses more, tried again after a while."""

from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.api.persistence import Meter
from harvester.api.reply import Reply
from harvester.api.throttle import Throttle
from harvester.errors import HarvestError, TransportError
from tests.asking import OK, Vendor, client, error, fetch_many


def turns(throttle: Throttle, rate: float, *, until: float, since: float = 0.0) -> Iterator[float]:
    """Ask for turns at this rate; when they were."""
    number = 0
    while (now := since + number / rate) < until:
        yield now + throttle.turn(now)
        number += 1


def refused(throttle: Throttle, rate: float, *, at: float = 10.0, resume: float = 10.0) -> Throttle:
    """One that was asked at this rate until it was refused."""
    list(turns(throttle, rate, until=at))
    assert throttle.refuse(at - 0.2, at, resume)
    return throttle


@pytest.mark.parametrize(("budget", "asked"), [(8.0, 8.0), (100.0, 8.0), (None, 8.0), (0.5, 0.5)])
def test_a_refusal_takes_three_tenths_of_the_rate(budget: float | None, asked: float) -> None:
    """Of that at which requests left in the last seconds, however large the budget."""
    assert refused(Throttle(budget), asked).rate(10) == pytest.approx(0.7 * asked, abs=0.7 / 5)


def test_turns_are_spaced_by_the_rate() -> None:
    """Who asks at once has turns one by one."""
    throttle = refused(Throttle(10), 10)
    times = [10 + throttle.turn(10) for _ in range(20)]
    assert times[0] == 10
    assert [later - sooner for sooner, later in pairwise(times)] == pytest.approx([1 / 7] * 19)


def test_the_rate_that_was_refused_is_tried_again_after_a_minute() -> None:
    """Near it for long, beyond it ever faster, until the budget alone holds."""
    throttle = refused(Throttle(100), 10, resume=30)
    assert [throttle.rate(30 + at) for at in (0, 30, 60, 90, 120)] == pytest.approx(
        [7, 9.625, 10, 10.375, 13]
    )
    assert throttle.rate(30 + 260) is None
    assert throttle.turn(291) == throttle.turn(291) == 0


def test_what_left_before_the_cut_does_not_cut_again() -> None:
    """Of many requests that are refused together, the first tells all there is to know."""
    throttle = refused(Throttle(8), 8)
    for late in range(30):
        assert not throttle.refuse(9.9, 10 + late, 10 + late)
    assert throttle.refuse(10.5, 40, 40)
    assert throttle.cuts == 2


def test_the_first_second_tells_nothing_of_a_rate() -> None:
    """Nobody knows yet how fast requests leave, and a pause is kept all the same."""
    throttle = Throttle(8)
    assert not throttle.refuse(0.0, 0.1, 5.0)
    list(turns(throttle, 8, until=1))
    assert not throttle.refuse(0.0, 0.9, 5.0)
    assert throttle.refuse(0.9, 1.1, 5.0)


@pytest.mark.parametrize(("budget", "least"), [(8.0, 0.1), (None, 0.1), (0.05, 0.05)])
def test_however_often_it_is_refused_a_wait_has_an_end(budget: float | None, least: float) -> None:
    """P11: a request leaves every ten seconds, or by the budget where that is less."""
    throttle, now = refused(Throttle(budget), min(8, budget or 8), at=50, resume=50), 50.0
    for _ in range(60):
        now += 0.001
        throttle.refuse(now, now + 0.001, now)
    assert throttle.rate(now) == pytest.approx(least)


@pytest.mark.parametrize("budget", [8.0, 50.0])
@pytest.mark.parametrize("limit", [1, 3, 7])
def test_an_hour_at_an_api_that_takes_less(budget: float, limit: int) -> None:
    """Hardly more than a request a minute is refused, and of what the API takes five sixths are used."""
    throttle, now, taken, refusals = Throttle(budget), 0.0, list[float](), 0
    while now < 3600:
        now = max(now + 1 / budget, now + throttle.turn(now))
        if sum(now - at < 1 for at in taken[-limit:]) < limit:
            taken.append(now)
        else:
            refusals += 1
            throttle.refuse(now, now + 0.2, now + 0.5)
            now += 0.5
    assert refusals <= 80
    assert len(taken) >= 5 / 6 * 3600 * limit


async def test_a_client_slows_down_where_it_is_refused() -> None:
    """F06: the pause is kept, and those that follow leave at seven tenths of the rate before it."""
    vendor, meter = Vendor([*[OK] * 99, Reply(429, {"retry-after": "5"}, b"")], latency=0.1), Meter()
    await fetch_many(client(vendor, rate=10, concurrency=20, meter=meter), 150)
    assert meter.cuts == 1
    resumed = next(at for at, later in pairwise(vendor.times) if later - at > 4) + 5
    early = [at for at in vendor.times if resumed <= at < resumed + 6]
    assert len(early) == pytest.approx(6 * 7.2, abs=1)


async def test_only_what_asks_to_slow_down_is_obeyed() -> None:
    """A fault of the API's own, or a connection that breaks, tells nothing of a rate."""
    failures: list[Reply | HarvestError] = [error(1), Reply(500, {}, b""), TransportError("reset")]
    vendor, meter = Vendor([*[OK] * 20, *failures * 4]), Meter()
    await fetch_many(client(vendor, rate=10, concurrency=4, meter=meter), 50)
    assert (meter.retries, meter.cuts) == (12, 0)


@given(
    st.floats(0.1, 50) | st.none(),
    st.lists(st.tuples(st.floats(0, 30), st.booleans()), max_size=60),
)
def test_everybody_has_a_turn(budget: float | None, events: list[tuple[float, bool]]) -> None:
    """P11: whatever is refused, and whenever, a turn comes ten seconds after the one before at the latest."""
    throttle, now, waiting = Throttle(budget), 0.0, 0.0
    for pause, is_refused in events:
        now += pause
        if is_refused:
            throttle.refuse(now - 0.01, now, now)
        ahead = max(0.0, waiting - now)
        waiting = now + throttle.turn(now)
        assert now <= waiting <= now + ahead + 10 + 1e-6
