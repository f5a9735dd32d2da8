"""The client keeps the budget: per try, by what leaves, and as a server sees it."""

import asyncio
from itertools import pairwise
from random import Random

import pytest
from aiohttp import web

from harvester.api.auth import TokenSource
from harvester.api.client import Client
from harvester.api.clock import Limits
from harvester.api.persistence import Meter
from harvester.api.transport import Transport
from tests.asking import BODY, Shortest, Vendor, client, error, fetch_many, most_in_a_second, now
from tests.keys import CREDENTIALS


class SlowStart(Vendor):
    """Its first eight connections take their time."""

    opened = 0

    async def connect(self) -> None:
        """Stand after a while."""
        self.opened += 1
        await asyncio.sleep(0.3 * (self.opened <= 8))


async def test_a_client_paces_what_leaves_not_what_connects() -> None:
    """P7: a request is counted when its connection stands, however long the handshake took."""
    vendor = SlowStart()
    await fetch_many(client(vendor, rate=10, concurrency=38), 38)
    assert len(vendor.times) == 38
    assert most_in_a_second(vendor.times) <= 10


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
    after = 0.7 * 20  # requests a second: 20 were refused
    assert times[-1] - times[0] <= 1.03 * (30 / 20 + (meter.requests - 30) / after) + 5 + 0.5
