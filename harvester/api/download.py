"""One file, whole or to be gone on with: asked for from where it broke off, as often as that is worth it."""

import asyncio
import re
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Protocol

import structlog

from harvester.api.client import Persistent
from harvester.api.file_transport import Answered, FileTransport, Take
from harvester.api.reply import Reply, check_status
from harvester.api.routes import Route
from harvester.api.transport import REDIRECTS, target_of
from harvester.errors import TokenError, TransportError, UnavailableError

__all__ = ["Downloader", "Fetched", "Receiver"]

_log = structlog.get_logger()
_GONE = {HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.GONE}
_BODIES = {HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT}
_MOST_BYTES = 16 << 30  # of a file; hours of video have less
_MOST_TRIES = 20  # that end early, each with some new bytes: what is left is for the next run
_FRUITLESS = 4  # tries in a row that bring nothing new
_LONGEST_DELAY = 8.0  # seconds


class Receiver(Protocol):
    """Keeps a file as it comes."""

    @property
    def offset(self) -> int:
        """Bytes that are kept already."""
        ...

    @property
    def total(self) -> int | None:
        """Bytes of the whole file; ``None`` if nobody knows."""
        ...

    @property
    def validator(self) -> str | None:
        """Tells whether the server's file is still the one that was begun; ``None`` if nothing does."""
        ...

    def begin(self, *, total: int | None, validator: str | None, content_type: str) -> None:
        """Forget what was kept, and start with the first byte."""
        ...

    def forget(self) -> None:
        """Forget what was kept."""
        ...

    def write(self, piece: bytes) -> None:
        """Append a piece."""
        ...


@dataclass(frozen=True, slots=True)
class Fetched:
    """How asking for a file ended.

    Attributes:
        status: The HTTP status of the last answer; ``None`` if there was none.
        whole: Whether the receiver has all of it.
        gone: Whether the vendor does not have it, or not for this key: 403, 404 or 410.
        reason: Why it is not whole; empty if it is.
    """

    status: int | None
    whole: bool = False
    gone: bool = False
    reason: str = ""


class Downloader(Persistent[FileTransport]):
    """Asks for files, within a budget of its own."""

    async def fetch(self, route: Route, receiver: Receiver) -> Fetched:
        """Bring a file to its end, from where the receiver has it.

        Raises:
            RefusedError: The token is not accepted, a fresh one neither.
            ConfigError: A server's certificate is not trusted.
            UnavailableError: An outage lasts too long.
            OSError: The receiver could not keep it.
        """
        fruitless = 0
        for _ in range(_MOST_TRIES):
            before = receiver.offset
            try:
                fetched = await self._persist(route.host, partial(self._attempt, route, receiver))
            except UnavailableError as error:
                if self._breaker.outage:
                    raise  # of no file in particular: all others would wait for nothing, too
                return Fetched(None, reason=str(error))
            if fetched is not None:
                return fetched
            fruitless = 0 if receiver.offset > before else fruitless + 1
            if fruitless == _FRUITLESS:
                break
            # Past the breaker: a server that sends half a file is there, it only sends half a file.
            await asyncio.sleep(self._random.uniform(0, min(_LONGEST_DELAY, 2.0**fruitless)))
        of = "" if receiver.total is None else f" of {receiver.total}"
        return Fetched(HTTPStatus.OK, reason=f"the body ends early: {receiver.offset}{of} bytes came")

    async def _attempt(self, route: Route, receiver: Receiver) -> Fetched | None:
        """One request; ``None`` if its body ended early, and another may go on from there."""
        headers = {"Accept-Encoding": "identity"}
        if receiver.offset and receiver.validator:
            headers |= {"Range": f"bytes={receiver.offset}-", "If-Range": receiver.validator}
        token = self._tokens.token() if route.with_token else None
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        exchange = _Exchange(receiver, ranged="Range" in headers)
        self._meter.requests += 1
        self._meter.in_flight += 1
        try:
            answered = await self._transport.get(
                route.url, route.host, headers, leave=self._pace.leave, taker=exchange.answered
            )
        except TransportError as error:
            if not exchange.began:
                raise
            self._meter.last_error = str(error)
            _log.debug("ended early", host=route.host, reason=str(error))
            return None
        finally:
            self._meter.in_flight -= 1
            self._meter.bytes_received += exchange.received
        self._tokens.observe_date(answered.headers.get("date"))
        if token is not None and answered.status == HTTPStatus.UNAUTHORIZED:
            self._tokens.renew(token)
            raise TokenError(answered.status, f"{route.host} does not accept the token")
        return exchange.fetched or self._without_body(answered)

    def _without_body(self, answered: Answered) -> Fetched:
        status = answered.status
        if status in _GONE:
            return Fetched(status, gone=True, reason=f"HTTP status {status}")
        if status in REDIRECTS:
            place = target_of(answered.headers.get("location", ""))
            return Fetched(status, reason=f"redirected to {place}, which is not followed")
        if status < HTTPStatus.INTERNAL_SERVER_ERROR and status not in {408, 425, 429}:
            return Fetched(status, reason=f"HTTP status {status}")
        check_status(Reply(status, answered.headers, b""), self._now() + self._tokens.skew)
        raise AssertionError(status)  # it is one of those that are worth another try


class _Exchange:
    """One answer on its way to the receiver."""

    def __init__(self, receiver: Receiver, *, ranged: bool) -> None:
        self._receiver = receiver
        self._ranged = ranged
        self.began = False
        self.received = 0
        self.fetched: Fetched | None = None

    def answered(self, answered: Answered) -> Take | None:
        """Judge the head of an answer; what takes its body, if it is one of use."""
        status, headers = answered.status, answered.headers
        if self._ranged and self._is_elsewhere(answered):
            self._receiver.forget()
            self.began = True
            raise TransportError("the server has not the rest of what was begun")
        if status not in _BODIES:
            return None
        if reason := _unusable(answered, ranged=self._ranged):
            self.fetched = Fetched(status, reason=reason)
            return None
        if status == HTTPStatus.OK:  # also of a server that knows no ranges, or has another file by now
            length = headers.get("content-length")
            self._receiver.begin(
                total=None if length is None else int(length),
                validator=_validator(answered),
                content_type=headers.get("content-type", "").split(";")[0].strip().lower(),
            )
        self.began = True
        self.fetched = Fetched(status, whole=True)
        return self._take

    def _is_elsewhere(self, answered: Answered) -> bool:
        """Whether the answer is to a range, and not the one asked for: it cannot be gone on with."""
        if answered.status != HTTPStatus.PARTIAL_CONTENT:
            return answered.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
        found = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", answered.headers.get("content-range", "").strip())
        wanted = (self._receiver.offset, self._receiver.total)
        return found is None or (int(found[1]), int(found[3])) != wanted

    def _take(self, piece: bytes) -> None:
        if self._receiver.offset + len(piece) > _MOST_BYTES:
            raise TransportError(f"the file is larger than {_MOST_BYTES >> 30} GiB")
        self._receiver.write(piece)
        self.received += len(piece)


def _unusable(answered: Answered, *, ranged: bool) -> str:
    """Why a body could not be proven whole; empty if it can."""
    headers = answered.headers
    if headers.get("content-encoding", "").strip().lower() not in {"", "identity"}:
        return "the file is encoded, which was not asked for"
    if answered.status == HTTPStatus.PARTIAL_CONTENT:
        return "" if ranged else "the server sends a part of the file, and was asked for all of it"
    length = headers.get("content-length")
    if length is None and "chunked" in headers.get("transfer-encoding", "").lower():
        return ""  # its end is marked
    return "" if length and length.isdecimal() else "the server does not say how large the file is"


def _validator(answered: Answered) -> str | None:
    """What ``If-Range`` can be asked with: a strong ``ETag``, else the time of the last change."""
    tag = answered.headers.get("etag", "")
    if tag.startswith('"'):
        return tag
    return answered.headers.get("last-modified")
