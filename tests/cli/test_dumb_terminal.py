"""A terminal that can move no cursor: a panel would never be seen on it."""

import asyncio
import sys

import pytest
from structlog.testing import capture_logs

from harvester.cli.display import Display
from tests.cli.test_display import MOMENT, Going, Terminal


async def test_a_dumb_terminal_gets_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every ten seconds, as a file does."""
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setattr(sys, "stderr", Terminal())
    with capture_logs() as lines, pytest.raises(TimeoutError):
        async with asyncio.timeout(25):
            await Display(lambda: Going(lambda: MOMENT), quiet=False).show()
    assert [(line["event"], line["records"]) for line in lines] == 2 * [("harvesting", MOMENT.rows)]
