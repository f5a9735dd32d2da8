import asyncio
import gzip
import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from email.utils import formatdate
from itertools import pairwise
from random import Random

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from harvester.api.auth import TokenSource
from harvester.api.client import Client
from harvester.api.clock import Limits
from harvester.api.envelope import Answer, digest_of
from harvester.api.pacing import Pace
from harvester.api.persistence import Meter, RetryPolicy
from harvester.api.reply import Receiver, Reply
from harvester.api.transport import Transport
from harvester.errors import (
    ConfigError,
    HarvestError,
    RangeTooWideError,
    RefusedError,
    RequestError,
    TransientError,
    TransportError,
    UnavailableError,
    UnreadableError,
)
from tests.asking import (
    BODY,
    FORM,
    METHOD,
    NOON,
    Shortest,
    Vendor,
    client,
    error,
    fetch,
    fetch_many,
    now,
    seconds,
)
from tests.keys import CREDENTIALS
from tests.virtual_time import VirtualTimeLoop

# --- one request


async def test_a_good_answer_is_handed_on() -> None:
    """The answer as received for the spool, the page for the reader, and the figures for the display."""
    vendor, meter = Vendor(), Meter()
    answer, page = await client(vendor, meter=meter).fetch(METHOD, FORM)
    assert (answer.body, answer.encoding) == (BODY, "identity")
    assert page.records == [{"call_session_history_id": 1}]
    assert meter == Meter(requests=1, bytes_received=len(BODY), bytes_decoded=len(BODY))


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
    assert type(caught.value) is UnavailableError
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


# --- tokens


@pytest.mark.parametrize("refusal", [error(456), error(100), Reply(401, {}, b"")])
async def test_a_refused_token_is_renewed_at_once(refusal: Reply) -> None:
    """One more try with a fresh token, without delay and beside the tries that are counted."""
    vendor = Vendor([error(1), refusal])
    await fetch(vendor, RetryPolicy(attempts=2))
    assert vendor.times == seconds([0, 0.5, 0.5])


async def test_a_refused_fresh_token_is_a_refusal() -> None:
    """The second complaint ends it, with the vendor's code and what to do, even with a fault in between."""
    vendor = Vendor([error(100, "Bad signature."), error(1), error(100, "Bad signature.")])
    with pytest.raises(RefusedError, match=r"code 100: Bad signature\. Check that the key") as caught:
        await fetch(vendor)
    assert caught.value.code == 100
    assert len(vendor.times) == 3


async def test_a_token_from_the_future_is_dated_back() -> None:
    """Code 455 without a ``Date``: the next token is a minute older."""
    vendor = Vendor([error(455)])
    asking = client(vendor)
    await asking.fetch(METHOD, FORM)
    assert len(set(vendor.tokens)) == 2
    assert asking._tokens._backdate == 65


async def test_one_renewal_serves_all() -> None:
    """Many requests refused with the same token get one fresh token, dated back once."""
    vendor = Vendor([error(455)] * 8, latency=1)
    asking = client(vendor)
    await fetch_many(asking, 8)
    assert len(vendor.times) == 16
    assert len(set(vendor.tokens)) == 2
    assert asking._tokens._backdate == 65


async def test_the_vendors_clock_is_learned_from_its_answers() -> None:
    """Tokens follow the ``Date`` of the last answer, a refusal's too."""
    ahead = formatdate(NOON + 600, usegmt=True)
    vendor = Vendor([error(456, date=ahead)])
    asking = client(vendor)
    assert asking.skew == 0
    await asking.fetch(METHOD, FORM)
    assert asking.skew == pytest.approx(600, abs=1)
    assert len(set(vendor.tokens)) == 2


# --- pauses


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


# --- side by side


async def test_no_more_than_allowed_are_under_way() -> None:
    """The rest wait their turn."""
    vendor = Vendor(latency=1)
    await fetch_many(client(vendor, concurrency=3), 9)
    assert vendor.most == 3
    assert vendor.times == seconds([0] * 3 + [1] * 3 + [2] * 3)


async def test_a_request_that_backs_off_frees_its_place() -> None:
    """Others ask meanwhile."""
    vendor = Vendor([error(1)])
    await fetch_many(client(vendor, concurrency=1), 3)
    assert vendor.times == seconds([0, 0, 0, 0.5])


@pytest.mark.parametrize("after", [0.0, 0.05, 0.5, 1.05, 1.2, 2.0, 5.0])
async def test_a_cancelled_request_leaves_nothing_behind(after: float) -> None:
    """Wherever it is cancelled: in the queue, on the way, in a delay, in a pause."""
    vendor, meter = Vendor([error(1), error(416, "in 20 seconds")], latency=0.5), Meter()
    asking = client(vendor, rate=2, concurrency=1, meter=meter)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(after):
            await fetch_many(asking, 5)
    assert (meter.in_flight, vendor.under_way) == (0, 0)
    vendor.script.clear()
    await fetch_many(asking, 3)


# --- the pace


def stall(seconds: float) -> None:
    """Keep the event loop busy."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualTimeLoop)
    loop._clock.now += seconds


def most_in_a_second(times: list[float]) -> int:
    """The most of them in any span ``[t, t + 1)``."""
    ordered = sorted(times)
    return max(sum(start <= time < start + 1 - 1e-6 for time in ordered) for start in ordered)


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


class SlowStart(Vendor):
    """Its first eight connections take their time."""

    opened = 0

    async def post(
        self,
        method: str,
        form: Mapping[str, str],
        token: str,
        *,
        leave: Callable[[], Awaitable[None]],
        into: Receiver | None = None,
    ) -> Reply:
        """One request, once its connection stands."""
        self.opened += 1
        await asyncio.sleep(0.3 * (self.opened <= 8))
        return await super().post(method, form, token, leave=leave, into=into)


async def test_a_client_paces_what_leaves_not_what_connects() -> None:
    """P7: a request is counted when its connection stands, however long the handshake took."""
    vendor = SlowStart()
    await fetch_many(client(vendor, rate=10, concurrency=38), 38)
    assert len(vendor.times) == 38
    assert most_in_a_second(vendor.times) <= 10


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


async def test_repeated_requests_are_paced_too() -> None:
    """P7: the budget is spent per try."""
    vendor = Vendor([error(1)] * 40)
    await fetch_many(client(vendor, rate=4, random=Shortest(), concurrency=20), 20)
    assert len(vendor.times) == 60
    assert most_in_a_second(vendor.times) <= 4


async def test_a_server_sees_the_budget_kept() -> None:
    """P7, through real connections: pages, faults and a pause; at most one arrival more than the budget."""
    loop = asyncio.get_running_loop()
    times: list[float] = []

    async def answer(request: web.Request) -> web.Response:
        assert request.path == "/platform_api/GetCallHistory"
        times.append(loop.time())
        await asyncio.sleep(0.1 * (len(times) % 5))
        if len(times) == 30:
            return web.Response(status=429, headers={"Retry-After": "5"})
        if len(times) % 7 == 0:
            return web.Response(status=503)
        return web.Response(body=BODY, content_type="application/json")

    application = web.Application()
    application.router.add_post("/platform_api/{method}", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    endpoint = f"http://127.0.0.1:{runner.addresses[0][1]}"
    meter = Meter()
    try:
        async with Transport(endpoint, Limits(connections=16)) as transport:
            asking = Client(
                transport,
                TokenSource(CREDENTIALS, now=now),
                rate=20,
                concurrency=16,
                random=Random(1),  # noqa: S311  (spreads delays)
                now=now,
                meter=meter,
            )
            await fetch_many(asking, 150)
    finally:
        await runner.cleanup()
    assert len(times) == meter.requests > 150
    assert most_in_a_second(times) <= 21
    longest = max(later - earlier for earlier, later in pairwise(times))
    assert longest == pytest.approx(5, abs=0.5)
    assert times[-1] - times[0] <= 1.03 * meter.requests / 20 + 5 + 0.5
