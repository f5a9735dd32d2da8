"""How long a server is waited for, and how much is taken from it."""

import asyncio

import pytest

from harvester.api.clock import Limits
from harvester.errors import MalformedAnswerError, TransportError
from tests.posting import OK, post, refused
from tests.wire.server import Visit, playing, serving


async def test_connecting_has_an_end() -> None:
    """A server that never answers the TLS handshake costs ten seconds."""

    async def silent(visit: Visit) -> None:
        await visit.reader.read()

    loop = asyncio.get_running_loop()
    async with serving(silent) as (endpoint, _):
        text = await refused(TransportError, endpoint.replace("http:", "https:"))
    assert loop.time() == pytest.approx(10, abs=0.1)
    assert "did not answer in time" in text


async def test_silence_has_an_end() -> None:
    """A request that is taken and never answered costs a minute."""
    loop = asyncio.get_running_loop()
    async with serving(playing(b"", hold=True)) as (endpoint, _):
        await refused(TransportError, endpoint)
    assert loop.time() == pytest.approx(60, abs=0.1)


async def test_a_slow_answer_is_waited_for() -> None:
    """Less than a minute of silence at a time is patience, not failure."""

    async def slow(visit: Visit) -> None:
        await visit.request()
        for piece in (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", b"{}"):
            await asyncio.sleep(55)
            await visit.send(piece)

    async with serving(slow) as (endpoint, _):
        assert (await post(endpoint)).body == b"{}"


async def test_dripping_bytes_have_an_end() -> None:
    """A server that sends a byte now and then is cut off after two minutes."""

    async def drip(visit: Visit) -> None:
        await visit.request()
        await visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        for _ in range(1000):
            await asyncio.sleep(50)
            await visit.send(b" ")

    loop = asyncio.get_running_loop()
    async with serving(drip) as (endpoint, _):
        await refused(TransportError, endpoint)
        assert loop.time() == pytest.approx(120, abs=0.1)


@pytest.mark.parametrize("framing", [b"Content-Length: 999999999", b"Transfer-Encoding: chunked", b"X: y"])
async def test_a_body_beyond_its_cap_is_cut_off(framing: bytes) -> None:
    """A body without end costs the cap, however it is framed."""
    sent = 0

    async def endless(visit: Visit) -> None:
        nonlocal sent
        await visit.request()
        await visit.send(b"HTTP/1.1 200 OK\r\n" + framing + b"\r\n\r\n")
        piece = b" " * 65536
        while sent < 100 << 20:
            await visit.send(b"10000\r\n" + piece + b"\r\n" if b"chunked" in framing else piece)
            sent += len(piece)

    async with serving(endless) as (endpoint, _):
        text = await refused(
            MalformedAnswerError, endpoint, Limits(connections=1, body_bytes=1 << 20, read=5)
        )
    assert text == "the answer is larger than 1 MiB as received"
    assert sent < 20 << 20


async def test_a_body_of_exactly_its_cap_passes() -> None:
    """The cap itself is allowed."""
    async with serving(playing(OK)) as (endpoint, _):
        assert (await post(endpoint, Limits(connections=1, body_bytes=2))).body == b"{}"
    async with serving(playing(OK)) as (endpoint, _):
        await refused(MalformedAnswerError, endpoint, Limits(connections=1, body_bytes=1))
