"""How many requests may be under way, and which of those that wait goes first."""

import asyncio
import heapq
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count


class Slots:
    """A semaphore with a fast lane.

    Were all served in the order they came, a page that tells what to ask next would wait behind the pages of
    all other windows; then every fetcher learns late, all learn together, and the budget lies idle while they
    do. There are at most as many urgent requests as fetchers, so the others always come to their turn.
    """

    def __init__(self, number: int) -> None:
        """Let ``number`` requests be under way."""
        self._free = number
        self._waiting: list[tuple[bool, int, asyncio.Future[None]]] = []
        self._arrivals = count()

    @asynccontextmanager
    async def taken(self, *, urgent: bool = False) -> AsyncIterator[None]:
        """Hold a slot for as long as the block runs.

        Args:
            urgent: Whether to go before all that wait and are not.
        """
        await self._take(urgent=urgent)
        try:
            yield
        finally:
            self._give()

    async def _take(self, *, urgent: bool) -> None:
        if self._free:
            self._free -= 1
            return
        turn = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (not urgent, next(self._arrivals), turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._give()  # it was this one's turn already
            raise

    def _give(self) -> None:
        while self._waiting:
            _, _, turn = heapq.heappop(self._waiting)
            if not turn.done():
                turn.set_result(None)  # the slot goes on to who waits, and is never free in between
                return
        self._free += 1
