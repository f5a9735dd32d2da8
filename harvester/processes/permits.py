"""One budget for several processes: permits to let a request leave, handed out by one and used by all.

A permit takes time to arrive, and a worker that is just decoding takes it up late. Counted when it was handed
out, it could leave beside the punctual ones, and the budget would not hold. So it counts as leaving for as
long as it is out, and ages only when its worker says that it was used.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from harvester.api.pacing import Pace, allowance

__all__ = ["Dealer", "Permits", "RemoteDoor", "SharedPace"]

DOORS = ("turn", "leave")  # the two turnstiles of ``Pace``


class Permits:
    """A bucket that holds what has just left and what is about to leave.

    It holds ``1 + (1 - HAIR) * R`` permits and loses ``HAIR * R`` a second of those that were used. So in any
    second fewer than ``1 + R`` are used, however late each is. It begins full: whoever asked just before, for
    another dataset or account, may have used up all there was.
    """

    def __init__(self, rate: float) -> None:
        """Let ``rate`` requests a second leave; for use in the running loop."""
        self._most, self._drain = allowance(rate)
        self._level = self._most  # used, and not aged away yet
        self._at = asyncio.get_running_loop().time()  # when the level was that
        self._out = 0
        self._queue = asyncio.Lock()  # its waiters are served in order
        self._used = asyncio.Event()

    async def take(self, most: int) -> int:
        """Wait until a permit can be handed out, and take as many as can be then, ``most`` at most."""
        async with self._queue:
            while (room := self._room()) < 1:
                self._used.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout((1 - room) / self._drain if self._level else None):
                        await self._used.wait()
            count = min(most, int(room))
            self._out += count
        return count

    def used(self, count: int) -> None:
        """So many of those that are out were used, or given up."""
        self._room()
        self._out -= count
        self._level += count
        self._used.set()

    def _room(self) -> float:
        now = asyncio.get_running_loop().time()
        self._level = max(0.0, self._level - (now - self._at) * self._drain)
        self._at = now
        return self._most - self._level - self._out


class Dealer:
    """Hands one worker the permits that it asks for."""

    def __init__(self, permits: Permits, send: Callable[[int], None]) -> None:
        """Deal ``permits`` by ``send``."""
        self._permits = permits
        self._send = send
        self._wanted = 0
        self._out = 0
        self._news = asyncio.Event()

    def want(self, count: int) -> None:
        """So many more requests wait."""
        self._wanted += count
        self._news.set()

    def used(self, count: int) -> None:
        """So many permits were used, or given up."""
        self._out -= count
        self._permits.used(count)

    async def deal(self) -> None:
        """Hand out permits until cancelled."""
        while True:
            await self._news.wait()
            count = await self._permits.take(self._wanted)
            self._wanted -= count
            self._out += count
            if not self._wanted:
                self._news.clear()
            self._send(count)

    def close(self) -> None:
        """The worker is gone: what it held counts as used."""
        self.used(self._out)


class RemoteDoor:
    """A turnstile whose permits come from the coordinator."""

    def __init__(self, want: Callable[[int], None], used: Callable[[int], None]) -> None:
        """Ask by ``want``, and tell by ``used``."""
        self._want = want
        self._used = used
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._unasked = 0

    async def acquire(self) -> None:
        """Wait for a permit, and use it: whoever waited must leave at once."""
        loop = asyncio.get_running_loop()
        self._waiting.append(turn := loop.create_future())
        self._unasked += 1
        if self._unasked == 1:
            loop.call_soon(self._ask)  # for all that come meanwhile
        try:
            await turn
        finally:
            if turn.done() and not turn.cancelled():
                self._used(1)

    def granted(self, count: int) -> None:
        """So many may pass; permits for those that gave up meanwhile go back."""
        surplus = 0
        for _ in range(count):
            turn = self._waiting.popleft()
            if turn.done():
                surplus += 1
            else:
                turn.set_result(None)
        if surplus:
            self._used(surplus)

    def _ask(self) -> None:
        self._want(self._unasked)
        self._unasked = 0


class SharedPace(Pace):
    """The pace of a worker: its permits come from the coordinator, its pauses are everybody's.

    Each worker finds the rate that the API takes from it; all of them hear of each refusal, and cut theirs.
    """

    def __init__(
        self,
        rate: float | None,
        send: Callable[..., None],
        tell: Callable[[float, float | None, float | None], object],
    ) -> None:
        """Prepare to let pass.

        Args:
            rate: Requests a second of all workers together; any number, and no permits, if ``None``.
            send: Speaks of permits to the coordinator.
            tell: Has it know of a pause, by the arguments of ``frozen``.
        """
        super().__init__(rate)
        self._tell = tell
        self._doors = {
            name: RemoteDoor(partial(send, "want", name), partial(send, "used", name)) for name in DOORS
        }
        if rate is not None:
            self._before, self._door = self._doors["turn"], self._doors["leave"]

    def granted(self, door: str, count: int) -> None:
        """Permits have come."""
        self._doors[door].granted(count)

    def freeze(self, seconds: float, *, since: float | None = None, refused: float | None = None) -> None:
        """Let nobody pass for so many seconds, in no process."""
        super().freeze(seconds, since=since, refused=refused)
        self._tell(seconds, since, refused)

    def frozen(self, seconds: float, since: float | None = None, refused: float | None = None) -> None:
        """Another process asks for a pause; its loop's times are this one's, by the machine's one clock."""
        super().freeze(seconds, since=since, refused=refused)
