"""The one queue of the program: bounded in bytes, because windows differ a thousandfold in size."""

import asyncio
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Channel(Generic[T]):
    """Carries values from many producers to one consumer, who slows them down when it is behind."""

    def __init__(self, limit: int) -> None:
        """Hold ``limit`` bytes at most, or one value, however large."""
        self._limit = limit
        self._values: deque[tuple[T, int]] = deque()
        self._bytes = 0
        self._closed = False
        self._room = asyncio.Event()
        self._news = asyncio.Event()

    async def put(self, value: T, size: int) -> None:
        """Hand over a value of ``size`` bytes; waits while the consumer is behind."""
        while self._values and self._bytes + size > self._limit:
            self._room.clear()
            await self._room.wait()
        self._values.append((value, size))
        self._bytes += size
        self._news.set()

    async def get(self) -> T | None:
        """The next value, in the order of arrival; ``None`` once the channel is closed and empty."""
        while not self._values:
            if self._closed:
                return None
            self._news.clear()
            await self._news.wait()
        value, size = self._values.popleft()
        self._bytes -= size
        self._room.set()
        return value

    def close(self) -> None:
        """Nothing more will come."""
        self._closed = True
        self._news.set()
