"""How a request leaves and its reply comes: over which connection, and to nobody else."""

import asyncio
import gzip
from pathlib import Path

import pytest

from harvester.api.transport import Transport, _tls
from harvester.errors import ConfigError, TransportError
from tests.posting import FORM, LIMITS, OK, TOKEN, post, refused
from tests.wire.server import Visit, playing, serving


async def test_a_request_has_the_documented_form() -> None:
    """POST to the method's path, parameters in the body, token in the header, gzip welcome."""
    async with serving(playing(OK)) as (endpoint, visits):
        await post(endpoint + "/proxy/platform_api/")
    head, _, body = visits[0].requests[0].partition(b"\r\n\r\n")
    start, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    assert start == "POST /proxy/platform_api/GetCallHistory HTTP/1.1"
    assert body == b"from_date=2024-05-29+00%3A00%3A00&application_id=1%3B2"
    assert headers["authorization"] == f"Bearer {TOKEN}"
    assert headers["accept-encoding"] == "gzip"
    assert headers["content-type"] == "application/x-www-form-urlencoded"
    assert headers["user-agent"].startswith("voximplant-harvester/")
    assert "cookie" not in headers


async def test_a_reply_is_handed_on_as_received() -> None:
    """Status, headers by lower-case name, and the body still compressed."""
    body = gzip.compress(b'{"result": []}')
    head = f"HTTP/1.1 503 Busy\r\nContent-Encoding: gzip\r\nX-YZ: q\r\nContent-Length: {len(body)}\r\n\r\n"
    async with serving(playing(head.encode() + body)) as (endpoint, _):
        reply = await post(endpoint)
    assert reply.status == 503
    assert reply.headers["content-encoding"] == "gzip"
    assert reply.headers["x-yz"] == "q"
    assert reply.body == body


async def test_a_request_leaves_when_its_connection_stands() -> None:
    """Not before, and at once after; a connection is used again, without its cookies."""
    events: list[str] = []

    async def script(visit: Visit) -> None:
        events.append("connected")
        for _ in range(2):
            await visit.request()
            events.append("request")
            await visit.send(OK.replace(b"\r\n\r\n", b"\r\nSet-Cookie: a=b\r\n\r\n"))

    async def leave() -> str:
        await asyncio.sleep(500)
        events.append("leave")
        return TOKEN

    async with serving(script) as (endpoint, visits), Transport(endpoint, LIMITS) as transport:
        for _ in range(2):
            await transport.post("GetCallHistory", FORM, leave=leave)
    assert events == ["connected", "leave", "request", "leave", "request"]
    assert b"Cookie" not in visits[0].requests[1]


async def test_a_cancelled_wait_closes_its_connection() -> None:
    """Nobody is left holding a connection when a request gives up at the door."""
    closed = asyncio.Event()

    async def script(visit: Visit) -> None:
        assert await visit.reader.read() == b""
        closed.set()

    async def never() -> str:
        await asyncio.Event().wait()
        return TOKEN

    async with serving(script) as (endpoint, _), Transport(endpoint, LIMITS) as transport:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5):
                await transport.post("GetCallHistory", FORM, leave=never)
        await closed.wait()


async def test_an_idle_connection_the_server_closed_is_a_failed_transport() -> None:
    """Nothing is repeated behind the client's back: each request is paced and counted."""
    left = 0

    async def leave() -> str:
        nonlocal left
        left += 1
        return TOKEN

    async def one_then_close(visit: Visit) -> None:
        await visit.request()
        await visit.send(OK)
        await visit.request()

    async with serving(one_then_close) as (endpoint, visits), Transport(endpoint, LIMITS) as transport:
        await transport.post("GetCallHistory", FORM, leave=leave)
        with pytest.raises(TransportError, match="the server closed the connection"):
            await transport.post("GetCallHistory", FORM, leave=leave)
    assert left == 2
    assert len(visits) == 1


async def test_a_closed_port_is_a_failed_transport() -> None:
    """The system's own word for it."""
    async with serving(playing()) as (endpoint, _):
        pass
    assert "Connect" in await refused(TransportError, endpoint)


@pytest.mark.parametrize(
    ("location", "words"),
    [
        ("", "another path"),
        ("/login", "another path"),
        ("http://[bad", "nowhere"),
        ("//h.example", "h.example"),
    ],
)
async def test_a_redirect_to_anywhere_is_an_error(location: str, words: str) -> None:
    """Whatever the server names as the place, it is not gone to."""
    answer = f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"
    async with serving(playing(answer.encode())) as (endpoint, _):
        assert f"redirects to {words}:" in await refused(ConfigError, endpoint)


async def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever sets the environment does not get the tokens."""
    async with serving(playing(OK)) as (proxy, proxied), serving(playing(OK)) as (endpoint, _):
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy)
        assert (await post(endpoint)).status == 200
    assert proxied == []


async def test_the_environment_cannot_have_the_session_keys_written_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """P9: by them, whoever recorded the traffic could read the tokens in it."""
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    assert _tls(None).keylog_filename is None
