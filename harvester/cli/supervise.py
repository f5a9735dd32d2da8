"""Runs a backfill beside its display, and lets signals end it well."""

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar

import structlog

from harvester.task_group import TaskGroup

T_co = TypeVar("T_co", covariant=True)
T = TypeVar("T")

_ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# Seconds for what is under way to be finished after the first signal. Windows take a few; what takes longer
# is an outage, or a pause that the API asks for, and may take hours. Whoever sent the signal does not wait so
# long (a container is killed after 30 s), and being cut off costs no more than answers that had not arrived.
_PATIENCE = 30.0


class Stoppable(Protocol[T_co]):
    """Something that runs to a report."""

    async def run(self) -> T_co:
        """Do the work."""
        ...

    def stop(self) -> None:
        """Finish early, and well."""
        ...


class Shown(Protocol):
    """Something that shows how it goes, until it is cancelled."""

    async def show(self) -> None:
        """Show it."""
        ...


class StoppingError(ExceptionGroup[Exception]):
    """What failed after a signal had asked for the end: a failure, and no reason to begin with anything else.

    Attributes:
        number: Of the signal.
    """

    number: int


async def supervise(
    work: Stoppable[T], display: Shown, *, under_way: str = "running windows"
) -> tuple[T | None, list[int]]:
    """Run to the end, or to the second signal, or until the patience after the first is over.

    Args:
        work: What to run.
        display: Shows how it goes.
        under_way: What the work finishes after the first signal, to be told then; in the plural.

    Returns:
        The report (``None`` if the work was cut off), and the numbers of the signals that came.

    Raises:
        ExceptionGroup: What the work raises; a ``StoppingError`` if a signal came before.
    """
    report: T | None = None
    with _signals(work, under_way) as ending:
        try:
            async with TaskGroup() as group:
                shown = group.create_task(display.show(), name="display")
                report = await work.run()
                shown.cancel()
        except asyncio.CancelledError:
            if not ending.cut_off:
                raise  # not by a signal: whoever it was, the work is not done
        except ExceptionGroup as error:
            if not ending.received:
                raise
            failed = StoppingError(error.message, error.exceptions)
            failed.number = ending.received[0]
            raise failed from None
        return report, ending.received


class _Ending:
    """How the work is being ended: the first signal lets running windows finish, the second cancels."""

    def __init__(self, work: Stoppable[Any], under_way: str) -> None:
        self._work = work
        self._under_way = under_way
        self._task = asyncio.current_task()
        self._loop = asyncio.get_running_loop()
        self._alarm: asyncio.TimerHandle | None = None
        self.received: list[int] = []
        self.cut_off = False

    def on_signal(self, number: int) -> None:
        """One came."""
        self.received.append(number)
        if len(self.received) > 1:
            self._cut()
            return
        structlog.get_logger().warning(
            f"stopping when {self._under_way} are done, in {_PATIENCE:.0f} s at most; again to stop at once"
        )
        self._alarm = self._loop.call_later(_PATIENCE, self._give_up)
        self._work.stop()

    def close(self) -> None:
        """The work has ended: nothing of it is left to cancel."""
        if self._alarm is not None:
            self._alarm.cancel()

    def _give_up(self) -> None:
        structlog.get_logger().warning(
            f"{self._under_way} are not done after {_PATIENCE:.0f} s: cut off; run again to go on"
        )
        self._cut()

    def _cut(self) -> None:
        self.cut_off = True
        if self._task is not None:
            self._task.cancel()


@contextmanager
def _signals(work: Stoppable[Any], under_way: str) -> Iterator[_Ending]:
    """Signals end the work, for the length of the block."""
    ending, loop = _Ending(work, under_way), asyncio.get_running_loop()
    numbers = [number for number in _ENDINGS if not _outlived(number)]
    for number in numbers:
        loop.add_signal_handler(number, ending.on_signal, number)
    try:
        yield ending
    finally:
        ending.close()
        for number in numbers:
            loop.remove_signal_handler(number)


def _outlived(number: int) -> bool:
    """Whether whoever started the process wants it to outlive its terminal, as ``nohup`` does."""
    return number == signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN
