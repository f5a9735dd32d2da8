"""When the vendor asks for a pause, everyone keeps it: how long, who waits, and what it costs."""

import asyncio
from dataclasses import dataclass
from email.utils import formatdate

import jwt
import pytest

from harvester.api.pacing import Pace
from harvester.api.persistence import Meter, RetryPolicy
from harvester.api.reply import Reply
from harvester.errors import UnavailableError
from tests.asking import FORM, METHOD, NOON, OK, Vendor, client, error, fetch, fetch_many, seconds


@pytest.mark.parametrize(
    ("failure", "pause"),
    [
        (Reply(429, {"retry-after": "40"}, b""), 40),
        (Reply(503, {"retry-after": "40"}, b""), 40),
        (error(1, retry_after="40"), 40),
        (error(416, "Repeat in 40 seconds."), 40),
        (Reply(429, {"retry-after": formatdate(NOON + 40, usegmt=True)}, b""), 40),
        (Reply(429, {"retry-after": "0"}, b""), 0.5),
        (Reply(429, {}, b""), 0.5),
        (error(484), 5),
        (error(340), 1),
    ],
)
async def test_a_pause_stops_everyone(failure: Reply, pause: float) -> None:
    """Who is about to ask waits as long as who was told to; the pause is counted once."""
    vendor, meter = Vendor([failure]), Meter()
    asking = client(vendor, meter=meter)
    async with asyncio.TaskGroup() as group:
        group.create_task(asking.fetch(METHOD, FORM))
        for later in (0.1, 0.2, 0.3):
            await asyncio.sleep(0.1)
            assert asyncio.get_running_loop().time() == seconds(later)
            group.create_task(asking.fetch(METHOD, FORM))
    assert vendor.times[0] == seconds(0)
    assert all(time >= pause for time in vendor.times[1:])
    assert vendor.times[1:] == pytest.approx([pause] * 4, abs=0.6)
    assert meter.pauses == seconds(pause)


async def test_a_moment_to_resume_is_the_vendors() -> None:
    """A moment in ``Retry-After`` counts by the vendor's clock as last seen, ten minutes ahead here."""
    ahead, resume = (formatdate(NOON + 600 + more, usegmt=True) for more in (0, 40))
    vendor = Vendor([error(1, date=ahead), Reply(429, {"retry-after": resume}, b"")])
    await fetch(vendor)
    assert vendor.times[2] == pytest.approx(40, abs=2)


async def test_overlapping_pauses_count_once() -> None:
    """Two requests that are told to wait half a minute cost half a minute."""
    vendor, meter = Vendor([Reply(429, {"retry-after": "30"}, b"")] * 2, latency=1), Meter()
    await fetch_many(client(vendor, meter=meter), 2)
    assert meter.pauses == seconds(30)
    assert vendor.times == seconds([0, 0, 31, 31])


async def test_a_pause_longer_than_allowed_ends_it() -> None:
    """Nobody waits for a day because a header says so."""
    vendor = Vendor([Reply(429, {"retry-after": "901"}, b"")])
    with pytest.raises(UnavailableError, match="asks for a pause of 901 s, more than the 900 s allowed"):
        await fetch(vendor)
    assert asyncio.get_running_loop().time() == seconds(0)


async def test_a_pause_that_is_just_allowed_is_waited_for() -> None:
    """Whenever it begins: the difference of two times is a hair more than it sometimes."""
    for tenth in range(1, 40):
        await asyncio.sleep(0.1)
        vendor, pace = Vendor([Reply(429, {"retry-after": "900"}, b"")]), Pace(None)
        asking = client(vendor, pace=pace)
        async with asyncio.TaskGroup() as group:
            group.create_task(asking.fetch(METHOD, FORM))
            for _ in range(20):
                await asyncio.sleep(0)
            assert pace.rest > 0
            group.create_task(asking.fetch(METHOD, FORM))
        assert len(vendor.times) == 3, tenth


async def test_whoever_asks_after_a_pause_that_is_too_long_keeps_it() -> None:
    """P7: nobody asks in it, and nobody waits for more of it than is allowed; in its last minutes they do."""
    vendor, pace = Vendor([Reply(429, {"retry-after": "3600"}, b"")]), Pace(None)
    with pytest.raises(UnavailableError, match="a pause of 3600 s"):
        await client(vendor, pace=pace).fetch(METHOD, FORM)
    for _ in range(2):
        with pytest.raises(UnavailableError, match="of which 3600 s are left, more than the 900 s allowed"):
            await client(vendor, pace=pace).fetch(METHOD, FORM)
    await asyncio.sleep(2700)
    await client(vendor, pace=pace).fetch(METHOD, FORM)
    assert vendor.times == seconds([0, 3600])


async def test_no_pause_is_kept_for_years() -> None:
    """After six hours it is asked for again, whatever a header says."""
    vendor, pace = Vendor([Reply(503, {"retry-after": "1000000000"}, b"")]), Pace(None)
    with pytest.raises(UnavailableError, match="a pause of 1000000000 s"):
        await client(vendor, pace=pace).fetch(METHOD, FORM)
    await asyncio.sleep(5.9 * 3600)
    await client(vendor, pace=pace).fetch(METHOD, FORM)
    assert vendor.times == seconds([0, 6 * 3600])


@pytest.mark.parametrize(
    ("failure", "pause"),
    [
        (Reply(503, {"retry-after": "100"}, b""), 100),
        (Reply(429, {}, b""), 1),
        (error(484), 5),
        (error(1), 0),
    ],
    ids=["header", "status", "code", "none"],
)
async def test_the_pause_of_the_last_try_is_kept_too(failure: Reply, pause: float) -> None:
    """The next dataset asks after it; only what asks for no pause causes none."""
    vendor, pace = Vendor([failure] * 2), Pace(None)
    with pytest.raises(UnavailableError, match="failed 2 times"):
        await client(vendor, pace=pace, policy=RetryPolicy(attempts=2)).fetch(METHOD, FORM)
    await client(vendor, pace=pace).fetch(METHOD, FORM)
    assert vendor.times[2] - vendor.times[1] == seconds(pause)


@dataclass
class Handshake(Vendor):
    """Its second connection takes two seconds to stand."""

    opened: int = 0

    async def connect(self) -> None:
        """Stand at once, or after a while."""
        self.opened += 1
        await asyncio.sleep(2 * (self.opened == 2))


async def test_a_token_does_not_wait_for_the_end_of_a_pause() -> None:
    """F22: whoever holds one at the door when a pause begins shows a fresh one after it."""
    vendor = Handshake([OK, Reply(429, {"retry-after": "899"}, b"")])
    asking = client(vendor, rate=8)
    await asking.fetch(METHOD, FORM)
    await asyncio.sleep(1430)
    await fetch_many(asking, 2)
    assert vendor.times == pytest.approx([0, 1430, 2329, 2329], abs=2)
    expiries = [jwt.decode(token, options={"verify_signature": False})["exp"] for token in vendor.tokens]
    assert min(expiry - NOON - at for expiry, at in zip(expiries, vendor.times, strict=True)) > 60


class Together(Vendor):
    """Its connections stand every ten seconds, all that were begun meanwhile."""

    async def connect(self) -> None:
        """Stand with the others."""
        await asyncio.sleep(10 - asyncio.get_running_loop().time() % 10)


async def test_requests_that_were_at_the_door_leave_in_turn_after_the_longest_pause() -> None:
    """P7: none gives its turn up and leaves beside others later."""
    vendor = Together([OK, Reply(429, {"retry-after": "899"}, b"")])
    await fetch_many(client(vendor, rate=4), 12)
    assert len(vendor.times) == 13
    assert all(later - sooner > 1 for sooner, later in zip(vendor.times, vendor.times[4:], strict=False))


async def test_pauses_are_not_held_against_a_request() -> None:
    """The longest pause allowed is longer than the deadline, and the request still goes on after it."""
    vendor = Vendor([Reply(429, {"retry-after": "900"}, b""), error(1), error(1)])
    await fetch(vendor, RetryPolicy(deadline=10))
    assert vendor.times == seconds([0, 900, 901, 903])


async def test_pauses_have_an_end() -> None:
    """Each costs a try."""
    vendor = Vendor([Reply(429, {"retry-after": "100"}, b"")] * 9)
    with pytest.raises(UnavailableError, match="failed 8 times"):
        await fetch(vendor)
    assert asyncio.get_running_loop().time() == seconds(700)
