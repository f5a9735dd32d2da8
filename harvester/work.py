"""From lease to publish: one stretch of history, by this process or by a worker of several."""

import gc
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import pyarrow as pa

from harvester.api.client import Client
from harvester.api.protocol import Quick
from harvester.api.report_source import holds_order
from harvester.api.via import Via
from harvester.config import Job
from harvester.lake.catalog import Catalog, Publications
from harvester.lake.layout import Layout
from harvester.lake.ledger import Ledger
from harvester.lake.quarantine import Misfit
from harvester.lake.sink import Sink
from harvester.lake.spool import Spool
from harvester.lake.table import table_of
from harvester.pipeline import Pipeline, Windows, fetchers
from harvester.plan.density import Density
from harvester.plan.estimate import estimate
from harvester.plan.frontier import Frontier, Lease
from harvester.readers import reader_of
from harvester.records.orderly import OrderlyReader
from harvester.records.redaction import Redaction
from harvester.report import Figures
from harvester.todo import Stretch
from harvester.window import Window

_RARELY = 1_000_000  # allocations between two collections of the youngest garbage


@dataclass(frozen=True, slots=True)
class Workbench:
    """What a process needs to work on one stretch after the other.

    Attributes:
        job: What to ask for; its concurrency and memory are those of this process.
        account_id: Whose history.
        layout: Where files go.
        spool: Where answers go.
        ledger: The windows of the run, written down by whoever owns the lake.
        catalog: The published files, likewise.
        client: Asks.
        quick: Reads answers that are as documented.
        thread: Runs what blocks on disk; one worker.
        keep: Writes down misfits.
        now: Gives Unix time.
    """

    job: Job
    account_id: int
    layout: Layout
    spool: Spool
    ledger: Windows
    catalog: Publications
    client: Client
    quick: Quick
    thread: Executor
    keep: Callable[[Window, Sequence[Misfit]], None]
    now: Callable[[], float]


class Work:
    """One stretch: its windows read, proven and published."""

    def __init__(self, bench: Workbench, stretch: Stretch, reader: Via, leases: list[Lease]) -> None:
        """Prepare to read ``leases`` by ``reader``; see ``prepared``."""
        self._bench = bench
        self._stretch = stretch
        self._reader = reader
        self._fetchers = fetchers(bench.job.concurrency)
        self._density = Density(bench.ledger.facts())
        self._frontier = Frontier(leases, self._density, reach=reader.reach, fetchers=self._fetchers)
        self._pipeline: Pipeline | None = None
        self._stopped = False

    @classmethod
    async def prepared(cls, bench: Workbench, stretch: Stretch) -> "Work":
        """Choose how each window is to be read.

        Raises:
            HarvestError: Counting was needed, and the API refuses or cannot be reached.
        """
        known = bench.ledger.facts()
        reader, leases = await reader_of(
            bench.job,
            bench.client,
            bench.spool,
            known,
            stretch.leases,
            now=bench.now,
            quick=bench.quick,
        )
        return cls(bench, stretch, reader, leases)

    async def run(self, run: int) -> None:
        """Harvest it, as the run of this number.

        Raises:
            ExceptionGroup: The API refused or could not be reached, or the disk refused; what is published
                stays.
        """
        self._pipeline = pipeline = self._composed(run)
        try:
            await pipeline.run()
            if self._bench.job.allow_gaps and not self._stopped:
                await pipeline.sink.flush_with_gaps()
        finally:
            pipeline.sink.abort()

    def stop(self) -> None:
        """Finish the windows being read, publish what they complete, leave the rest to the next run."""
        self._stopped = True
        self._reader.leave()
        self._frontier.close()

    async def handed_out(self) -> None:
        """Wait until one of its fetchers has nothing left to do: there is time to begin with another."""
        await self._frontier.handed_out()

    @property
    def figures(self) -> Figures:
        """What it has done so far, less what asking has cost."""
        pipeline, reader = self._pipeline, self._reader
        if pipeline is None:
            return Figures(waiting=self._frontier.windows)
        progress, sink = pipeline.progress, pipeline.sink
        return Figures(
            windows=progress.windows,
            waiting=self._frontier.windows,
            rows=progress.rows,
            replayed=progress.replayed,
            quarantined=progress.quarantined,
            gaps=tuple(progress.gaps),
            running=tuple(progress.running),
            left=tuple(progress.left),
            stale=progress.stale,
            forecast=progress.forecast or 0,
            planned=self._planned(pipeline),
            foreseen=0 if progress.forecast is None else self._stretch.seconds,
            partitions=sink.published.partitions,
            published_rows=sink.published.rows,
            published_bytes=sink.published.bytes,
            withheld=sink.unfinished,
            held=sink.held_bytes,
            unknown=tuple(sorted(reader.unknown.items())),
            reports=reader.ordered,
            lacking=reader.lacking,
        )

    def _planned(self, pipeline: Pipeline) -> int:
        if pipeline.progress.forecast is None:
            return 0
        return estimate(
            pipeline.progress.forecast,
            pipeline.progress.spans,
            page_size=self._reader.page_size,
            reach=self._reader.reach,
            fetchers=self._fetchers,
            rate=self._bench.job.budget,
        ).requests

    def _composed(self, run: int) -> Pipeline:
        bench, job = self._bench, self._bench.job
        sink = Sink(
            bench.layout,
            table_of(job, bench.account_id),
            bench.catalog,
            bench.spool,
            todo=self._stretch.todo,
            replay=self._reader.replay,
            run=run,
            thread=bench.thread,
            memory=job.memory,
        )
        return Pipeline(
            frontier=self._frontier,
            density=self._density,
            reader=self._reader,
            ledger=bench.ledger,
            sink=sink,
            keep=bench.keep,
            time_field=job.dataset.time_field,
            run_number=run,
            fetchers=self._fetchers,
            memory=job.memory // 2,
        )


@contextmanager
def workplace() -> Iterator[Executor]:
    """What a process needs for as long as it harvests: a thread for what blocks on disk, and frugal memory.

    Garbage is collected rarely: a page is a hundred thousand objects, none of them in cycles. Arrow allocates
    as C does: its own allocator keeps twice what pages of many small columns need.
    """
    thresholds, pool = gc.get_threshold(), pa.default_memory_pool()
    gc.set_threshold(_RARELY)
    pa.set_memory_pool(pa.system_memory_pool())
    try:
        with ThreadPoolExecutor(1, thread_name_prefix="writer") as thread:
            yield thread
    finally:
        pa.set_memory_pool(pool)
        gc.set_threshold(*thresholds)


def quick_of(job: Job) -> Quick:
    """Reads the answers to a job's questions that are as documented."""
    redaction = Redaction.of(job.dataset, urls=job.redact_urls, key=job.number_key)
    return OrderlyReader(job.dataset, redaction).read


def spool_of(job: Job, layout: Layout) -> Spool:
    """The answers of a job."""
    return Spool(layout.spool, keep=layout.raw if job.keep_raw else None)


def clear_away(job: Job, layout: Layout, ledger: Ledger, catalog: Catalog) -> None:
    """Drop the answers that nobody will ask for: of windows that are neither open nor proven.

    An order outlives its window until the seconds are published: a run over less of the range cannot use the
    report, but one over the whole, later, must not order it again.

    Raises:
        OSError: The disk refuses it.
    """
    spool, covered = spool_of(job, layout), catalog.coverage()
    needed = ledger.window_starts()
    orphans = {start for start in spool.starts - needed if not any(start in window for window in covered)}
    spool.keep_only(needed | {start for start in orphans if holds_order(spool.file(start))})
