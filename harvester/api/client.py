"""One page for one question, however often it has to be asked."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Protocol, TypeVar

from harvester.api.envelope import Answer
from harvester.api.persistence import Persistent
from harvester.api.protocol import Page, confirm, read
from harvester.api.reply import Receiver, Reply
from harvester.errors import TokenError
from harvester.secret import Token

T = TypeVar("T")

_ISSUED_IN_FUTURE = 455
_LONGEST_WAIT = 300  # seconds of a token at the door; it has six minutes left at least when it is taken


class Poster(Protocol):
    """Takes a request to the API and brings the reply back."""

    async def post(
        self,
        method: str,
        form: Mapping[str, str],
        token: str,
        *,
        leave: Callable[[], Awaitable[None]],
        into: Receiver | None = None,
    ) -> Reply:
        """One request; ``leave`` is awaited once, right before it is written. A file goes ``into``."""
        ...


class _StaleTokenError(Exception):
    """A request waited so long that its token may not live until it arrives; it did not leave."""


class Client(Persistent[Poster]):
    """Asks the API for pages, within its budget. Any number of tasks may call it."""

    async def fetch(
        self, method: str, parameters: Mapping[str, str], *, urgent: bool = False
    ) -> tuple[Answer, Page]:
        """The answer to one question.

        Args:
            method: The vendor's method.
            parameters: Its parameters, already as text.
            urgent: Whether it tells what to ask next, and so leaves before what only has to come some time.

        Raises:
            RefusedError: The key, its role or the account is not accepted, with a fresh token either.
            RequestError: The API rejects a parameter.
            UnknownCodeError: It answers with a code that says nothing of the kind.
            RangeTooWideError: The range of dates must be narrower.
            ConfigError: The server's certificate is not trusted, or it redirects elsewhere.
            UnreadableError: The answer is malformed, and the same each time.
            UnansweredError: The last try failed too.
            UnavailableError: Likewise, and it was told to wait; the server asks for too long a pause, or an
                outage lasts too long.
        """
        answer, page = await self.ask(method, parameters, partial(read, quick=self._quick), urgent=urgent)
        self._meter.bytes_decoded += len(page.text)
        return answer, page

    def control(self, method: str, parameters: Mapping[str, str]) -> None:
        """Name a question that has no record to stumble over: it tells the failure of one from an outage."""
        self._breaker.controls[method] = partial(self._attempt, method, parameters, read, None)

    async def command(self, method: str, parameters: Mapping[str, str]) -> None:
        """Have something done that may be done twice without harm, since it may be asked for again.

        Args:
            method: The vendor's method; one that answers with ``result: 1``.
            parameters: Its parameters, already as text.

        Raises:
            HarvestError: As ``fetch``. Whether it was done is unknown after ``UnavailableError``.
        """
        await self.ask(method, parameters, confirm)

    async def ask(
        self,
        method: str,
        parameters: Mapping[str, str],
        judge: Callable[[Reply, float], T],
        *,
        into: Receiver | None = None,
        urgent: bool = False,
    ) -> T:
        """The answer to one question, whatever it is.

        Args:
            method: The vendor's method.
            parameters: Its parameters, already as text.
            judge: Says what a reply means, at the server's Unix time.
            into: Takes a file, if one is asked for; each try sends it from its beginning.
            urgent: As ``fetch``.

        Raises:
            HarvestError: As ``fetch``, or what ``judge`` says another try cannot mend.
        """
        attempt = partial(self._attempt, method, parameters, judge, into)
        return await self._persist(method, attempt, urgent=urgent)

    async def _attempt(
        self,
        method: str,
        parameters: Mapping[str, str],
        judge: Callable[[Reply, float], T],
        into: Receiver | None,
    ) -> T:
        self._meter.requests += 1
        self._meter.in_flight += 1
        try:
            token, reply = await self._post(method, parameters, into)
        finally:
            self._meter.in_flight -= 1
        self._meter.bytes_received += len(reply.body) + (into.size if into is not None else 0)
        self._tokens.observe_date(reply.headers.get("date"))
        try:
            return judge(reply, self._now() + self._tokens.skew)
        except TokenError as error:
            self._tokens.renew(token, earlier=error.code == _ISSUED_IN_FUTURE)
            raise

    async def _post(
        self, method: str, parameters: Mapping[str, str], into: Receiver | None
    ) -> tuple[Token, Reply]:
        door: Callable[[], Awaitable[object]] = self._pace.leave
        while True:
            token = self._tokens.token()
            leave = partial(self._leave, door, self._now())
            with suppress(_StaleTokenError):
                return token, await self._transport.post(method, parameters, token, leave=leave, into=into)
            door = self._pace.thaw  # its turn has come already: at a low rate it would be stale again

    async def _leave(self, door: Callable[[], Awaitable[object]], since: float) -> None:
        """Wait at the door; ``since`` is when the token was taken, as the wait may outlast it."""
        await door()
        if abs(self._now() - since) > _LONGEST_WAIT:
            raise _StaleTokenError
