"""The story: fetchers read windows from one frontier, one channel carries them, one sink publishes them.

::

    frontier ──lease──▶ fetchers: reader.read(window) ──▶ channel ──▶ sink: partitions, published when covered
       ▲                              │
       └─────── what is left ─────────┘

A window's answers are in the spool before its fate is in the ledger, and its fate is in the ledger before its
rows enter the channel: a kill at any line loses nothing. Shared state changes in synchronous calls only, so
there are no locks.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import ceil
from typing import Any, Protocol

import structlog

from harvester.api.reading import Harvest, Reading
from harvester.api.via import Via
from harvester.channel import Channel
from harvester.errors import RangeTooWideError
from harvester.lake.entries import ProvenWindow
from harvester.lake.quarantine import Misfit
from harvester.lake.sink import Sink
from harvester.plan.density import Density
from harvester.plan.frontier import Frontier, Lease
from harvester.task_group import TaskGroup
from harvester.window import Gap, Window

_log = structlog.get_logger()
# By one fetcher, on average: it asks for ten pages at once, but waits alone for two. Six would leave a budget
# idle when two of few fetchers wait so; with three, each fetcher more costs requests, for a spike the most.
_PAGES_IN_FLIGHT = 4


def fetchers(concurrency: int) -> int:
    """How many windows to read side by side to keep ``concurrency`` requests in flight."""
    return 1 + ceil(concurrency / _PAGES_IN_FLIGHT)


@dataclass(slots=True)
class Progress:
    """What a run has proven so far.

    Attributes:
        windows: Windows proven.
        rows: Their records.
        quarantined: Records that did not fit the schema, beside ``rows``.
        replayed: Those of ``rows`` that an earlier run had received already.
        gaps: What could not be proven.
        running: Spans left to a later run, because records in them are not final yet.
        left: When the records of these spans happened, Unix seconds.
        stale: Records taken although they claim not to be final: they are too old to wait for.
        forecast: Records that were to be fetched, by the API's first totals; ``None`` before they were known.
        spans: The separate windows that these were in.
    """

    windows: int = 0
    rows: int = 0
    quarantined: int = 0
    replayed: int = 0
    gaps: list[Gap] = field(default_factory=list)
    running: list[Window] = field(default_factory=list)
    left: list[int] = field(default_factory=list)
    stale: int = 0
    forecast: int | None = None
    spans: int = 0


class Windows(Protocol):
    """What the pipeline needs of a ``Ledger``, which may lie in another process."""

    def facts(self) -> dict[str, Any]:
        """What was learned about the API."""
        ...

    def learn(self, facts: Mapping[str, object]) -> None:
        """Keep ``facts`` beside what is known already."""
        ...

    def record(
        self,
        leased: Window,
        *,
        proven: Iterable[ProvenWindow] = (),
        waiting: Iterable[Window] = (),
        gaps: Iterable[Gap] = (),
        run: int,
    ) -> None:
        """Replace a leased window by what became of it."""
        ...


@dataclass(slots=True)
class Pipeline:
    """One run's machinery: ``fetchers`` read side by side; ``memory`` bounds the channel, in bytes."""

    frontier: Frontier
    density: Density
    reader: Via
    ledger: Windows
    sink: Sink
    keep: Callable[[Window, Sequence[Misfit]], None]
    time_field: str
    run_number: int
    fetchers: int
    memory: int
    progress: Progress = field(default_factory=Progress)
    known_facts: Mapping[str, bool | int | None] = field(default_factory=dict)

    async def run(self) -> None:
        """Read every window of the frontier and publish what they complete.

        Raises:
            ExceptionGroup: The first failure that another attempt cannot mend; everything else was cancelled.
        """
        channel: Channel[Harvest] = Channel(self.memory)
        self.progress.spans = self.frontier.windows
        await self._stages(channel)
        self.ledger.learn({**self.reader.facts, **self.density.facts})

    async def _stages(self, channel: Channel[Harvest]) -> None:
        async with TaskGroup() as stages:
            stages.create_task(self._drain(channel), name="sink")
            async with TaskGroup() as pool:
                for number in range(self.fetchers):
                    pool.create_task(self._fetch(channel), name=f"fetcher {number}")
            channel.close()

    async def _fetch(self, channel: Channel[Harvest]) -> None:
        while (lease := await self.frontier.lease()) is not None:
            # In a call of its own: what was read must not live on in a variable while the next is read.
            await self._read(lease, channel)

    async def _read(self, lease: Lease, channel: Channel[Harvest]) -> None:
        try:
            reading = self._replayed(lease)
            if reading is None:
                lease = await self._measured(lease)
                reading = await self.reader.read(lease.window)
        except RangeTooWideError as error:
            if not self.frontier.narrow(lease, error.days):
                raise  # a single second, and still too wide: asking again would never end
            return
        self._settle(lease, reading)
        if reading.harvest is not None:
            await channel.put(reading.harvest, reading.harvest.bytes)

    async def _measured(self, lease: Lease) -> Lease:
        """The part of a lease to read now: a look at a large one tells how much that is."""
        self.ledger.record(lease.window, waiting=[lease.window], run=self.run_number)
        if lease.proven:
            # Not any more: half of the new answers may hold as many records, and misfits among them are new.
            return replace(lease, proven=False)
        if self.frontier.is_large(lease):
            prospect = await self.reader.look(lease.window)
            lease = self.frontier.measured(lease, prospect.records, prospect.rate)
            # At once: the tail may be leased next, and open windows of the ledger must not overlap.
            self.ledger.record(lease.window, waiting=[lease.window], run=self.run_number)
            self._forecast()
        return lease

    async def _drain(self, channel: Channel[Harvest]) -> None:
        while (harvest := await channel.get()) is not None:
            await self.sink.take(harvest.window, harvest.batches, leave=harvest.running)
            _log.debug("published", partitions=self.sink.published.partitions, after=str(harvest.window))
            del harvest  # it would live on until the next one comes

    def _settle(self, lease: Lease, reading: Reading) -> None:
        """Write down what became of a lease, and give back what is left of it."""
        if reading.gap and reading.gap.window == lease.window and (halves := self.frontier.split(lease)):
            self.ledger.record(lease.window, waiting=halves, run=self.run_number)
            self.frontier.done(lease)
            return
        if reading.harvest is not None and not lease.proven:
            self.keep(reading.harvest.window, reading.harvest.quarantined)
        proven = list(self._proven(reading))
        gaps = [reading.gap] if reading.gap else []
        waiting = [reading.rest] if reading.rest else []
        self.ledger.record(lease.window, proven=proven, waiting=waiting, gaps=gaps, run=self.run_number)
        self.progress.gaps += gaps
        for gap in gaps:
            _log.warning("gap", window=str(gap.window), expected=gap.expected, reason=gap.reason)
        if self.reader.facts != self.known_facts:
            self.known_facts = self.reader.facts
            self.ledger.learn(self.known_facts)
        self.frontier.done(lease, reading.rest, reading.expected)
        self._forecast()

    def _forecast(self) -> None:
        """Note what is to be fetched in all, as soon as the share of every window is known."""
        if self.progress.forecast is None and (left := self.frontier.expected) is not None:
            received = self.progress.rows + self.progress.quarantined - self.progress.replayed
            self.progress.forecast = received + left

    def _proven(self, reading: Reading) -> Iterator[ProvenWindow]:
        if (harvest := reading.harvest) is not None:
            self.density.observe(harvest.window, harvest.hourly(self.time_field))
            _log.debug("proven", window=str(harvest.window), records=harvest.rows)
            self.progress.windows += 1
            self.progress.rows += harvest.rows
            self.progress.quarantined += len(harvest.quarantined)
            self.progress.running += harvest.running
            self.progress.left += harvest.left(self.time_field)
            self.progress.stale += harvest.stale
            yield ProvenWindow(harvest.window, harvest.rows)

    def _replayed(self, lease: Lease) -> Reading | None:
        """A window that an earlier run proved, if its answers still prove it."""
        reading = self.reader.replayed(lease.window, lease.expected or 0) if lease.proven else None
        if reading is not None and reading.harvest is not None:
            self.progress.replayed += reading.harvest.rows
        return reading
