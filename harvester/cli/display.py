"""How a run goes, while it goes: one live panel on a terminal, one plain line every ten seconds elsewhere."""

import asyncio
import sys
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

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
_GLANCE = 1.0  # seconds between two looks where nothing is drawn
_PLAIN = 10  # looks from one line to the next
_MEMORY = 15.0  # seconds over which speeds are measured


@dataclass(frozen=True, slots=True)
class Speeds:
    """What happened lately, per second."""

    requests: float = 0.0
    rows: float = 0.0
    received: float = 0.0


class Run(Protocol):
    """What can be shown."""

    @property
    def job(self) -> Job:
        """What it harvests."""
        ...

    def snapshot(self) -> Snapshot | None:
        """Where it is now; ``None`` before it has begun to ask."""
        ...


class Speedometer:
    """Measures the speeds of one run over the last seconds, so that the time left follows the API's mood."""

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


@dataclass(frozen=True, slots=True)
class Moment:
    """A run as it is shown: what it harvests, where it is, and how fast it goes."""

    job: Job
    snapshot: Snapshot
    speeds: Speeds

    @property
    def left(self) -> str | None:
        """The time left; ``None`` while it is unknown."""
        seconds = time_left(self.snapshot, self.speeds, self.job)
        return None if seconds is None else duration(seconds)


class Display:
    """Shows the run under way, be it one or one after the other."""

    def __init__(self, running: Callable[[], Run | None], *, quiet: bool) -> None:
        """Show the run that ``running`` gives, ``None`` between two; nothing at all if ``quiet``."""
        self._running = running
        self._quiet = quiet
        self._run: Run | None = None
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
                moment = self._look()
                # Between two runs, perhaps for an hour, the picture of the last one would pass for now.
                live.update("" if moment is None else panel(moment), refresh=True)
                await asyncio.sleep(_REFRESH)

    async def _lines(self) -> None:
        log = structlog.get_logger()
        while True:
            for _ in range(_PLAIN):
                self._look()  # so that the first line of a run knows speeds, too
                await asyncio.sleep(_GLANCE)
            if (moment := self._look()) is not None:
                snapshot = moment.snapshot
                log.info(
                    "harvesting",
                    dataset=moment.job.name,
                    records=snapshot.rows,
                    of=snapshot.expected,
                    partitions=snapshot.partitions,
                    requests=snapshot.requests,
                    per_second=round(moment.speeds.requests, 1),
                    retries=snapshot.retries,
                    gaps=snapshot.gaps,
                    left=moment.left,
                )

    def _look(self) -> Moment | None:
        """The run under way at this moment; ``None`` if there is nothing to show."""
        run = self._running()
        if run is not self._run:
            self._run, self._speeds = run, Speedometer()  # another run counts from zero again
        snapshot = None if run is None else run.snapshot()
        if run is None or snapshot is None:
            return None
        return Moment(run.job, snapshot, self._speeds.measure(asyncio.get_running_loop().time(), snapshot))


def panel(moment: Moment) -> Panel:
    """The picture of one moment."""
    job, snapshot, speeds = moment.job, moment.snapshot, moment.speeds
    rows = Table.grid(padding=(0, 2))
    rows.add_row(
        job.dataset.noun,
        f"{count(snapshot.rows)} of {_or_unknown(snapshot.expected)}",
        ProgressBar(total=snapshot.expected, completed=snapshot.rows, width=32),
    )
    budget = f"of {job.budget:g}/s" if job.budget else "no budget"
    rows.add_row("requests", count(snapshot.requests), f"{speeds.requests:.1f}/s {budget}")
    rows.add_row("received", amount(snapshot.received), f"{amount(speeds.received)}/s")
    rows.add_row("windows", f"{count(snapshot.windows)} proven", f"{count(snapshot.waiting)} to read")
    rows.add_row("partitions", f"{count(snapshot.partitions)} published", f"{amount(snapshot.held)} held")
    rows.add_row("retries", count(snapshot.retries), f"gaps {count(snapshot.gaps)}")
    rows.add_row("time left", moment.left or "unknown", "")
    title = Text(f"{job.name} → {job.lake}")  # as it is: "[" in a path is no markup
    return Panel(rows, title=title, title_align="left", expand=False)


def _or_unknown(number: int | None) -> str:
    return "?" if number is None else count(number)
