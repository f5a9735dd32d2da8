"""How a run goes, while it goes: one live panel on a terminal, one plain line every ten seconds elsewhere."""

import asyncio
import sys
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import structlog
from rich.console import Console
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from harvester.cli.figures import amount, count, duration
from harvester.config import Job
from harvester.report import Snapshot

_REFRESH = 0.25  # seconds between two pictures
_PLAIN = 10.0  # seconds between two lines
_MEMORY = 15.0  # seconds over which speeds are measured


@dataclass(frozen=True, slots=True)
class Speeds:
    """What happened lately, per second."""

    requests: float = 0.0
    rows: float = 0.0
    received: float = 0.0


class Speedometer:
    """Measures speeds over the last seconds, so that the time left follows the API's mood."""

    def __init__(self) -> None:
        self._history: deque[tuple[float, Snapshot]] = deque()

    def measure(self, now: float, snapshot: Snapshot) -> Speeds:
        """Take a snapshot at ``now`` (monotonic seconds); returns the speeds up to it."""
        self._history.append((now, snapshot))
        while now - self._history[0][0] > _MEMORY:
            self._history.popleft()
        then, first = self._history[0]
        if now <= then:
            return Speeds()
        seconds = now - then
        return Speeds(
            (snapshot.requests - first.requests) / seconds,
            (snapshot.rows - first.rows) / seconds,
            (snapshot.received - first.received) / seconds,
        )


def time_left(snapshot: Snapshot, speeds: Speeds, job: Job) -> float | None:
    """Seconds to the end, from the API's own totals; ``None`` while these are unknown."""
    if snapshot.expected is None:
        return None
    left = snapshot.expected - snapshot.rows
    if left <= 0:
        return 0.0
    at_budget = left / job.dataset.page_size / job.budget if job.budget else 0.0
    return max(at_budget, left / speeds.rows) if speeds.rows else at_budget or None


class Display:
    """Shows one run."""

    def __init__(self, job: Job, snapshot: Callable[[], Snapshot | None], *, quiet: bool) -> None:
        """Show what ``snapshot`` gives; nothing at all if ``quiet``."""
        self._job = job
        self._snapshot = snapshot
        self._quiet = quiet
        self._speeds = Speedometer()
        self._console = Console(stderr=True)

    async def show(self) -> None:
        """Show it until cancelled."""
        if self._quiet:
            return
        if sys.stderr.isatty() and not self._console.is_dumb_terminal:
            await self._live()
        else:
            await self._lines()

    async def _live(self) -> None:
        with Live(console=self._console, auto_refresh=False, transient=True) as live:
            while True:
                if (snapshot := self._snapshot()) is not None:
                    live.update(self.panel(snapshot), refresh=True)
                await asyncio.sleep(_REFRESH)

    async def _lines(self) -> None:
        log = structlog.get_logger()
        if (snapshot := self._snapshot()) is not None:
            self._measure(snapshot)  # so that the first line knows speeds, too
        while True:
            await asyncio.sleep(_PLAIN)
            if (snapshot := self._snapshot()) is not None:
                speeds = self._measure(snapshot)
                left = time_left(snapshot, speeds, self._job)
                log.info(
                    "harvesting",
                    records=snapshot.rows,
                    of=snapshot.expected,
                    partitions=snapshot.partitions,
                    requests=snapshot.requests,
                    per_second=round(speeds.requests, 1),
                    retries=snapshot.retries,
                    gaps=snapshot.gaps,
                    left=None if left is None else duration(left),
                )

    def panel(self, snapshot: Snapshot) -> Panel:
        """The picture of one moment."""
        speeds = self._measure(snapshot)
        left = time_left(snapshot, speeds, self._job)
        rows = Table.grid(padding=(0, 2))
        rows.add_row(
            self._job.dataset.noun,
            f"{count(snapshot.rows)} of {_or_unknown(snapshot.expected)}",
            ProgressBar(total=snapshot.expected, completed=snapshot.rows, width=32),
        )
        budget = f"of {self._job.budget:g}/s" if self._job.budget else "no budget"
        rows.add_row("requests", count(snapshot.requests), f"{speeds.requests:.1f}/s {budget}")
        rows.add_row("received", amount(snapshot.received), f"{amount(speeds.received)}/s")
        rows.add_row("windows", f"{count(snapshot.windows)} proven", f"{count(snapshot.waiting)} to read")
        rows.add_row("partitions", f"{count(snapshot.partitions)} published", f"{amount(snapshot.held)} held")
        rows.add_row("retries", count(snapshot.retries), f"gaps {count(snapshot.gaps)}")
        rows.add_row("time left", "unknown" if left is None else duration(left), "")
        title = Text(f"{self._job.name} → {self._job.lake}")  # as it is: "[" in a path is no markup
        return Panel(rows, title=title, title_align="left", expand=False)

    def _measure(self, snapshot: Snapshot) -> Speeds:
        return self._speeds.measure(asyncio.get_running_loop().time(), snapshot)


def _or_unknown(number: int | None) -> str:
    return "?" if number is None else count(number)
