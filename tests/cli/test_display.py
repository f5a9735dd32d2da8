import asyncio
import io
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
import structlog
from rich.console import Console
from structlog.testing import capture_logs

from harvester.cli.display import Display, Speedometer, Speeds, time_left
from harvester.cli.logs import configure
from harvester.config import Job
from harvester.datasets import CALLS
from harvester.report import Snapshot
from harvester.window import Window

JOB = Job(
    dataset=CALLS, name="sales", window=Window(0, 1), lake=Path("/data/[/old]/lake"), credentials=Path("k")
)
MOMENT = Snapshot(
    rows=50_000,
    expected=210_000,
    windows=7,
    waiting=12,
    partitions=3,
    requests=64,
    retries=5,
    received=12_345_678,
    held=2_000_000,
    gaps=2,
    paused=1.5,
)


class Terminal(io.StringIO):
    """A stream that is a terminal."""

    def isatty(self) -> bool:
        """It is one."""
        return True


def moments() -> Iterator[Snapshot]:
    """A run of 1,000 sessions and two requests for each time it is looked at."""
    for step in count():
        yield replace(MOMENT, rows=1_000 * step, requests=2 * step, received=4_000 * step)


async def show(snapshot: Callable[[], Snapshot | None], seconds: float, *, quiet: bool = False) -> None:
    """Show a run for so long."""
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(seconds):
            await Display(JOB, snapshot, quiet=quiet).show()


def terminal_of(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Make stderr a terminal of 100 columns, from inside the test: pytest sets its own before each phase."""
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    for name, value in {"TERM": "xterm", "COLUMNS": "100", "NO_COLOR": "1"}.items():
        monkeypatch.setenv(name, value)
    return terminal


def test_speeds_are_measured_between_two_moments() -> None:
    """Requests, sessions and bytes, per second."""
    speeds = Speedometer()
    assert speeds.measure(100.0, MOMENT) == Speeds()
    later = replace(MOMENT, requests=84, rows=60_000, received=12_355_678)
    assert speeds.measure(102.0, later) == Speeds(10.0, 5_000.0, 5_000.0)


def test_speeds_are_those_of_the_last_fifteen_seconds() -> None:
    """What was long ago says nothing about now."""
    speeds = Speedometer()
    for second in range(61):
        rows = 1_000 * min(second, 30)
        measured = speeds.measure(second, replace(MOMENT, rows=rows))
        assert measured.rows == pytest.approx(
            1_000.0 * (second > 0) if second <= 30 else max(0.0, 1_000.0 * (45 - second) / 15)
        )


@pytest.mark.parametrize(
    ("rows", "expected", "rate", "speed", "seconds"),
    [
        (50_000, None, 8.0, 1_000.0, None),
        (50_000, 210_000, 8.0, 1_000.0, 160.0),
        (50_000, 210_000, 8.0, 100_000.0, 20.0),
        (50_000, 210_000, None, 1_000.0, 160.0),
        (50_000, 210_000, 8.0, 0.0, 20.0),
        (50_000, 210_000, None, 0.0, None),
        (210_000, 210_000, 8.0, 0.0, 0.0),
        (210_000, 210_000, None, 0.0, 0.0),
        (210_001, 210_000, 8.0, 1_000.0, 0.0),
    ],
    ids=[
        "totals unknown",
        "bound by speed",
        "bound by the rate",
        "no rate",
        "not yet moving",
        "no rate, not yet moving",
        "nothing left",
        "nothing left, no rate",
        "more than expected",
    ],
)
def test_the_time_left_comes_from_the_api_s_totals(
    *, rows: int, expected: int | None, rate: float | None, speed: float, seconds: float | None
) -> None:
    """By the speed of late, but never faster than the budget allows; unknown is not zero."""
    snapshot = replace(MOMENT, rows=rows, expected=expected)
    assert time_left(snapshot, Speeds(rows=speed), replace(JOB, rate=rate)) == seconds


async def picture(job: Job, snapshot: Snapshot) -> list[str]:
    """The lines of a panel, with their words single-spaced."""
    console = Console(file=io.StringIO(), width=100, record=True)
    console.print(Display(job, lambda: None, quiet=False).panel(snapshot))
    lines = console.export_text().splitlines()
    return [" ".join(line.strip("╭╮╰╯│─ ").split()) for line in lines][:-1]


async def test_the_panel_has_the_figures() -> None:
    """Where the run is, what it costs, and when it will be done; a path is shown as it is."""
    lines = await picture(JOB, MOMENT)
    assert lines[1].startswith("sessions 50,000 of 210,000 ━━━")
    assert [lines[0], *lines[2:]] == [
        "sales → /data/[/old]/lake",
        "requests 64 0.0/s of 8/s",
        "received 12.3 MB 0 B/s",
        "windows 7 proven 12 to read",
        "partitions 3 published 2.0 MB held",
        "retries 5 gaps 2",
        "time left 20 s",
    ]


async def test_the_panel_guesses_nothing() -> None:
    """Without totals and without a budget it says so."""
    lines = await picture(replace(JOB, rate=None), replace(MOMENT, expected=None))
    assert lines[1].startswith("sessions 50,000 of ? ━━━")
    assert lines[2] == "requests 64 0.0/s no budget"
    assert lines[-1] == "time left unknown"


async def test_without_a_terminal_there_is_a_line_every_ten_seconds() -> None:
    """Plain log lines, with speeds from the first one on."""
    run = moments()
    with capture_logs() as logs:
        await show(lambda: next(run), 35)
    assert logs == [
        {
            "event": "harvesting",
            "log_level": "info",
            "records": 1_000 * line,
            "of": 210_000,
            "partitions": 3,
            "requests": 2 * line,
            "per_second": 0.2,
            "retries": 5,
            "gaps": 2,
            "left": left,
        }
        for line, left in ((1, "34 min 50 s"), (2, "34 min 40 s"), (3, "34 min 30 s"))
    ]


async def test_a_line_waits_for_something_to_tell() -> None:
    """Before the run has begun to ask there is none; an unknown end is ``None``."""
    loop = asyncio.get_running_loop()
    unknown = replace(MOMENT, expected=None)
    with capture_logs() as logs:
        await show(lambda: unknown if loop.time() > 15 else None, 25)
    assert [(line["of"], line["left"]) for line in logs] == [(None, None)]


@pytest.mark.parametrize("at_terminal", [True, False])
async def test_quiet_shows_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *, at_terminal: bool
) -> None:
    """Neither on a terminal nor in the logs; it ends at once."""
    terminal = terminal_of(monkeypatch) if at_terminal else io.StringIO()
    with capture_logs() as logs:
        await Display(JOB, lambda: MOMENT, quiet=True).show()
    assert (logs, terminal.getvalue(), *capsys.readouterr()) == ([], "", "", "")


async def test_a_terminal_has_a_live_panel(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It moves four times a second, on stderr alone, and leaves nothing behind."""
    terminal, run = terminal_of(monkeypatch), moments()
    with capture_logs() as logs:
        await show(lambda: next(run), 1.1)
    text = terminal.getvalue()
    assert [f" {step},000 of 210,000 " in text for step in range(1, 6)] == [True, True, True, True, False]
    assert text.count("\x1b[1A") >= 4 * 8  # each picture is wiped, line by line
    assert text.rindex("\x1b[2K") > text.rindex("╯")
    assert logs == []
    assert capsys.readouterr().out == ""


async def test_the_panel_waits_for_something_to_show(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is drawn before the run has begun to ask."""
    terminal = terminal_of(monkeypatch)
    await show(lambda: None, 1)
    assert "sessions" not in terminal.getvalue()


async def test_a_log_line_does_not_break_the_panel(monkeypatch: pytest.MonkeyPatch) -> None:
    """The panel is wiped before a line is printed, and drawn again below it."""
    terminal = terminal_of(monkeypatch)
    configure(form="console", level="info")
    shown = asyncio.create_task(Display(JOB, lambda: MOMENT, quiet=False).show())
    await asyncio.sleep(0.6)
    structlog.get_logger().warning("stopping")
    shown.cancel()
    with pytest.raises(asyncio.CancelledError):
        await shown
    text = terminal.getvalue()
    line = text.index("stopping")
    assert "\x1b[2K" in text[text.rindex("╯", 0, line) : line]
    assert "time left" in text[line:]
