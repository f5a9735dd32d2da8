"""A client and the vendor it asks: plays replies and failures in order, in virtual time."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from random import Random

import pytest

from harvester.api.auth import TokenSource
from harvester.api.client import Client
from harvester.api.pacing import Pace
from harvester.api.persistence import Meter, RetryPolicy
from harvester.api.protocol import Page
from harvester.api.reply import Receiver, Reply
from harvester.errors import HarvestError
from tests.keys import CREDENTIALS

NOON = 1_700_000_000.0
METHOD = "GetCallHistory"
FORM = {"from_date": "2024-05-29 00:00:00"}
BODY = b'{"result": [{"call_session_history_id": 1}], "count": 1}'
OK = Reply(200, {}, BODY)


def error(code: int, message: str = "Said the vendor.", **headers: str) -> Reply:
    """An answer that holds an error."""
    body = json.dumps({"error": {"code": code, "msg": message}}).encode()
    return Reply(200, {name.replace("_", "-"): value for name, value in headers.items()}, body)


@dataclass
class Vendor:
    """Plays replies and failures in order, then answers well; keeps when what came."""

    script: list[Reply | HarvestError] = field(default_factory=list)
    latency: float = 0.0
    times: list[float] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    under_way: int = 0
    most: int = 0

    async def connect(self) -> None:
        """Take the time that a connection takes to stand: none."""

    async def post(
        self,
        method: str,
        form: Mapping[str, str],
        *,
        leave: Callable[[], Awaitable[str]],
        into: Receiver | None = None,  # noqa: ARG002  (no files here)
    ) -> Reply:
        """One request, once its connection stands."""
        await self.connect()
        token = await leave()
        assert (method, form) == (METHOD, FORM)
        self.times.append(asyncio.get_running_loop().time())
        self.tokens.append(token)
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            await asyncio.sleep(self.latency)
        finally:
            self.under_way -= 1
        step = self.script.pop(0) if self.script else OK
        if isinstance(step, HarvestError):
            raise step
        return step


class Longest(Random):
    """Draws the upper end, so that delays are plain figures."""

    def uniform(self, a: float, b: float) -> float:  # noqa: ARG002  (the signature is random's)
        """The upper end."""
        return b


class Shortest(Random):
    """Draws the lower end."""

    def uniform(self, a: float, b: float) -> float:  # noqa: ARG002  (the signature is random's)
        """The lower end."""
        return a


def now() -> float:
    """The local wall clock, which runs with the loop's."""
    return NOON + asyncio.get_running_loop().time()


def client(
    vendor: Vendor,
    *,
    rate: float | None = None,
    concurrency: int = 8,
    policy: RetryPolicy | None = None,
    random: Random | None = None,
    pace: Pace | None = None,
    meter: Meter | None = None,
) -> Client:
    """A client of ``vendor``."""
    return Client(
        vendor,
        TokenSource(CREDENTIALS, now=now),
        rate=rate,
        concurrency=concurrency,
        policy=policy or RetryPolicy(),
        pace=pace,
        random=random or Longest(),
        now=now,
        meter=meter or Meter(),
    )


def seconds(expected: object) -> object:
    """Equal but for the nanoseconds that virtual time adds to each turn of the loop."""
    return pytest.approx(expected, abs=1e-5)


def most_in_a_second(times: list[float]) -> int:
    """The most of them in any span ``[t, t + 1)``."""
    ordered = sorted(times)
    return max(sum(start <= time < start + 1 - 1e-6 for time in ordered) for start in ordered)


async def fetch(vendor: Vendor, policy: RetryPolicy | None = None, random: Random | None = None) -> Page:
    """One page from ``vendor``."""
    return (await client(vendor, policy=policy, random=random).fetch(METHOD, FORM))[1]


async def fetch_many(asking: Client, count: int) -> None:
    """Many pages side by side."""
    async with asyncio.TaskGroup() as group:
        for number in range(count):
            group.create_task(asking.fetch(METHOD, FORM), name=f"fetch {number}")
