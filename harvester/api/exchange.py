"""One answer with a file, or the rest of one, on its way to who keeps it."""

import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import Protocol

from harvester.api.file_transport import Answered, Take
from harvester.errors import TransportError

__all__ = ["Exchange", "Fetched", "Receiver"]

_BODIES = {HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT}
_MOST_BYTES = 16 << 30  # of a file; hours of video have less
_TOO_LARGE = f"the file is larger than {_MOST_BYTES >> 30} GiB"


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
        again: Whether asking again may help.
        left: Whether it was not even asked for, since its host is down.
        reason: Why it is not whole; empty if it is.
    """

    status: int | None
    whole: bool = False
    gone: bool = False
    again: bool = False
    left: bool = False
    reason: str = ""


class Exchange:
    """One answer on its way to the receiver.

    Attributes:
        began: Whether the body did: what fails from then on is the file's own failure.
        received: Bytes of it.
        fetched: How it ended, if its head tells.
    """

    def __init__(self, receiver: Receiver, *, ranged: bool) -> None:
        """Wait for an answer; ``ranged`` if the rest of what the receiver has was asked for."""
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
        known = self._receiver.validator or ""
        # A server, or a cache before it, may pass over ``If-Range`` and send the rest of another state.
        if answered.headers.get("etag" if known.startswith('"') else "last-modified", known) != known:
            return True
        found = re.fullmatch(
            r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})", answered.headers.get("content-range", "").strip()
        )
        wanted = (self._receiver.offset, self._receiver.total)
        return found is None or (int(found[1]), int(found[3])) != wanted

    def _take(self, piece: bytes) -> None:
        if self._receiver.offset + len(piece) > _MOST_BYTES:
            raise TransportError(_TOO_LARGE)
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
    if length is None or re.fullmatch(r"\d{1,18}", length) is None:
        return "the server does not say how large the file is"
    return _TOO_LARGE if int(length) > _MOST_BYTES else ""


def _validator(answered: Answered) -> str | None:
    """What ``If-Range`` can be asked with: a strong ``ETag``, else the time of the last change."""
    tag = answered.headers.get("etag", "")
    if tag.startswith('"'):
        return tag
    return answered.headers.get("last-modified")
