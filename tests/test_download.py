"""One file from a server that is wrong byte by byte: stored as announced, or not at all."""

import asyncio
import errno
from collections.abc import Sequence
from random import Random

import pytest

from harvester.api.auth import TokenSource
from harvester.api.clock import Limits
from harvester.api.download import Downloader
from harvester.api.exchange import Fetched
from harvester.api.file_transport import FileTransport
from harvester.api.persistence import Meter
from harvester.api.routes import Route
from tests.keys import CREDENTIALS
from tests.wire.server import Visit, serving

NOW = 1_700_000_000.0
CONTENT = b"0123456789"
DATE = "Sun, 31 Mar 2024 10:00:00 GMT"


class Box:
    """Keeps a file in memory."""

    def __init__(self, kept: bytes = b"", *, validator: str | None = '"v"', full_at: int = 1000) -> None:
        self.kept = kept
        self.total: int | None = len(CONTENT) if kept else None
        self.validator = validator
        self.full_at = full_at

    @property
    def offset(self) -> int:
        """Bytes kept."""
        return len(self.kept)

    def begin(self, *, total: int | None, validator: str | None, content_type: str) -> None:
        """Start anew."""
        del content_type
        self.kept, self.total, self.validator = b"", total, validator

    def forget(self) -> None:
        """Throw it away."""
        self.kept, self.total, self.validator = b"", None, None

    def write(self, piece: bytes) -> None:
        """Append; the disk may be full."""
        if len(self.kept) + len(piece) > self.full_at:
            raise OSError(errno.ENOSPC, "No space left on device")
        self.kept += piece


def answer(status: str, body: bytes = CONTENT, *headers: str, length: int | None = -1) -> bytes:
    """An answer as sent; its length as it is unless it is given, or left out by ``None``."""
    lines = [f"HTTP/1.1 {status}", *headers]
    if length is not None:
        lines.append(f"Content-Length: {len(body) if length < 0 else length}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def _downloader(transport: FileTransport, meter: Meter | None = None) -> Downloader:
    return Downloader(
        transport,
        TokenSource(CREDENTIALS, now=lambda: NOW),
        rate=None,
        concurrency=2,
        random=Random(1),  # noqa: S311  (spreads tries)
        now=lambda: NOW,
        meter=meter or Meter(),
    )


async def fetched(box: Box, *answers: bytes) -> tuple[Fetched, Sequence[bytes]]:
    """What comes of a file whose server gives these answers, the last over and over; what it was asked."""
    asked: list[bytes] = []

    async def script(visit: Visit) -> None:
        while True:
            asked.append(await visit.reader.readuntil(b"\r\n\r\n"))
            content = answers[min(len(asked), len(answers)) - 1]
            await visit.send(content)
            if b"Content-Length: %d\r" % len(content.partition(b"\r\n\r\n")[2]) not in content:
                return  # closed: the body was cut, or ends with the connection

    async with serving(script) as (place, _), FileTransport(place, Limits(connections=2)) as transport:
        downloader = _downloader(transport)
        route = Route(f"{place}/file?sign=hunter2", with_token=True, host="the-host")
        return await downloader.fetch(route, box), asked


async def test_a_whole_file_is_kept() -> None:
    """One request, for the plain bytes, with a token."""
    box = Box()
    result, asked = await fetched(box, answer("200 OK"))
    assert (result, box.kept) == (Fetched(200, whole=True), CONTENT)
    (request,) = asked
    assert b"Accept-Encoding: identity\r\n" in request
    assert b"Authorization: Bearer eyJ" in request
    assert b"Range" not in request


async def test_the_rest_is_asked_for_if_it_is_of_the_same_file() -> None:
    """By the range behind what is kept, on the condition that the file is still the one that was begun."""
    box = Box(CONTENT[:4])
    rest = answer("206 Partial Content", CONTENT[4:], "Content-Range: bytes 4-9/10")
    result, asked = await fetched(box, rest)
    assert (result.whole, box.kept) == (True, CONTENT)
    assert b'Range: bytes=4-\r\nIf-Range: "v"\r\n' in asked[0]
    box = Box(CONTENT[:4], validator=None)
    result, asked = await fetched(box, answer("200 OK"))
    assert (result.whole, box.kept, b"Range" in asked[0]) == (True, CONTENT, False)


@pytest.mark.parametrize(
    "wrong",
    [
        answer("206 Partial Content", CONTENT[3:], "Content-Range: bytes 3-9/10"),
        answer("206 Partial Content", CONTENT[4:], "Content-Range: bytes 4-9/11"),
        answer("206 Partial Content", CONTENT[4:], "Content-Range: bytes 4-9/*"),
        answer("206 Partial Content", CONTENT[4:]),
        answer("206 Partial Content", CONTENT[4:], f"Content-Range: bytes 4-9/{'9' * 4000}"),
        answer("416 Range Not Satisfiable", b"", "Content-Range: bytes */3"),
        answer("206 Partial Content", CONTENT[4:], "Content-Range: bytes 4-9/10", 'ETag: "w"'),
    ],
    ids=[
        "another start",
        "another size",
        "no size",
        "no range",
        "no number",
        "no such range",
        "another state",
    ],
)
async def test_a_range_that_does_not_fit_is_not_joined(wrong: bytes) -> None:
    """It is asked for from the start, and the bytes are those of one file."""
    box = Box(b"abcd")
    result, asked = await fetched(box, wrong, answer("200 OK"))
    assert (result.whole, box.kept, len(asked)) == (True, CONTENT, 2)
    assert b"Range" not in asked[1]


@pytest.mark.parametrize(
    ("header", "joined"), [(f"Last-Modified: {DATE}", True), ("Last-Modified: x", False)]
)
async def test_a_state_without_a_tag_is_told_by_its_date(header: str, joined: bool) -> None:  # noqa: FBT001
    """What the rest says is compared with what the beginning was known by; an ETag alone says nothing."""
    box = Box(CONTENT[:4], validator=DATE)
    rest = answer("206 Partial Content", CONTENT[4:], "Content-Range: bytes 4-9/10", 'ETag: "w"', header)
    result, asked = await fetched(box, rest, answer("200 OK"))
    assert (result.whole, box.kept, len(asked)) == (True, CONTENT, 1 if joined else 2)


async def test_a_range_that_is_cut_is_gone_on_with() -> None:
    """A server may send less than was asked for, and say so."""
    box = Box(CONTENT[:4])
    some = answer("206 Partial Content", CONTENT[4:7], "Content-Range: bytes 4-6/10")
    rest = answer("206 Partial Content", CONTENT[7:], "Content-Range: bytes 7-9/10")
    result, asked = await fetched(box, some, rest)
    assert (result.whole, box.kept, len(asked)) == (True, CONTENT, 2)


@pytest.mark.parametrize(
    ("content", "reason", "tries"),
    [
        (answer("200 OK", length=20), "the body ends early: 10 of 20 bytes came", 5),
        (answer("200 OK", length=None), "the server does not say how large the file is", 1),
        (answer("200 OK", CONTENT, "Content-Encoding: gzip"), "the file is encoded", 1),
        (answer("200 OK", CONTENT, length=1 << 40), "the file is larger than 16 GiB", 1),
        (
            answer("206 Partial Content", CONTENT, "Content-Range: bytes 0-9/20"),
            "sends a part of the file",
            1,
        ),
        (
            answer("302 Found", b"", "Location: https://evil.example/?sign=1"),
            "redirected to evil.example, which",
            1,
        ),
        (answer("302 Found", b"", "Location: //[::1"), "redirected to nowhere", 1),
        (answer("418 I'm a teapot"), "HTTP status 418", 1),
        (answer("500 Internal Server Error"), "HTTP status 500", 4),
        (answer("503 Service Unavailable"), "HTTP status 503", 4),
        (answer("204 No Content", b"", length=None), "HTTP status 204", 1),
    ],
    ids=[
        "short",
        "no length",
        "encoded",
        "too large",
        "unasked part",
        "moved",
        "moved oddly",
        "418",
        "500",
        "503",
        "204",
    ],
)
async def test_what_cannot_be_proven_whole_is_no_file(content: bytes, reason: str, tries: int) -> None:
    """It is failed with a reason, after as many tries as are worth it."""
    result, asked = await fetched(Box(validator=None), content)
    assert not result.whole
    assert not result.gone
    assert reason in result.reason
    assert "sign" not in result.reason
    assert len(asked) == tries


@pytest.mark.parametrize("status", [403, 404, 410])
async def test_gone_is_gone(status: int) -> None:
    """One question is enough."""
    result, asked = await fetched(Box(), answer(f"{status} Gone"))
    assert (result.gone, result.status, len(asked)) == (True, status, 1)


@pytest.mark.parametrize("status", ["429 Too Many Requests", "503 Service Unavailable"])
async def test_a_pause_that_is_asked_for_is_kept(status: str) -> None:
    """By ``Retry-After``, and it is no failure of the file."""
    result, asked = await fetched(Box(), answer(status, b"", "Retry-After: 100"), answer("200 OK"))
    assert (result.whole, len(asked)) == (True, 2)
    assert asyncio.get_running_loop().time() >= 100


async def test_a_pause_too_long_is_one_of_its_host_alone() -> None:
    """That is asked for nothing more, while files of other hosts come at once."""
    asked: list[bytes] = []

    async def script(visit: Visit) -> None:
        while True:
            asked.append(await visit.reader.readuntil(b"\r\n\r\n"))
            busy = answer("429 Too Many Requests", b"", "Retry-After: 3600")
            await visit.send(busy if b"/busy" in asked[-1] else answer("200 OK"))

    async with serving(script) as (place, _), FileTransport(place, Limits(connections=2)) as transport:
        downloader = _downloader(transport)
        busy = Route(f"{place}/busy", with_token=True, host="busy-host")
        assert "a pause of 3600 s" in (await downloader.fetch(busy, Box())).reason
        assert (await downloader.fetch(busy, Box())).left
        assert (await downloader.fetch(Route(f"{place}/file", with_token=True, host="the-host"), Box())).whole
    assert len(asked) == 2
    assert asyncio.get_running_loop().time() < 1


async def test_a_host_that_takes_less_slows_no_other() -> None:
    """It asks for pauses, which all keep; what it takes tells nothing of the others."""
    busy = [answer("429 Too Many Requests", b"", "Retry-After: 1"), answer("200 OK")]

    async def script(visit: Visit) -> None:
        for number in range(40):
            await visit.reader.readuntil(b"\r\n\r\n")
            await visit.send(busy[number % 2])

    meter = Meter()
    async with serving(script) as (place, _), FileTransport(place, Limits(connections=2)) as transport:
        downloader = _downloader(transport, meter)
        for _ in range(20):
            route = Route(f"{place}/file", with_token=True, host="busy-host")
            assert (await downloader.fetch(route, Box())).whole
    assert (meter.retries, meter.cuts) == (20, 0)


async def test_a_full_disk_is_the_disk_s_failure() -> None:
    """It is not taken for the network's, and not tried again."""
    with pytest.RaisesGroup(pytest.RaisesExc(OSError, match="No space left"), flatten_subgroups=True):
        await fetched(Box(full_at=3), answer("200 OK"))
