"""Names that do not resolve, or to the wrong place."""

import asyncio
import socket
from collections.abc import Callable
from itertools import pairwise
from typing import Protocol

import pytest

from harvester.api.clock import Limits
from harvester.api.persistence import Meter
from harvester.api.transport import Transport
from harvester.errors import TransportError, UnavailableError
from tests.asking import FORM, METHOD
from tests.posting import at_once
from tests.wire.case import RECORD, answer
from tests.wire.server import playing, serving
from tests.wire.test_tls import client

Found = list[tuple[socket.AddressFamily, socket.SocketKind, int, str, tuple[str, int]]]
NAME = "http://localhost:{port}"


def found(*addresses: str, port: int) -> Found:
    """What the system's resolver says of a name with these addresses."""
    return [
        (socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
        for address in addresses
    ]


class Resolver(Protocol):
    """Takes the place of the system's."""

    def __call__(self, look_up: Callable[[], Found | OSError], *, seconds: float = 0.0) -> list[float]:
        """Answer look-ups so, after some seconds; the list grows by the time of each."""
        ...


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Resolver:
    """Put a resolver in the system's place, which answers or fails; when it was asked."""

    def install(look_up: Callable[[], Found | OSError], *, seconds: float = 0.0) -> list[float]:
        times: list[float] = []
        loop = asyncio.get_running_loop()

        async def getaddrinfo(*_: object, **__: object) -> Found:
            times.append(loop.time())
            await asyncio.sleep(seconds)
            result = look_up()
            if isinstance(result, OSError):
                raise result
            return result

        monkeypatch.setattr(loop, "getaddrinfo", getaddrinfo)
        monkeypatch.setattr("aiohttp.connector.monotonic", loop.time)  # how old a name may be in its memory
        return times

    return install


async def ask(endpoint: str, meter: Meter) -> list[object]:
    """The records of one page."""
    async with Transport(endpoint, Limits(connections=4)) as transport:
        return (await client(transport, meter).fetch(METHOD, FORM))[1].records


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "Name or service not known"),
        (socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"), "Temporary failure"),
        (socket.gaierror(socket.EAI_FAIL, "Non-recoverable failure"), "Non-recoverable failure"),
        (OSError(24, "Too many open files"), "Too many open files"),
    ],
    ids=["NXDOMAIN", "SERVFAIL", "for ever", "descriptors"],
)
async def test_a_name_that_does_not_resolve(resolver: Resolver, failure: OSError, words: str) -> None:
    """It is looked up once a try, eight times with growing delays, and then the run says so."""
    asked = resolver(lambda: failure)
    meter = Meter()
    with pytest.raises(UnavailableError, match=f"failed 8 times.*localhost.*{words}"):
        await ask(NAME.format(port=1), meter)
    assert meter.requests == len(asked) == 8
    assert all(later - earlier >= 0.1 for earlier, later in pairwise(asked))
    assert asyncio.get_running_loop().time() <= 8 * 10 + 62


async def test_a_resolver_that_times_out(resolver: Resolver) -> None:
    """Half a minute a look-up, as the system takes: tries share it, and end."""
    asked = resolver(lambda: socket.gaierror(socket.EAI_AGAIN, "Temporary failure"), seconds=30)
    meter = Meter()
    with pytest.raises(UnavailableError, match="failed 8 times"):
        await ask(NAME.format(port=1), meter)
    assert meter.requests == 8
    assert len(asked) <= 5
    assert asyncio.get_running_loop().time() <= 8 * 10 + 62


@pytest.mark.parametrize("seconds", [0, 30], ids=["SERVFAIL", "timeout"])
async def test_a_name_that_resolves_again(resolver: Resolver, seconds: float) -> None:
    """Another try finds the way."""
    failure = socket.gaierror(socket.EAI_AGAIN, "Temporary failure")
    async with serving(playing(answer())) as (endpoint, _):
        port = int(endpoint.rpartition(":")[2])
        asked = resolver(lambda: failure, seconds=seconds)
        async with asyncio.TaskGroup() as group:
            page = group.create_task(ask(NAME.format(port=port), Meter()))
            await asyncio.sleep(32)
            resolver(lambda: found("127.0.0.1", port=port))
        assert page.result() == [RECORD]
    assert asked


async def test_a_dead_address_beside_a_good_one(resolver: Resolver) -> None:
    """A dead IPv6 costs no try."""
    meter = Meter()
    async with serving(playing(answer())) as (endpoint, _):
        port = int(endpoint.rpartition(":")[2])
        resolver(lambda: found("::1", "127.0.0.9", "127.0.0.1", port=port))
        assert await ask(NAME.format(port=port), meter) == [RECORD]
    assert meter.requests == 1


async def test_a_server_that_moves(resolver: Resolver) -> None:
    """A new address is found while the run goes on, though the old one stays behind dead."""
    loop = asyncio.get_running_loop()
    moved = 120.0

    def where() -> Found:
        dead = 30 < loop.time() < moved
        return found("127.0.0.9" if dead else "127.0.0.1", port=port)

    async with serving(playing(answer())) as (endpoint, _):
        port = int(endpoint.rpartition(":")[2])
        resolver(where)
        async with Transport(NAME.format(port=port), Limits(connections=4)) as transport:
            asking = client(transport, Meter())
            await asking.fetch(METHOD, FORM)
            await asyncio.sleep(60)
            assert (await asking.fetch(METHOD, FORM))[1].records == [RECORD]
    assert moved <= loop.time() <= moved + 61  # the longest pause between two probes


async def test_a_name_is_not_in_the_way_of_cancellation(resolver: Resolver) -> None:
    """Who gives up waiting for a resolver leaves nothing behind."""
    resolver(lambda: found("127.0.0.1", port=1), seconds=60)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(5):
            await ask(NAME.format(port=1), Meter())


async def test_the_error_of_a_transport_names_the_host(resolver: Resolver) -> None:
    """And what the system said."""
    resolver(lambda: OSError(-2, "Name or service not known"))

    async with Transport("https://api.voximplant.invalid", Limits(connections=1)) as transport:
        with pytest.raises(TransportError) as caught:
            await transport.post(METHOD, FORM, leave=at_once)
    assert str(caught.value) == "api.voximplant.invalid: Name or service not known"
