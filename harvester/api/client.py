"""One page for one question, however often it has to be asked."""

from collections.abc import Awaitable, Callable, Mapping
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


class Poster(Protocol):
    """Takes a request to the API and brings the reply back."""

    async def post(
        self,
        method: str,
        form: Mapping[str, str],
        *,
        leave: Callable[[], Awaitable[str]],
        into: Receiver | None = None,
    ) -> Reply:
        """One request; a file goes ``into``.

        ``leave`` is awaited once, right before it is written, and brings its token.
        """
        ...


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
        token = None

        async def leave() -> Token:
            # Not before: the wait for a connection, a pause or a turn may outlast a token.
            nonlocal token
            await self._pace.leave()
            token = self._tokens.token()
            return token

        try:
            reply = await self._transport.post(method, parameters, leave=leave, into=into)
        finally:
            self._meter.in_flight -= 1
        self._meter.bytes_received += len(reply.body) + (into.size if into is not None else 0)
        self._tokens.observe_date(reply.headers.get("date"))
        try:
            return judge(reply, self._now() + self._tokens.skew)
        except TokenError as error:
            if token is not None:
                self._tokens.renew(token, earlier=error.code == _ISSUED_IN_FUTURE)
            raise
