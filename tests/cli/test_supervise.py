import asyncio
import os
import signal
from collections.abc import Callable

import pytest
from structlog.testing import capture_logs

from harvester.cli.supervise import StoppingError, supervise
from harvester.report import Report
from harvester.window import Window

DONE = Report(outcome="complete", asked=Window(0, 1), settled=Window(0, 1))
STOPPED = Report(outcome="interrupted", asked=Window(0, 1), settled=Window(0, 1))

Deed = Callable[[], None]


class Work:
    """Does ``deeds``, a second apart, then works an hour; stopped, it needs ``more`` seconds to end."""

    def __init__(self, *deeds: Deed, more: float = 20) -> None:
        self.deeds = deeds
        self.more = more
        self.stopped = asyncio.Event()
        self.cancelled = False

    async def run(self) -> Report:
        """Work until it is done, or stopped."""
        try:
            for deed in self.deeds:
                await asyncio.sleep(1)
                deed()
            async with asyncio.timeout(3_600):
                await self.stopped.wait()
            await asyncio.sleep(self.more)
        except TimeoutError:
            return DONE
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        return STOPPED

    def stop(self) -> None:
        """Be told to stop."""
        self.stopped.set()


class Screen:
    """A display: ``shown`` says how it went, ``error`` makes it fail after a second."""

    def __init__(self, error: Exception | None = None) -> None:
        self.shown = "never"
        self.error = error

    async def show(self) -> None:
        """Show until cancelled."""
        self.shown = "shown"
        try:
            await asyncio.sleep(1)
            if self.error:
                raise self.error
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.shown = "cancelled"
            raise


def kill(number: int) -> Deed:
    """Send this process a signal."""
    return lambda: os.kill(os.getpid(), number)


def fail() -> None:
    """Fail."""
    raise OSError(28, "No space left on device")


def assert_signals_are_python_s() -> None:
    """Nobody handles the signals any more."""
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_DFL


async def test_work_without_signals_ends_with_its_report() -> None:
    """The display ends with the work, and the process handles signals as it did."""
    work, screen = Work(), Screen()
    assert await supervise(work, screen) == (DONE, [])
    assert (screen.shown, work.cancelled) == ("cancelled", False)
    assert_signals_are_python_s()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_the_first_signal_lets_the_work_finish_early(number: int) -> None:
    """It is told, the work comes to its own end, and the caller learns which signal it was."""
    work, screen = Work(kill(number)), Screen()
    with capture_logs() as logs:
        assert await supervise(work, screen) == (STOPPED, [number])
    assert [line["event"] for line in logs] == [
        "stopping when running windows are done, in 30 s at most; again to stop at once"
    ]
    assert (screen.shown, work.cancelled) == ("cancelled", False)
    assert asyncio.get_running_loop().time() < 3_600


async def test_what_is_finished_after_a_signal_is_called_by_its_name() -> None:
    """Not all work is on windows."""
    with capture_logs() as logs:
        await supervise(Work(kill(signal.SIGINT), more=3_000), Screen(), under_way="files under way")
    assert [line["event"] for line in logs] == [
        "stopping when files under way are done, in 30 s at most; again to stop at once",
        "files under way are not done after 30 s: cut off; run again to go on",
    ]


@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_the_second_signal_cancels(second: int) -> None:
    """At once, with no report; both signals are told, in their order."""
    work, screen = Work(kill(signal.SIGINT), kill(second)), Screen()
    assert await supervise(work, screen) == (None, [signal.SIGINT, second])
    assert (screen.shown, work.cancelled) == ("cancelled", True)
    assert asyncio.get_running_loop().time() < 20
    assert_signals_are_python_s()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_what_does_not_finish_in_time_is_cut_off(number: int) -> None:
    """P11: half a minute after the first signal, however long an outage is; as by a second one."""
    work, screen = Work(kill(number), more=3_000), Screen()
    with capture_logs() as logs:
        assert await supervise(work, screen) == (None, [number])
    assert logs[1]["event"] == "running windows are not done after 30 s: cut off; run again to go on"
    assert (screen.shown, work.cancelled) == ("cancelled", True)
    assert 30 <= asyncio.get_running_loop().time() < 60
    assert_signals_are_python_s()


async def test_what_finished_in_time_is_not_cut_off_later() -> None:
    """Whoever goes on after it is left alone."""
    assert await supervise(Work(kill(signal.SIGTERM), more=29), Screen()) == (STOPPED, [signal.SIGTERM])
    await asyncio.sleep(60)
    assert await supervise(Work(), Screen()) == (DONE, [])


async def test_a_run_outlives_its_terminal_if_it_was_told_to() -> None:
    """By ``nohup``, which has the process ignore SIGHUP; so it stays."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert await supervise(Work(kill(signal.SIGHUP)), Screen()) == (DONE, [])
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


async def test_a_failure_of_the_work_ends_the_display_and_comes_through() -> None:
    """With the signals left to Python again."""
    screen = Screen()
    with pytest.raises(ExceptionGroup) as failed:
        await supervise(Work(fail), screen)
    assert failed.group_contains(OSError, match="No space left")
    assert screen.shown == "cancelled"
    assert_signals_are_python_s()


async def test_a_failure_after_the_first_signal_comes_through() -> None:
    """Being stopped does not make a failure good; that it was stopped is told with it."""
    with pytest.raises(StoppingError) as failed:
        await supervise(Work(kill(signal.SIGTERM), fail), Screen())
    assert failed.group_contains(OSError)
    assert failed.value.number == signal.SIGTERM


async def test_a_failure_of_the_display_ends_the_work() -> None:
    """A defect is not hidden because it is only in the display."""
    work = Work()
    with pytest.raises(ExceptionGroup) as failed:
        await supervise(work, Screen(ZeroDivisionError()))
    assert failed.group_contains(ZeroDivisionError)
    assert work.cancelled


async def test_a_display_that_ends_by_itself_is_no_failure() -> None:
    """A quiet one has nothing to show."""

    class Quiet:
        async def show(self) -> None:
            """Show nothing."""

    assert await supervise(Work(), Quiet()) == (DONE, [])


async def test_a_cancellation_by_anyone_else_comes_through() -> None:
    """P10: only being cut off makes the end of the work an answer; without that it is not done."""

    def give_up() -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await supervise(Work(give_up), Screen())
    task = asyncio.create_task(supervise(Work(kill(signal.SIGINT)), Screen()))
    await asyncio.sleep(15)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
