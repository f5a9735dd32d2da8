"""The server's limits and its pace: what is refused, what is slow, and what counts as asked."""

import asyncio
import json
from itertools import pairwise
from typing import Any

import pytest

from harvester.emulator import HTTP_STATUSES, Behaviour, Fault, Faults
from tests.emulator.asking import DAY, Client, client_of
from tests.emulator.test_listed import FEW


async def _statuses(client: Client, times: int, apart: float) -> list[tuple[int, str | None, Any]]:
    async def one(number: int) -> tuple[int, str | None, Any]:
        await asyncio.sleep(number * apart)
        async with client.response("/GetCallHistory", **DAY) as response:
            body = await response.read()
            content = json.loads(body).get("error", {}) if response.content_type.endswith("json") else {}
            return response.status, response.headers.get("Retry-After"), content.get("code")

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(number)) for number in range(times)]
    return [task.result() for task in tasks]


LIMITS: list[tuple[Behaviour, tuple[int, str | None, int | None]]] = [
    (Behaviour(requests_per_second=3), (429, None, None)),
    (Behaviour(requests_per_second=3, retry_after=2.0), (429, "2", None)),
    (Behaviour(requests_per_second=3, refuse_by="code"), (200, None, 340)),
    (
        Behaviour(requests_per_second=3, refuse_by="code", retry_after=1.5, statuses=HTTP_STATUSES),
        (429, "1.5", 340),
    ),
]


@pytest.mark.parametrize(("behaviour", "refusal"), LIMITS)
async def test_a_limit_of_requests_per_second(behaviour: Behaviour, refusal: Any) -> None:
    """In any second, the first three are served and the others refused; refused ones do not count."""
    async with client_of(FEW, behaviour) as client:
        statuses = await _statuses(client, 10, 0.26)
    assert (
        statuses
        == [(200, None, None)] * 3 + [refusal] + [(200, None, None)] * 3 + [refusal] + [(200, None, None)] * 2
    )


async def test_a_limit_of_requests_at_once() -> None:
    """While two are open, further ones are refused."""
    behaviour = Behaviour(most_in_flight=2, latency=10.0, refuse_by="code")
    async with client_of(FEW, behaviour) as client:
        statuses = await _statuses(client, 3, 1.0)
        assert client.emulator.most_in_flight == 3
        assert client.emulator.in_flight == 0
    assert [code for _, _, code in statuses] == [None, None, 314]


async def test_latency() -> None:
    """Answers take a while: always the median without a spread, and the same sequence for the same seed."""

    async def taken(sigma: float, seed: int) -> list[float]:
        behaviour = Behaviour(latency=2.0, latency_sigma=sigma, seed=seed)
        loop = asyncio.get_running_loop()
        async with client_of(FEW, behaviour) as client:
            starts = []
            for _ in range(21):
                starts.append(loop.time())
                await client.total()
            starts.append(loop.time())
        return [round(after - before, 3) for before, after in pairwise(starts)]

    assert await taken(0.0, 1) == [2.0] * 21
    spread = await taken(0.5, 1)
    assert spread == await taken(0.5, 1) != await taken(0.5, 2)
    assert 1.0 < sorted(spread)[10] < 4.0
    assert len(set(spread)) == 21


async def test_the_busiest_second() -> None:
    """Arrivals count, refused or not."""
    async with client_of(FEW, Behaviour(requests_per_second=1)) as client:
        await _statuses(client, 7, 0.26)
        assert client.emulator.busiest_second() == 4
        client.emulator.reset()
        assert client.emulator.busiest_second() == 0
        assert client.emulator.requests == []
        assert await client.total() == 5, "the limit starts afresh too"


async def test_faults_do_not_meet_refused_requests() -> None:
    """What the limits refuse is refused, whatever else would have gone wrong."""
    faults = Faults((Fault("http_500", share=1.0),))
    async with client_of(FEW, Behaviour(requests_per_second=1), faults) as client:
        statuses = await _statuses(client, 2, 0.1)
        assert [asked.fault for asked in client.emulator.requests] == ["http_500", None]
    assert [status for status, _, _ in statuses] == [500, 429]
