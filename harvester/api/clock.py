"""How long a request may take, and the clock that keeps it to that."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much one request may take.

    Attributes:
        connect: Seconds for name, connection and TLS.
        read: Seconds without a byte, once the request has left.
        total: Seconds from the request's leaving to the answer's last byte.
        file: Likewise, if the answer is a file.
        body_bytes: Most bytes of a body as received.
        connections: How many may be open at a time.
    """

    connect: float = 10
    read: float = 60
    total: float = 120
    file: float = 1_800
    body_bytes: int = 64 << 20
    connections: int


class Clock:
    """The time of one request: to connect, then to wait for its turn, then to be answered."""

    def __init__(
        self,
        limits: Limits,
        leave: Callable[[], Awaitable[str | None]],
        timeout: asyncio.Timeout,
        total: float,
    ) -> None:
        self._limits = limits
        self._total = total
        self._leave = leave
        self._timeout = timeout
        self._end = 0.0

    async def depart(self) -> str | None:
        """Wait for the turn, and let the time of the answer begin; what ``leave`` brought."""
        self._timeout.reschedule(None)  # waiting for a turn is not the server's fault
        brought = await self._leave()
        self._end = asyncio.get_running_loop().time() + self._total
        self.progress()
        return brought

    def progress(self) -> None:
        """Note that the server gave a sign of life."""
        silent = asyncio.get_running_loop().time() + self._limits.read
        # A server that drips bytes for ever is always in time for the next one: hence the end.
        self._timeout.reschedule(min(silent, self._end))
