"""How often a run may repeat itself: a tenth of its requests, lest a limping API be asked ever more."""

import asyncio
from contextlib import suppress

__all__ = ["RetryBudget"]

_FREE = 60.0  # seconds from the first try: a run that has only begun has earned nothing yet
_EARNED = 1 / 9  # repeats by a first try: one beside nine is a tenth
_RESERVE = 20.0  # repeats at hand from the start, and most that are saved up for a bad hour
_PATIENCE = 1.0  # seconds


class RetryBudget:
    """What repeats are paid from, by all requests together.

    How many repeats a complete harvest needs is the API's choice: one for each try that fails. So a budget
    that is spent refuses none. It makes them queue, until first tries have earned them, or until the second
    in which one leaves anyway: a failing API is asked less, and nobody starves when only repeats are left.
    Hence at any time::

        repeats after the first minute ≤ first tries / 9 + 20 + seconds
    """

    def __init__(self) -> None:
        """Begin with the reserve; the free minute begins with the first try."""
        self._began: float | None = None
        self._credit = _RESERVE
        self._unpaid_at = 0.0  # when the next repeat may leave that was not earned
        self._queue = asyncio.Lock()  # its waiters are served in order
        self._earned = asyncio.Event()

    def first_try(self) -> None:
        """Note that a request leaves for the first time."""
        if self._began is None:
            self._began = asyncio.get_running_loop().time()
        self._credit = min(self._credit + _EARNED, _RESERVE)
        self._earned.set()

    async def repeat(self) -> None:
        """Wait until one repeat may leave."""
        async with self._queue:
            while not self._pay():
                self._earned.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout_at(self._unpaid_at):
                        await self._earned.wait()

    def _pay(self) -> bool:
        now = asyncio.get_running_loop().time()
        if self._began is None or now < self._began + _FREE:
            return True
        if self._credit >= 1:
            self._credit -= 1
        elif now < self._unpaid_at:
            return False
        self._unpaid_at = now + _PATIENCE
        return True
