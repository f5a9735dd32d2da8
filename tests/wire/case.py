"""What a row of the tables is made of: bytes, what the server does between them, and what must come of it."""

import gzip
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto

from harvester.errors import HarvestError, UnavailableError

OTHER = "{the-other-one}"
"""Stands for the host and port of a server that must never be asked; as long as these are."""

RECORD: Mapping[str, object] = {"call_session_history_id": 1}
TRUE = b'{"result": [{"call_session_history_id": 1}], "count": 1, "total_count": 1}'
"""The body of the right page."""
FALSE = TRUE.replace(b'id": 1}', b'id": 6}')
"""The body of a page that nobody must ever take for the right one."""


class Act(Enum):
    """What the server does, besides sending bytes."""

    RESET = auto()  # the connection; what is not sent yet is lost
    CLOSE = auto()
    HANG = auto()  # say nothing more, until the client goes away
    DRIP = auto()  # a byte of white space every ten seconds, for ever
    FLOOD = auto()  # the next part over and over, until the client goes away


@dataclass(frozen=True, slots=True)
class Case:
    """A row: one answer of the server, and what must come of it.

    Attributes:
        fault: Number in the list of faults.
        name: What is wrong.
        parts: Bytes to send and acts between them; a connection that is left open serves the next request.
        words: What the reason says, wherever it is told.
        error: What ends the request at once; ``None`` if it does not.
        tries: How often it is asked, if the answer comes once and the right page from then on.
        at_last: What ends a request that is answered so every time.
        pause: Seconds that nobody asks at least.
        early: Whether the server acts before it has read the request.
    """

    fault: str
    name: str
    parts: tuple[bytes | Act, ...]
    words: str = ""
    error: type[HarvestError] | None = None
    tries: int = 2
    at_last: type[HarvestError] = UnavailableError
    pause: float = 0.0
    early: bool = False

    def __str__(self) -> str:
        """Its name in the report of the tests."""
        return f"{self.fault} {self.name}"


def answer(body: bytes = TRUE, *headers: str, status: str = "200 OK") -> bytes:
    """A well-formed answer with a right length."""
    return framed(body, f"Content-Length: {len(body)}", *headers, status=status)


def framed(body: bytes, *headers: str, status: str = "200 OK", version: str = "HTTP/1.1") -> bytes:
    """An answer with these headers and no others."""
    lines = [f"{version} {status}", "Content-Type: application/json", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def chunked(*chunks: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    """An answer in chunks as given."""
    return framed(b"".join(chunks) + end, "Transfer-Encoding: chunked")


def chunk(data: bytes) -> bytes:
    """A well-formed chunk."""
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def zipped(body: bytes, *headers: str) -> bytes:
    """An answer that says its body is gzip, whatever it is."""
    return answer(body, "Content-Encoding: gzip", *headers)


def failed(code: int, text: str = "Said the vendor.", *headers: str, status: str = "200 OK") -> bytes:
    """An answer that holds an error of the API."""
    body = json.dumps({"error": {"code": code, "msg": text}}).encode()
    return answer(body, *headers, status=status)


def bomb(mebibytes: int) -> bytes:
    """So much white space as gzip, in no time: blocks that were flushed may be repeated."""
    deflate = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    block = deflate.compress(b" " * (1 << 20)) + deflate.flush(zlib.Z_FULL_FLUSH)
    return gzip.compress(b"", mtime=0)[:10] + block * mebibytes + deflate.flush()
