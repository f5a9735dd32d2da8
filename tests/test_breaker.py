import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

import pytest

from harvester.api.auth import TokenSource
from harvester.api.client import Client, Poster
from harvester.api.persistence import Meter
from harvester.api.reply import Receiver, Reply
from harvester.errors import HarvestError, RateLimitedError, TransportError, UnavailableError
from tests.asking import FORM, METHOD, OK, Longest, Vendor, error, fetch_many, now, seconds
from tests.keys import CREDENTIALS

pytestmark = pytest.mark.large

AWAY = TransportError("api.example: Connection refused")
MINUTE = 60
HOUR = 3600


@dataclass
class Weather:
    """A vendor with outages; keeps when requests came, and how many were there at once."""

    outages: list[tuple[float, float]]
    failure: HarvestError | Reply = AWAY
    latency: float = 0.1
    failing: float = 0.0
    times: list[float] = field(default_factory=list)
    under_way: int = 0

    async def post(
        self,
        method: str,
        form: Mapping[str, str],
        *,
        leave: Callable[[], Awaitable[str]],
        into: Receiver | None = None,  # noqa: ARG002  (no files here)
    ) -> Reply:
        """One request: answered after the latency, or failed after ``failing`` seconds."""
        assert (method, form, bool(await leave())) == (METHOD, FORM, True)
        loop = asyncio.get_running_loop()
        self.times.append(loop.time())
        away = self.away(loop.time())
        self.under_way += 1
        try:
            await asyncio.sleep(self.failing if away else self.latency)
        finally:
            self.under_way -= 1
        if not away:
            return OK
        if isinstance(self.failure, HarvestError):
            raise type(self.failure)(*self.failure.args)
        return self.failure

    def away(self, time: float) -> bool:
        """Whether an outage is on."""
        return any(start <= time < end for start, end in self.outages)

    def asked(self, start: float, end: float) -> list[float]:
        """When requests came within a span."""
        return [time for time in self.times if start <= time < end]


def asking(vendor: Poster, *, rate: float = 8, concurrency: int = 8, meter: Meter | None = None) -> Client:
    """A client with the defaults of a run."""
    return Client(
        vendor,
        TokenSource(CREDENTIALS, now=now),
        rate=rate,
        concurrency=concurrency,
        random=Longest(),
        now=now,
        meter=meter or Meter(),
    )


async def work(client: Client, until: float, tasks: int = 8) -> int:
    """Ask side by side, as fetchers do, until a moment; how many answers came."""
    answers = 0
    loop = asyncio.get_running_loop()

    async def fetcher() -> None:
        nonlocal answers
        while loop.time() < until:
            await client.fetch(METHOD, FORM)
            answers += 1

    async with asyncio.TaskGroup() as group:
        for _ in range(tasks):
            group.create_task(fetcher())
    return answers


@pytest.mark.parametrize("concurrency", [1, 8])
@pytest.mark.parametrize("failing", [0.0, 60.0], ids=["refused", "silent"])
@pytest.mark.parametrize(
    "failure", [AWAY, Reply(502, {}, b"<html>"), error(2)], ids=["transport", "502", "code"]
)
async def test_five_minutes_of_outage_are_survived(
    concurrency: int, failing: float, failure: HarvestError | Reply
) -> None:
    """Few requests leave meanwhile, none fails for good, and soon after the end all goes on at full pace."""
    outage = (20.0, 20.0 + 5 * MINUTE)
    weather, meter = Weather([outage], failure, failing=failing), Meter()
    await work(asking(weather, concurrency=concurrency, meter=meter), 10 * MINUTE)
    # Five failures and what was under way with them, then probes after 1, 2, 4 … 60 s.
    assert len(weather.asked(*outage)) <= 5 + concurrency + 9
    assert len(weather.asked(outage[1] + 61 + failing, 10 * MINUTE)) >= 7.5 * 100 * min(1, concurrency / 1.25)
    assert meter.pauses == pytest.approx(5 * MINUTE, abs=62 + 5 * failing + 16)


@pytest.mark.parametrize("failing", [0.0, 0.5])
async def test_probes_go_alone_and_ever_more_rarely(failing: float) -> None:
    """After the first failures, one request at a time: after 1, 2, 4 … 60 seconds."""
    weather = Weather([(20, 20 + 10 * MINUTE)], failing=failing)
    await work(asking(weather), 12 * MINUTE)
    probes = weather.asked(21.2 + failing, 20 + 10 * MINUTE)
    gaps = [later - earlier - failing for earlier, later in pairwise(probes)]
    assert gaps == pytest.approx([2, 4, 8, 16, 32] + [60] * (len(gaps) - 5), abs=0.01)


@pytest.mark.parametrize("tasks", [1, 8])
async def test_an_outage_may_speak_as_the_api_does(tasks: int) -> None:
    """Its answers are no reason to give up on a question: they say nothing of it."""
    cut = Reply(200, {}, b'{"result": [')
    weather, meter = Weather([(20, 20 + MINUTE)]), Meter()
    client = asking(weather, meter=meter)

    async def begin() -> None:
        await asyncio.sleep(40)
        weather.failure = cut

    async with asyncio.TaskGroup() as group:
        group.create_task(begin())
        group.create_task(work(client, 3 * MINUTE, tasks))
    assert "not JSON" in meter.last_error
    assert len(weather.asked(20 + 2 * MINUTE, 3 * MINUTE)) > 60


async def test_one_probe_at_a_time() -> None:
    """While a probe waits for its answer, nobody else asks, however long that takes."""
    weather = Weather([(20, 20 + 30 * MINUTE)], failing=90)
    asked = asking(weather)
    most = 0

    async def watch() -> None:
        nonlocal most
        await asyncio.sleep(20 + 200)  # what was under way when the outage began has failed
        while weather.away(asyncio.get_running_loop().time()):
            most = max(most, weather.under_way)
            await asyncio.sleep(1)

    async with asyncio.TaskGroup() as group:
        group.create_task(watch())
        group.create_task(work(asked, 40 * MINUTE))
    assert most == 1


async def test_an_outage_of_hours_ends_the_run() -> None:
    """After an hour the run says for how long the API is out of reach, and why."""
    weather, meter = Weather([(20, 20 + 24 * HOUR)]), Meter()
    with pytest.RaisesGroup(pytest.RaisesExc(UnavailableError, match=r"out of reach for 3\d\d\d s.*refused")):
        await work(asking(weather, meter=meter), 24 * HOUR)
    assert asyncio.get_running_loop().time() <= 20.5 + HOUR
    assert len(weather.asked(20, 24 * HOUR)) <= 5 + 8 + 6 + 60
    assert meter.pauses == pytest.approx(HOUR, abs=61)


async def test_a_lone_request_survives_an_outage() -> None:
    """The last request of a run, with nobody beside it, waits as well as many do."""
    weather = Weather([(20, 20 + 45 * MINUTE)])
    client = asking(weather, concurrency=1)
    await client.fetch(METHOD, FORM)
    await asyncio.sleep(30)
    await client.fetch(METHOD, FORM)
    assert 20 + 45 * MINUTE <= asyncio.get_running_loop().time() <= 20 + 46 * MINUTE + 1


async def test_failures_after_an_outage_are_tried_as_ever() -> None:
    """Neither tries nor time of an outage are held against a request: it has its own left afterwards."""
    # Two requests fail five times, then fifteen probes; the next is told to slow down; then each fails again.
    script = [OK, *[error(1)] * 20, error(340), error(1), error(1)]
    vendor, meter = Vendor([*script], latency=119), Meter()
    client = asking(vendor, concurrency=2, meter=meter)
    await client.fetch(METHOD, FORM)
    await fetch_many(client, 2)
    assert len(vendor.times) == len(script) + 2
    # From the fifth failure to the answer that ended the outage.
    assert meter.pauses == pytest.approx(vendor.times[21] - vendor.times[5], abs=5)


async def test_outages_one_after_the_other_are_survived() -> None:
    """Each has its own patience."""
    weather = Weather([(20 + n * HOUR, 20 + n * HOUR + 50 * MINUTE) for n in range(6)])
    await work(asking(weather, rate=1), 6 * HOUR)
    assert len(weather.asked(6 * HOUR - MINUTE, 6 * HOUR)) >= 50


async def test_without_a_first_answer_nobody_waits_for_an_hour() -> None:
    """An endpoint that never answered is likelier wrong than away: eight tries, and the run ends."""
    weather = Weather([(0, HOUR)])
    with pytest.raises(UnavailableError, match="failed 8 times"):
        await asking(weather).fetch(METHOD, FORM)
    assert len(weather.times) == 8


async def test_an_api_that_asks_to_slow_down_is_not_away() -> None:
    """Its own pauses are kept; they are no outage, and end a request after its tries."""
    weather = Weather([(20, HOUR)], RateLimitedError("the API asks to slow down"))
    client = asking(weather, concurrency=1)
    await client.fetch(METHOD, FORM)
    await asyncio.sleep(20)
    with pytest.raises(UnavailableError, match="failed 8 times"):
        await client.fetch(METHOD, FORM)


async def test_a_pause_asked_for_in_an_outage_is_kept() -> None:
    """A probe that is told to come back in five minutes is the last for five minutes."""
    vendor = Vendor([OK, *[Reply(503, {}, b"")] * 6, Reply(503, {"retry-after": "300"}, b"")])
    client = asking(vendor, concurrency=2)
    await client.fetch(METHOD, FORM)
    await client.fetch(METHOD, FORM)
    assert len(vendor.times) == 9
    assert vendor.times[8] - vendor.times[7] == seconds(300)


async def test_a_cancelled_probe_makes_room_for_the_next() -> None:
    """Nobody waits for the outcome of a probe that is gone."""
    weather = Weather([(20, 20 + 10 * MINUTE)], failing=50)
    client = asking(weather)
    await client.fetch(METHOD, FORM)
    await asyncio.sleep(20)
    for number in range(6):
        asked = len(weather.times)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(60 if number == 0 else 40):
                await fetch_many(client, 8)
        # Eight that fail and a probe; then a probe each time, cancelled before it failed.
        assert len(weather.times) - asked == (9 if number == 0 else 1)
    weather.outages.clear()
    await fetch_many(client, 8)
    assert weather.under_way == 0


async def test_a_late_answer_ends_an_outage() -> None:
    """What left before the outage was known, and is answered after all, opens the way for everyone."""
    loop = asyncio.get_running_loop()
    weather = Weather([])
    client = asking(weather, concurrency=7)
    await client.fetch(METHOD, FORM)
    weather.latency = 50
    async with asyncio.TaskGroup() as group:
        slow = group.create_task(client.fetch(METHOD, FORM))
        await asyncio.sleep(1)
        weather.outages.append((loop.time(), loop.time() + 48))
        weather.failing, weather.latency = 0.1, 0.1
        others = [group.create_task(client.fetch(METHOD, FORM)) for _ in range(6)]
        await asyncio.sleep(10)
        weather.failing = 500  # the probe that leaves now hangs for long
        await asyncio.sleep(45)
        assert slow.done()
        assert sum(other.done() for other in others) == 5
    assert len(others) == 6
