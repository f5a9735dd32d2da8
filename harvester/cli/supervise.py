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


async def supervise(work: Stoppable[T], display: Shown) -> tuple[T | None, list[int]]:
    """Run to the end, or to the second signal.

    Returns:
        The report (``None`` after a second signal), and the numbers of the signals that came.

    Raises:
        ExceptionGroup: What the work raises; a ``StoppingError`` if a signal came before.
    """
    report: T | None = None
    with _signals(work) as received:
        try:
            async with TaskGroup() as group:
                shown = group.create_task(display.show(), name="display")
                report = await work.run()
                shown.cancel()
        except asyncio.CancelledError:
            if not received[1:]:
                raise  # not by a second signal: whoever it was, the work is not done
        except ExceptionGroup as error:
            if not received:
                raise
            failed = StoppingError(error.message, error.exceptions)
            failed.number = received[0]
            raise failed from None
        return report, received


@contextmanager
def _signals(work: Stoppable[Any]) -> Iterator[list[int]]:
    """The first signal lets running windows finish, the second cancels."""
    received: list[int] = []
    loop, task = asyncio.get_running_loop(), asyncio.current_task()

    def on_signal(number: int) -> None:
        received.append(number)
        if len(received) == 1:
            structlog.get_logger().warning("stopping when running windows are done; again to stop at once")
            work.stop()
        elif task is not None:
            task.cancel()

    numbers = (signal.SIGINT, signal.SIGTERM)
    for number in numbers:
        loop.add_signal_handler(number, on_signal, number)
    try:
        yield received
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
