import asyncio
import io
import sys
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from harvester.cli.display import Display
from harvester.config import Job
from harvester.datasets import CALLS
from harvester.report import Snapshot
from harvester.window import Window

JOB = Job(dataset=CALLS, name="calls", window=Window(0, 1), lake=Path("lake"), credentials=Path("k"))
MOMENT = Snapshot(
    rows=1,
    expected=2,
    windows=0,
    waiting=1,
    partitions=0,
    requests=1,
    retries=0,
    received=1,
    held=0,
    gaps=0,
    paused=0.0,
)


class Terminal(io.StringIO):
    """A stream that is a terminal."""

    def isatty(self) -> bool:
        """It is one."""
        return True


async def test_a_dumb_terminal_gets_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """It can move no cursor, so a panel would never be seen."""
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setattr(sys, "stderr", Terminal())
    with capture_logs() as lines, pytest.raises(TimeoutError):
        async with asyncio.timeout(25):
            await Display(JOB, lambda: MOMENT, quiet=False).show()
    assert [(line["event"], line["records"]) for line in lines] == [("harvesting", 1), ("harvesting", 1)]
