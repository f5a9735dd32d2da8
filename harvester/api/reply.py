"""What HTTP alone says of a reply: its status, how long to wait, what time it is. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Protocol

from harvester.errors import RateLimitedError, RefusedError, TokenError, TransientError, UnknownCodeError

__all__ = ["Receiver", "Reply", "check_status", "http_date", "is_busy", "retry_after"]

_TRY_AGAIN = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY}


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back over HTTP.

    Attributes:
        status: The HTTP status.
        headers: By lower-case name.
        body: The bytes as received, still compressed.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    @property
    def is_file(self) -> bool:
        """Whether its body is neither the API's JSON nor a gateway's page, and its status is good."""
        media_type = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        return self.status == HTTPStatus.OK and media_type not in {"application/json", "text/html"}


class Receiver(Protocol):
    """Takes a file piece by piece, and bounds it."""

    @property
    def size(self) -> int:
        """Bytes of the file so far."""
        ...

    @property
    def ends_itself(self) -> bool:
        """Whether its own bytes tell if it is whole, to who reads it later."""
        ...

    def begin(self) -> None:
        """A file comes; what came of it before is void."""
        ...

    def write(self, piece: bytes) -> None:
        """Take the next bytes as received."""
        ...


def is_busy(reply: Reply) -> bool:
    """Whether its status says that another try may help, and that the request is not to blame."""
    status = reply.status
    return status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR


def check_status(reply: Reply, server_now: float) -> None:
    """Judge a reply by its HTTP status, once its body was found to hold no error of the API.

    Raises:
        RateLimitedError: 429.
        TransientError: 408, 425 and 5xx.
        TokenError: 401.
        RefusedError: 403.
        UnknownCodeError: Any other 4xx.
    """
    status = reply.status
    reason = f"HTTP status {status} without an error of the API"
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        raise RateLimitedError(reason, retry_after=retry_after(reply.headers, server_now))
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in _TRY_AGAIN:
        raise TransientError(reason, retry_after=retry_after(reply.headers, server_now))
    if status == HTTPStatus.UNAUTHORIZED:
        raise TokenError(status, reason)
    if status == HTTPStatus.FORBIDDEN:
        raise RefusedError(status, f"{reason}.", "Check the key's account and this machine's address.")
    if status >= HTTPStatus.BAD_REQUEST:
        raise UnknownCodeError(status, reason)


def retry_after(headers: Mapping[str, str], server_now: float) -> float | None:
    """The pause a reply asks for, in seconds, at least 0; ``None`` if it asks for none or in no known form.

    Grammar: RFC 9110, 10.2.3 (seconds or a date). A date counts from the reply's own ``Date``, else from
    ``server_now`` (Unix seconds): the local clock may be wrong.
    """
    text = headers.get("retry-after", "").strip()
    if text.removeprefix("-").isdecimal():
        return max(0.0, float(text))
    moment = http_date(text)
    if moment is None:
        return None
    served = http_date(headers.get("date"))
    return max(0.0, moment - (server_now if served is None else served))


def http_date(text: str | None) -> float | None:
    """Unix seconds of an HTTP date; ``None`` for anything else."""
    try:
        moment = parsedate_to_datetime(text or "")
    except (ValueError, OverflowError):
        return None
    # "-0000" makes a time without a zone, and HTTP knows no time but UTC.
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
