"""One file, whole or to be gone on with: asked for from where it broke off, as often as that is worth it."""

import asyncio
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Any

import structlog

from harvester.api.exchange import Exchange, Fetched, Receiver
from harvester.api.file_transport import Answered, FileTransport
from harvester.api.persistence import Failures, Persistent
from harvester.api.reply import retry_after
from harvester.api.routes import Route
from harvester.api.transport import REDIRECTS, target_of
from harvester.errors import (
    RateLimitedError,
    RefusedError,
    TokenError,
    TransientError,
    TransportError,
    UnavailableError,
)

__all__ = ["Downloader", "Fetched", "Receiver"]

_log = structlog.get_logger()
_GONE = {HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.GONE}
_MOST_TRIES = 20  # that end early, each with some new bytes: what is left is for the next run
_FRUITLESS = 4  # tries in a row that bring nothing new
_MOST_FAILED = 25  # files in a row, none of which failed in an earlier run: the host is down
_ROLES = (
    "Check that the key still exists, and its role: logs need Owner, Admin, Developer, Supervisor or Support;"
    " --what leaves them out."
)
_AGAIN = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.SERVICE_UNAVAILABLE}
_LONGEST_DELAY = 8.0  # seconds


class Downloader(Persistent[FileTransport]):
    """Asks for files, within a budget of its own.

    What one file costs is bounded, and so is what a host costs that is down: after a while it is asked for
    nothing more, and its files are for the next run. Files of other hosts come all the same.
    """

    def __init__(self, *arguments: Any, **settings: Any) -> None:  # noqa: ANN401  (those of ``Persistent``)
        super().__init__(*arguments, **settings)
        self._hosts: dict[str, _Host] = {}

    async def fetch(self, route: Route, receiver: Receiver, *, failed_before: bool = False) -> Fetched:
        """Bring a file to its end, from where the receiver has it.

        Args:
            route: Where it is.
            receiver: Keeps it.
            failed_before: Whether an earlier run could not have it: then it tells nothing of its host.

        Raises:
            RefusedError: The token is not accepted, a fresh one neither; unless this file alone is refused.
            ConfigError: A server's certificate is not trusted.
            OSError: The receiver could not keep it.
        """
        host = self._hosts.setdefault(route.host, _Host())
        if host.down:
            return Fetched(None, left=True, reason=host.down)
        try:
            fetched = await self._tried(route, receiver)
        except RefusedError as error:
            if not (host.takes_token or failed_before):
                raise RefusedError(error.code, f"{error.message}.", _ROLES) from None
            reason = f"{error.message}, for this file"
            fetched = Fetched(HTTPStatus.UNAUTHORIZED, again=True, reason=reason)
        except UnavailableError as error:
            if not failed_before:
                host.down = str(error)
            return Fetched(None, again=True, reason=str(error))
        host.takes_token |= fetched.whole and route.with_token
        if not fetched.again:
            host.failed = 0
        elif not failed_before:
            host.failed += 1
            if host.failed >= _MOST_FAILED and not host.down:
                host.down = f"{route.host} failed for {host.failed} files in a row"
        return fetched

    def _hold(self, pause: float, _error: TransientError, _failed: Failures) -> None:
        """Have everybody wait; but what one host takes tells nothing of the others."""
        self._pace.freeze(pause)

    def _keep(self, pause: float, _error: TransientError, _failed: Failures) -> None:
        """Nothing: a host that is given up is asked for nothing more, and the others asked for no pause."""

    async def _tried(self, route: Route, receiver: Receiver) -> Fetched:
        fetched, fruitless = Fetched(None), 0
        for _ in range(_MOST_TRIES):
            before = receiver.offset
            fetched = await self._persist(route.host, partial(self._attempt, route, receiver))
            fruitless = 0 if receiver.offset > before else fruitless + 1
            if not fetched.again or fruitless == _FRUITLESS:
                break
            # Past the breaker: a server that fails for one file, or sends half of it, is there.
            await asyncio.sleep(self._random.uniform(0, min(_LONGEST_DELAY, 2.0**fruitless)))
        return fetched

    async def _attempt(self, route: Route, receiver: Receiver) -> Fetched:
        headers = {"Accept-Encoding": "identity"}
        if receiver.offset and receiver.validator:
            headers |= {"Range": f"bytes={receiver.offset}-", "If-Range": receiver.validator}
        token = self._tokens.token() if route.with_token else None
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        exchange = Exchange(receiver, ranged="Range" in headers)
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
            return _cut_short(receiver)
        finally:
            self._meter.in_flight -= 1
            self._meter.bytes_received += exchange.received
        self._tokens.observe_date(answered.headers.get("date"))
        if token is not None and answered.status == HTTPStatus.UNAUTHORIZED:
            self._tokens.renew(token)
            raise TokenError(answered.status, f"{route.host} does not accept the token")
        if exchange.fetched is None:
            return self._without_body(answered)
        if exchange.fetched.whole and receiver.total not in {None, receiver.offset}:
            return _cut_short(receiver)  # a range, and shorter than the one that was asked for
        return exchange.fetched

    def _without_body(self, answered: Answered) -> Fetched:
        status = answered.status
        if status in _GONE:
            return Fetched(status, gone=True, reason=f"HTTP status {status}")
        if status in REDIRECTS:
            place = target_of(answered.headers.get("location", ""))
            return Fetched(status, reason=f"redirected to {place}, which is not followed")
        pause = retry_after(answered.headers, self._now() + self._tokens.skew)
        if status == HTTPStatus.TOO_MANY_REQUESTS or (status in _AGAIN and pause is not None):
            raise RateLimitedError(f"HTTP status {status}", retry_after=pause)
        # No matter for the breaker: a server may fail for one file, for ever, and serve all others.
        again = status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in _AGAIN
        return Fetched(status, again=again, reason=f"HTTP status {status}")


def _cut_short(receiver: Receiver) -> Fetched:
    of = "" if receiver.total is None else f" of {receiver.total}"
    reason = f"the body ends early: {receiver.offset}{of} bytes came"
    return Fetched(HTTPStatus.OK, again=True, reason=reason)


@dataclass(slots=True)
class _Host:
    """What is known of a host.

    Attributes:
        down: Why it is not asked any more.
        failed: How many files in a row it failed for.
        takes_token: Whether it served a file by a token: if it refuses another, that is the file's failure.
    """

    down: str = ""
    failed: int = 0
    takes_token: bool = False
