"""A file goes to who keeps it, if it can be seen where it ends."""

import pytest

from harvester.api.transport import Transport
from harvester.errors import TransportError
from tests.posting import FORM, LIMITS, at_once
from tests.wire.server import playing, serving


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
        reply = await transport.post("DownloadHistoryReport", FORM, leave=at_once, into=into)
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
        await transport.post("DownloadHistoryReport", FORM, leave=at_once, into=into)
    assert into.body == b"a;b"


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK", b"HTTP/1.0 200 OK"])
async def test_a_file_whose_end_does_not_show_is_refused(head: bytes) -> None:
    """P3: cut within its last number it would still be a file, with another number."""
    answer = head + b"\r\n\r\na;-0.53"
    async with serving(playing(answer)) as (endpoint, _), Transport(endpoint, LIMITS) as transport:
        with pytest.raises(TransportError, match="does not say where the file ends"):
            await transport.post("DownloadHistoryReport", FORM, leave=at_once, into=Kept())
