"""The only door to the network, and the only module that knows aiohttp.

One POST, one reply. It follows no redirect, uses no proxy from the environment, keeps no cookie and never
repeats a request: what to do about a failure is decided in ``client``.
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from contextvars import ContextVar
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar
from urllib.parse import urlencode, urlsplit

import aiohttp
from aiohttp import hdrs
from aiohttp.connector import Connection

from harvester import __version__
from harvester.api.clock import Clock, Limits
from harvester.api.endpoint import check_endpoint
from harvester.api.failures import one_line
from harvester.api.reply import Receiver, Reply
from harvester.errors import ConfigError, HarvestError, MalformedAnswerError, TransportError

__all__ = ["REDIRECTS", "Transport", "target_of"]

T = TypeVar("T")

REDIRECTS = range(300, 400)
_KINDS: Mapping[type[Exception], str] = {
    aiohttp.ServerDisconnectedError: "the server closed the connection",
    aiohttp.ClientPayloadError: "the answer ended early",
    aiohttp.ClientResponseError: "the answer is not HTTP",
}


class Transport:
    """Connections to one origin. Tokens go there and nowhere else."""

    def __init__(self, endpoint: str, limits: Limits, *, ca_file: Path | None = None) -> None:
        """Prepare; connections are opened as requests need them.

        Args:
            endpoint: What ``check_endpoint`` accepts.
            limits: Of time, bytes and connections.
            ca_file: Trust the certificates of this PEM file instead of the system's.

        Raises:
            ConfigError: The endpoint or the CA file is not usable.
        """
        self._endpoint = check_endpoint(endpoint)
        self._host = urlsplit(self._endpoint).netloc
        self._limits = limits
        self._tls = _tls(ca_file)
        self._open = AsyncExitStack()

    async def __aenter__(self) -> Self:
        session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._limits.connections, ssl=self._tls),
            request_class=_PacedRequest,
            headers={"User-Agent": f"voximplant-harvester/{__version__}", "Accept-Encoding": "gzip"},
            timeout=aiohttp.ClientTimeout(total=None),  # ``Clock`` keeps the time
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,  # a body cut short must be noticed, and aiohttp's own inflater does not
            trust_env=False,
        )
        self._session = await self._open.enter_async_context(session)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._open.aclose()

    async def post(
        self,
        method: str,
        form: Mapping[str, str],
        *,
        leave: Callable[[], Awaitable[str]],
        into: Receiver | None = None,
    ) -> Reply:
        """Call a method of the API, whatever it answers.

        Args:
            method: The vendor's name of it.
            form: Its parameters.
            leave: Awaited when the connection stands; brings the token, and the request is written at once
                after it. Were it awaited before, the time a handshake takes would let requests bunch up.
            into: Takes the body of a good answer that is a file; the reply has none then.

        Raises:
            TransportError: No connection, no answer in time, an answer that ends early, or a file of which
                nothing tells whether it did.
            MalformedAnswerError: The body is larger than allowed.
            ConfigError: The server's certificate is not trusted, or the server redirects elsewhere.
        """
        exchange = partial(self._exchange, f"{self._endpoint}/platform_api/{method}", form, into)
        total = self._limits.total if into is None else self._limits.file
        return await self._guarded(self._host, exchange, leave, total)

    async def _guarded(
        self,
        host: str,
        exchange: Callable[[Clock], Awaitable[T]],
        leave: Callable[[], Awaitable[str | None]],
        total: float | None = None,
    ) -> T:
        """One exchange with ``host``, within its time, and with the errors of ``post``."""
        try:
            async with asyncio.timeout(self._limits.connect) as timeout:
                clock = Clock(self._limits, leave, timeout, total or self._limits.total)
                mark = _CLOCK.set(clock)
                try:
                    return await exchange(clock)
                finally:
                    # The task's context would hold the clock, and the clock the task: a cycle with its page.
                    _CLOCK.reset(mark)
        except TimeoutError:
            failure: HarvestError = TransportError(f"{host} did not answer in time")
        except aiohttp.ClientConnectorCertificateError as error:
            failure = _untrusted(host, error.certificate_error)
        except (aiohttp.ClientError, OSError) as error:
            failure = TransportError(f"{host}: {_kind(error)}")
        # Outside of ``except``: aiohttp's errors hold the request's headers, and the token with them.
        raise failure

    async def _exchange(
        self, url: str, form: Mapping[str, str], into: Receiver | None, clock: Clock
    ) -> Reply:
        sent = {"Content-Type": "application/x-www-form-urlencoded"}
        async with self._session.post(
            url, data=urlencode(form).encode(), headers=sent, allow_redirects=False
        ) as response:
            if response.status in REDIRECTS:
                raise _redirected(self._host, response.headers.get("Location", ""))
            clock.progress()
            headers = {name.lower(): value for name, value in response.headers.items()}
            if into is not None and Reply(response.status, headers, b"").is_file:
                await _received(response, clock, into)
                return Reply(response.status, headers, b"")
            pieces, room = [], self._limits.body_bytes
            async for piece in response.content.iter_any():
                clock.progress()
                room -= len(piece)
                if room < 0:
                    raise MalformedAnswerError(
                        f"the answer is larger than {self._limits.body_bytes >> 20} MiB as received"
                    )
                pieces.append(piece)
            return Reply(response.status, headers, b"".join(pieces))


# aiohttp makes the request object, so the clock travels beside it; ``send`` runs in the task of ``post``.
_CLOCK: ContextVar[Clock] = ContextVar("_CLOCK")


class _PacedRequest(aiohttp.ClientRequest):
    async def send(self, conn: Connection) -> aiohttp.ClientResponse:
        if (token := await _CLOCK.get().depart()) is not None:
            self.headers[hdrs.AUTHORIZATION] = f"Bearer {token}"
        return await super().send(conn)


async def _received(response: aiohttp.ClientResponse, clock: Clock, into: Receiver) -> None:
    into.begin()
    async for piece in response.content.iter_any():
        clock.progress()
        into.write(piece)
    if not (_is_framed(response) or into.ends_itself):
        # aiohttp takes the end of the connection for the end of such a body.
        raise TransportError("the server does not say where the file ends")


def _is_framed(response: aiohttp.ClientResponse) -> bool:
    """Whether a body that ends early would have been noticed."""
    headers = response.headers
    return "Content-Length" in headers or "chunked" in headers.get("Transfer-Encoding", "").lower()


def _untrusted(host: str, error: Exception) -> ConfigError:
    reason = error.verify_message if isinstance(error, ssl.SSLCertVerificationError) else str(error)
    return ConfigError(
        f"the certificate of {host} is not trusted ({one_line(reason)}): check the clock of this"
        " machine, or name the certificates to trust with --ca-file"
    )


def target_of(location: str) -> str:
    """Where a redirect leads, in words that are safe to print: the rest of it may be signed."""
    try:
        return one_line(urlsplit(location).hostname or "another path")
    except ValueError:
        return "nowhere"


def _redirected(host: str, location: str) -> ConfigError:
    # The body and the token would follow: the user has to name that host first.
    return ConfigError(f"{host} redirects to {target_of(location)}: name the right --endpoint")


def _tls(ca_file: Path | None) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise ConfigError(f"cannot use the CA file {ca_file}: {error.strerror}") from error
    # Else ``SSLKEYLOGFILE`` lets whoever records the traffic read the tokens in it.
    context.keylog_filename = None  # type: ignore[assignment]  # typeshed has only the getter's type
    return context


def _kind(error: Exception) -> str:
    for kind, words in _KINDS.items():
        if isinstance(error, kind):
            return words
    return one_line(getattr(error, "strerror", None) or type(error).__name__)
