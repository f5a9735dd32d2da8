import asyncio
import gzip
import traceback
from pathlib import Path

import pytest

from harvester.api.clock import Limits
from harvester.api.endpoint import check_endpoint
from harvester.api.reply import Reply
from harvester.api.transport import Transport
from harvester.errors import ConfigError, HarvestError, MalformedAnswerError, TransportError
from tests.wire.server import Visit, playing, serving

TOKEN = "eyJhbGciOi.J9.c2VjcmV0"  # noqa: S105  (looks like one, opens nothing)
FORM = {"from_date": "2024-05-29 00:00:00", "application_id": "1;2"}
LIMITS = Limits(connections=4)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


async def at_once() -> None:
    """Leave without waiting."""


async def post(endpoint: str, limits: Limits = LIMITS, ca_file: Path | None = None) -> Reply:
    """One request over a transport of its own."""
    async with Transport(endpoint, limits, ca_file=ca_file) as transport:
        return await transport.post("GetCallHistory", FORM, TOKEN, leave=at_once)


async def refused(
    error: type[HarvestError], endpoint: str, limits: Limits = LIMITS, ca_file: Path | None = None
) -> str:
    """The text of the error that a request ends with; neither it nor anything chained to it may tell."""
    with pytest.raises(error) as caught:
        await post(endpoint, limits, ca_file)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert TOKEN not in "".join(traceback.format_exception(caught.value))
    assert "application_id" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("https://api.voximplant.com", "https://api.voximplant.com"),
        ("https://api.voximplant.com/", "https://api.voximplant.com"),
        ("https://api.voximplant.com/platform_api/", "https://api.voximplant.com"),
        (" HTTPS://API.voximplant.com:8443/Proxy/platform_api", "https://api.voximplant.com:8443/Proxy"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("http://127.0.0.1", "http://127.0.0.1"),
        ("http://127.9.9.9:1/x/", "http://127.9.9.9:1/x"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_good_endpoints_take_their_plain_form(text: str, plain: str) -> None:
    """HTTPS goes anywhere, plain HTTP to this machine; the vendor's path is optional."""
    assert check_endpoint(text) == plain


@pytest.mark.parametrize(
    "text",
    [
        "",
        "api.voximplant.com",
        "//api.voximplant.com",
        "ftp://api.voximplant.com",
        "file:///etc/passwd",
        "https://",
        "https://:443",
        "https://api.voximplant.com?x=hunter2",
        "https://api.voximplant.com#hunter2",
        "https://user:hunter2@api.voximplant.com",
        "https://api.voximplant.com:hunter2",
        "https://api.voximplant.com:0",
        "https://api.voximplant.com:99999",
        "https://[::1",
        "https://api\tvoximplant.com",
        "https://api voximplant.com",
        "https://api\\voximplant.com",
        "https://аpi.voximplant.com",  # noqa: RUF001  (the first letter is Cyrillic)
        "http://api.voximplant.com",
        "http://localhost.example.com",
        "http://127.1",
        "http://10.0.0.1",
        "http://0.0.0.0",
    ],
)
def test_bad_endpoints_are_refused(text: str) -> None:
    """No token goes to an endpoint that is not plainly one; what was typed is not repeated."""
    with pytest.raises(ConfigError) as caught:
        check_endpoint(text)
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))


def test_a_transport_checks_its_endpoint() -> None:
    """Whoever opens a transport, tokens travel encrypted."""
    with pytest.raises(ConfigError, match="must travel encrypted"):
        Transport("http://api.voximplant.com", LIMITS)


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

    async def leave() -> None:
        await asyncio.sleep(500)
        events.append("leave")

    async with serving(script) as (endpoint, visits), Transport(endpoint, LIMITS) as transport:
        for _ in range(2):
            await transport.post("GetCallHistory", FORM, TOKEN, leave=leave)
    assert events == ["connected", "leave", "request", "leave", "request"]
    assert b"Cookie" not in visits[0].requests[1]


async def test_a_cancelled_wait_closes_its_connection() -> None:
    """Nobody is left holding a connection when a request gives up at the door."""
    closed = asyncio.Event()

    async def script(visit: Visit) -> None:
        assert await visit.reader.read() == b""
        closed.set()

    async def never() -> None:
        await asyncio.Event().wait()

    async with serving(script) as (endpoint, _), Transport(endpoint, LIMITS) as transport:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5):
                await transport.post("GetCallHistory", FORM, TOKEN, leave=never)
        await closed.wait()


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


async def test_an_idle_connection_the_server_closed_is_a_failed_transport() -> None:
    """Nothing is repeated behind the client's back: each request is paced and counted."""
    left = 0

    async def leave() -> None:
        nonlocal left
        left += 1

    async def one_then_close(visit: Visit) -> None:
        await visit.request()
        await visit.send(OK)
        await visit.request()

    async with serving(one_then_close) as (endpoint, visits), Transport(endpoint, LIMITS) as transport:
        await transport.post("GetCallHistory", FORM, TOKEN, leave=leave)
        with pytest.raises(TransportError, match="the server closed the connection"):
            await transport.post("GetCallHistory", FORM, TOKEN, leave=leave)
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


@pytest.mark.parametrize("content", [None, "", "not a certificate"])
def test_an_unusable_ca_file_is_refused(tmp_path: Path, content: str | None) -> None:
    """Missing or not PEM: said before anything is asked."""
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigError, match="cannot use the CA file"):
        Transport("https://api.voximplant.com", LIMITS, ca_file=path)


class Kept:
    """Takes a file."""

    def __init__(self, *, ends_itself: bool = False) -> None:
        self.body = b""
        self.ends_itself = ends_itself

    @property
    def size(self) -> int:
        """Bytes so far."""
        return len(self.body)

    def begin(self) -> None:
        """Start anew."""
        self.body = b""

    def write(self, piece: bytes) -> None:
        """Take a piece."""
        self.body += piece


@pytest.mark.parametrize(
    ("head", "is_file"),
    [
        (b"200 OK\r\nContent-Type: application/octet-stream", True),
        (b"200 OK\r\nContent-Type: text/csv; charset=utf-8", True),
        (b"200 OK", True),
        (b"200 OK\r\nContent-Type: Application/JSON; charset=utf-8", False),
        (b"200 OK\r\nContent-Type: text/html", False),
        (b"503 Oops\r\nContent-Type: application/octet-stream", False),
    ],
)
async def test_a_file_goes_to_who_keeps_it(head: bytes, is_file: bool) -> None:  # noqa: FBT001
    """Anything else is the reply's body, as it always is."""
    answer = b"HTTP/1.1 %b\r\nContent-Length: 3\r\n\r\na;b" % head
    into = Kept()
    async with serving(playing(answer)) as (endpoint, _), Transport(endpoint, LIMITS) as transport:
        reply = await transport.post("DownloadHistoryReport", FORM, TOKEN, leave=at_once, into=into)
    assert (into.body, reply.body) == ((b"a;b", b"") if is_file else (b"", b"a;b"))
    assert reply.is_file is is_file


@pytest.mark.parametrize(
    ("head", "sent", "ends_itself"),
    [
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked", b"3\r\na;b\r\n0\r\n\r\n", False),
        (b"HTTP/1.1 200 OK", b"a;b", True),
        (b"HTTP/1.0 200 OK", b"a;b", True),
    ],
    ids=["chunks", "until the end", "HTTP/1.0"],
)
async def test_a_file_whose_end_shows_is_taken(head: bytes, sent: bytes, ends_itself: bool) -> None:  # noqa: FBT001
    """By how it is sent, or by what it is."""
    into = Kept(ends_itself=ends_itself)
    answer = head + b"\r\n\r\n" + sent
    async with serving(playing(answer)) as (endpoint, _), Transport(endpoint, LIMITS) as transport:
        await transport.post("DownloadHistoryReport", FORM, TOKEN, leave=at_once, into=into)
    assert into.body == b"a;b"


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK", b"HTTP/1.0 200 OK"])
async def test_a_file_whose_end_does_not_show_is_refused(head: bytes) -> None:
    """P3: cut within its last number it would still be a file, with another number."""
    answer = head + b"\r\n\r\na;-0.53"
    async with serving(playing(answer)) as (endpoint, _), Transport(endpoint, LIMITS) as transport:
        with pytest.raises(TransportError, match="does not say where the file ends"):
            await transport.post("DownloadHistoryReport", FORM, TOKEN, leave=at_once, into=Kept())
