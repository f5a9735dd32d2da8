"""An event loop whose clock jumps to the next timer: hours of waiting take no time, the same way each run."""

import asyncio
import selectors
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any, TypeVarTuple, Unpack

_Args = TypeVarTuple("_Args")


class JumpingSelector(selectors.DefaultSelector):
    """Never waits: when no socket is ready, time jumps to the loop's next timer."""

    def __init__(self, *, sockets: bool) -> None:
        super().__init__()
        self.now = 0.0
        self._sockets = sockets

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Return the ready sockets; advance the clock by ``timeout`` if there are none."""
        ready = super().select(0) if self._sockets or timeout is None else []
        if not ready and timeout is None:
            raise RuntimeError("deadlock: every task waits and no timer is armed")
        # At least a nanosecond a turn: code that arms a timer at "now" again must still see time pass.
        self.now += 1e-9 if ready or timeout is None else max(timeout, 1e-9)
        return ready


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """Deterministic: virtual clock, and executor jobs run inline."""

    def __init__(self, *, sockets: bool = True) -> None:
        """Without ``sockets``, the kernel is not asked in each turn for what cannot happen."""
        self._clock = JumpingSelector(sockets=sockets)
        super().__init__(self._clock)

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._clock.now

    def run_in_executor(
        self,
        executor: Executor | None,  # noqa: ARG002  (the signature is asyncio's)
        func: Callable[[Unpack[_Args]], Any],
        *args: *_Args,
    ) -> asyncio.Future[Any]:
        """Run ``func`` at once, so that threads cannot reorder anything."""
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001  (handed to the caller, as an executor does)
            future.set_exception(error)
        return future
