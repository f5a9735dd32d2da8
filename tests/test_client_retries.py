"""What the client asks again, after which delays, and when it gives up."""

import asyncio
import gzip
from itertools import pairwise

import pytest

from harvester.api.envelope import Answer, digest_of
from harvester.api.persistence import Meter, RetryPolicy
from harvester.api.reply import Reply
from harvester.errors import (
    ConfigError,
    HarvestError,
    RangeTooWideError,
    RefusedError,
    RequestError,
    TransientError,
    TransportError,
    UnansweredError,
    UnavailableError,
    UnreadableError,
)
from tests.asking import FORM, METHOD, OK, Shortest, Vendor, client, error, fetch, fetch_many, seconds


@pytest.mark.parametrize(
    "failure",
    [
        TransportError("api.example: Connection refused"),
        error(1),
        error(13),
        Reply(502, {}, b"<html>"),
        Reply(200, {}, b"<html>"),
        Reply(200, {"content-encoding": "gzip"}, b"\x1f\x8b\x08"),
    ],
)
async def test_a_transient_failure_is_tried_again(failure: Reply | HarvestError) -> None:
    """After a delay, and counted."""
    vendor, meter = Vendor([failure, failure]), Meter()
    await client(vendor, meter=meter).fetch(METHOD, FORM)
    assert vendor.times == seconds([0, 0.5, 1.5])
    assert (meter.requests, meter.retries, meter.in_flight, meter.pauses) == (3, 2, 0, 0)
    assert meter.last_error


async def test_delays_double_up_to_a_cap() -> None:
    """The upper ends are 0.5, 1, 2 … 30 seconds."""
    vendor = Vendor([error(1)] * 9)
    await fetch(vendor, RetryPolicy(attempts=10))
    delays = [later - earlier for earlier, later in pairwise(vendor.times)]
    assert delays == seconds([0.5, 1, 2, 4, 8, 16, 30, 30, 30])


async def test_the_wait_for_a_turn_is_not_held_against_a_request() -> None:
    """At a low rate the last of many waits long before its first try, and is tried again all the same."""
    vendor = Vendor([*[OK] * 19, error(1)])
    await fetch_many(client(vendor, rate=0.1, concurrency=2, policy=RetryPolicy(deadline=60)), 20)
    assert len(vendor.times) == 21


async def test_no_repeat_is_immediate() -> None:
    """However the dice fall: the vendor takes quick repeats for a machine gone wild."""
    vendor = Vendor([error(1)] * 3)
    await fetch(vendor, random=Shortest())
    assert vendor.times == seconds([0, 0.1, 0.2, 0.3])


async def test_the_last_try_ends_it() -> None:
    """The error says what was asked, how often, and why it failed."""
    vendor = Vendor([error(4, "database")] * 9)
    with pytest.raises(UnavailableError) as caught:
        await fetch(vendor)
    assert len(vendor.times) == 8
    assert str(caught.value) == (
        "GetCallHistory failed 8 times, the last time: the API has a fault of its own (code 4: database)"
    )
    assert isinstance(caught.value.__cause__, TransientError)


def _open(reason: str = "") -> Reply:
    """An answer of the API's own in which a quote is missing."""
    return Reply(
        200, {}, b'{"result": [{"call_session_history_id": 1, "custom_data": "%s}]}' % reason.encode()
    )


async def test_an_answer_that_stays_malformed_is_not_asked_for_over_and_over() -> None:
    """The third that is the same ends it; what fails in between without an answer tells nothing of it."""
    away = TransportError("api.example: Connection refused")
    vendor = Vendor([_open("other"), _open(), away, _open(), Reply(502, {}, b"<html>"), _open(), _open()])
    with pytest.raises(UnreadableError, match="the same answer came 3 times: the answer is not JSON"):
        await fetch(vendor)
    assert len(vendor.times) == 6


@pytest.mark.parametrize("times", [0, 1_700_000_000], ids=["first", "second"])
def test_when_an_answer_was_packed_makes_no_other_of_it(times: int) -> None:
    """Gzip tells the time in its header."""
    packed = gzip.compress(_open().body, mtime=0)
    assert digest_of(Answer(packed, "gzip")) is not None
    assert digest_of(Answer(gzip.compress(_open().body, mtime=times), "gzip")) == digest_of(
        Answer(packed, "gzip")
    )


@pytest.mark.parametrize(
    "script",
    [
        [Reply(200, {}, b"<html>")] * 9,
        [Reply(200, {}, b"")] * 9,
        [Reply(200, {}, b'{"message": "maintenance"}')] * 9,
        [Reply(200, {"content-encoding": "gzip"}, gzip.compress(b"<html>"))] * 9,
        [Reply(502, {}, _open().body)] * 9,
        [_open(str(number)) for number in range(9)],
    ],
    ids=["html", "empty", "json", "packed", "502", "ever another"],
)
async def test_only_what_the_api_itself_says_over_and_over_ends_it_early(script: list[Reply]) -> None:
    """A gateway says the same to everyone while the API is away: that is worth all tries."""
    vendor = Vendor([*script])
    with pytest.raises(UnavailableError, match="failed 8 times") as caught:
        await fetch(vendor)
    assert type(caught.value) is UnansweredError
    assert len(vendor.times) == 8


async def test_no_number_of_tries_overflows_the_delay() -> None:
    """Ten thousand tries are allowed to whoever wants them."""
    vendor = Vendor([error(1)] * 5000)
    await fetch(vendor, RetryPolicy(attempts=10_000, deadline=1e9))
    assert len(vendor.times) == 5001


async def test_the_deadline_ends_it_before_the_wait() -> None:
    """No try starts after the deadline, and nobody waits for one that would."""
    vendor = Vendor([error(1)] * 9, latency=1)
    with pytest.raises(UnavailableError, match="failed 4 times"):
        await fetch(vendor, RetryPolicy(deadline=11.4))
    assert vendor.times == seconds([0, 1.5, 3.5, 6.5])
    assert asyncio.get_running_loop().time() == seconds(7.5)


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (error(104), RefusedError),
        (error(101), RequestError),
        (error(4242), RequestError),
        (error(569, "within 31 days"), RangeTooWideError),
        (Reply(403, {}, b""), RefusedError),
        (Reply(404, {}, b""), RequestError),
        (ConfigError("api.example redirects"), ConfigError),
    ],
)
async def test_a_terminal_failure_is_not_tried_again(
    failure: Reply | HarvestError, kind: type[HarvestError]
) -> None:
    """Asking again changes nothing."""
    vendor = Vendor([failure])
    with pytest.raises(kind):
        await fetch(vendor)
    assert len(vendor.times) == 1
