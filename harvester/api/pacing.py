"""When a request may leave: no faster than the budget, nor than the API takes them, and not in a pause."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Protocol, Self

import structlog
from aiolimiter import AsyncLimiter

from harvester.api.throttle import Throttle

__all__ = ["Pace", "allowance", "doubled"]

_log = structlog.get_logger()

# Requests are paced a hair below the budget, and the hair is what a late wake-up may catch up: from a bucket
# of 1 + (1 - HAIR) * R that refills by HAIR * R a second, fewer than 1 + R leave in any second, however busy
# the event loop was. 0.98 makes up for 20 ms of decoding, and costs 2 % of the time.
_HAIR = 0.98
_MOST_DOUBLINGS = 32  # any cap is reached by then, and a float does not overflow


class Door(Protocol):
    """Lets one pass at a time."""

    async def acquire(self) -> None:
        """Wait until one may pass."""
        ...


class Pace:
    """The turnstile of an account, shared by all its requests.

    A request passes it twice: ``turn`` before it takes a connection, so that none is opened in vain, and
    ``leave`` when the connection stands, because a handshake takes as long as it likes, and requests that
    waited for theirs would otherwise leave side by side with the punctual ones.

    Attributes:
        told: Is told of each pause, in seconds from now; ``None`` if nobody keeps them.
    """

    def __init__(self, rate: float | None) -> None:
        """Allow ``rate`` requests a second; any number if ``None``."""
        self._before: Door | None = _limiter(rate)
        self._door: Door | None = _limiter(rate)
        self._throttle = Throttle(rate)
        self._queue = asyncio.Lock()  # its waiters are served in order
        self._resume_at = 0.0
        self._paused = 0.0
        self.told: Callable[[float], None] | None = None

    @classmethod
    def of(cls, budgets: Iterable[float | None]) -> Self:
        """That of what is asked in turn: the least of the budgets; any number if there is none."""
        return cls(min((rate for rate in budgets if rate is not None), default=None))

    async def turn(self) -> None:
        """Wait until a connection may be taken."""
        await self._pass(self._before)
        time = asyncio.get_running_loop().time
        async with self._queue:
            # None has its turn beforehand: until it comes, the rate may be cut, or a pause begin.
            await self.thaw()
            while wait := self._throttle.wait(time()):
                await asyncio.sleep(wait)
                await self.thaw()
            self._throttle.pass_one(time())

    async def leave(self) -> None:
        """Wait until the request may be written; it must be written at once."""
        await self._pass(self._door)

    @property
    def paused(self) -> float:
        """Seconds of all pauses, overlapping ones once, the rest of the present one included."""
        return self._paused

    @property
    def rest(self) -> float:
        """Seconds of the present pause that are left; 0 if there is none."""
        return max(0.0, self._resume_at - asyncio.get_running_loop().time())

    @property
    def cuts(self) -> int:
        """How often the rate was cut, since the API took a request for one too many."""
        return self._throttle.cuts

    def freeze(self, seconds: float, *, since: float | None = None, refused: float | None = None) -> None:
        """Let nobody pass for so many seconds.

        Args:
            seconds: From now.
            since: The loop's time from which the pause counts, if it began earlier.
            refused: The loop's time when a request had its turn that the API took for one too many: those
                that follow leave more slowly. ``None`` if that is not why.
        """
        now = asyncio.get_running_loop().time()
        before = max(self._resume_at, now if since is None else since)
        if self.told is not None and now + seconds > self._resume_at:
            self.told(seconds)
        self._resume_at = max(self._resume_at, now + seconds)
        self._paused += max(0.0, self._resume_at - before)
        if refused is not None and self._throttle.refuse(refused, now, self._resume_at):
            _log.info("the API refuses this rate", next_per_second=round(self._throttle.rate(now), 3))

    def clock(self) -> float:
        """Seconds on a clock that stands still during a pause; only differences mean something.

        A pause that began earlier than it was known sets it back.
        """
        return asyncio.get_running_loop().time() + self.rest - self._paused

    async def _pass(self, limiter: Door | None) -> None:
        await self.thaw()
        while limiter is not None:
            await limiter.acquire()
            if not await self.thaw():
                return
            # A pause began while this one queued: it queues again, or at the end all of them left at once.

    async def thaw(self) -> bool:
        """Wait for the end of the pause; whether there was one."""
        loop = asyncio.get_running_loop()
        frozen = False
        while (rest := self._resume_at - loop.time()) > 0:
            frozen = True
            await asyncio.sleep(rest)
        return frozen


def doubled(first: float, times: int, cap: float) -> float:
    """How long to wait: ``first`` seconds, doubled ``times`` times, but ``cap`` seconds at most."""
    return min(cap, first * 2.0 ** min(times, _MOST_DOUBLINGS))


def allowance(rate: float) -> tuple[float, float]:
    """What a bucket holds, and what it loses in a second, for a budget of ``rate`` requests a second."""
    return 1 + (1 - _HAIR) * rate, _HAIR * rate


def _limiter(rate: float | None) -> AsyncLimiter | None:
    if rate is None:
        return None
    burst, per_second = allowance(rate)
    return AsyncLimiter(burst, burst / per_second)
