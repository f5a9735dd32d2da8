"""Files over the same door as answers: one GET, handed on piece by piece, never held whole."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from harvester.api.clock import Clock
from harvester.api.transport import Transport

__all__ = ["Answered", "FileTransport", "Take"]


@dataclass(frozen=True, slots=True)
class Answered:
    """What a server says before it sends a file.

    Attributes:
        status: The HTTP status.
        headers: By lower-case name.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)


T = TypeVar("T")
Take = Callable[[bytes], None]


class FileTransport(Transport):
    """Connections to whatever hosts files lie at; who may see a token, the caller has decided."""

    async def get(
        self,
        url: str,
        host: str,
        headers: Mapping[str, str],
        *,
        leave: Callable[[], Awaitable[None]],
        taker: Callable[[Answered], Take | None],
    ) -> Answered:
        """Ask for a file; no redirect is followed.

        Args:
            url: Where it lies.
            host: The same for messages: a URL may be signed.
            headers: Of the request.
            leave: As of ``post``.
            taker: Is told what was answered; gives what takes the pieces of the body, or ``None`` if the
                body is of no use.

        Raises:
            TransportError: No connection, no answer in time, or a body that ends early.
            ConfigError: The server's certificate is not trusted.
            OSError: The taker could not keep a piece.
        """
        try:
            return await self._guarded(host, partial(self._stream, url, headers, taker), leave)
        except _NotKeptError as failure:
            error = failure.error
        raise error

    async def _stream(
        self,
        url: str,
        headers: Mapping[str, str],
        taker: Callable[[Answered], Take | None],
        clock: Clock,
    ) -> Answered:
        async with self._session.get(url, headers=dict(headers), allow_redirects=False) as response:
            clock.progress()
            answered = Answered(
                response.status, {name.lower(): value for name, value in response.headers.items()}
            )
            take = _kept(partial(taker, answered))
            if take is not None:
                async for piece in response.content.iter_any():
                    clock.progress()
                    _kept(partial(take, piece))
            return answered


class _NotKeptError(Exception):
    """The disk's failure, on its way past the translation of the network's."""

    def __init__(self, error: OSError) -> None:
        super().__init__(str(error))
        self.error = error


def _kept(deed: Callable[[], T]) -> T:
    try:
        return deed()
    except OSError as error:
        raise _NotKeptError(error) from None
