"""The composition root: opens everything one backfill needs, in order, and closes it in reverse."""

import time
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import replace
from random import Random

from harvester.api.client import Client
from harvester.api.connection import connected
from harvester.api.credentials import Credentials
from harvester.api.pacing import Pace
from harvester.api.persistence import Meter
from harvester.api.via import Via
from harvester.config import Job
from harvester.lake.catalog import Catalog
from harvester.lake.database import Database
from harvester.lake.layout import Granularity, Layout
from harvester.lake.ledger import Ledger
from harvester.lake.opening import entered
from harvester.lake.publish import recover
from harvester.lake.sink import Sink
from harvester.lake.spool import Spool
from harvester.lake.table import table_of
from harvester.pipeline import Pipeline, fetchers
from harvester.plan.density import Density
from harvester.plan.estimate import estimate
from harvester.plan.frontier import Frontier, Lease
from harvester.readers import reader_of
from harvester.records.orderly import OrderlyReader
from harvester.records.redaction import Redaction
from harvester.report import Report, Snapshot
from harvester.todo import Scope, leases, missing
from harvester.window import Window, merged


class Backfill:
    """One run over one job."""

    def __init__(
        self,
        job: Job,
        credentials: Credentials,
        *,
        scope: Scope = missing,
        now: Callable[[], float] = time.time,
        random: Random | None = None,
        pace: Pace | None = None,
    ) -> None:
        """Prepare; nothing is opened yet.

        Args:
            job: What to harvest, from where to where.
            credentials: Whose history.
            scope: Says which seconds to prove.
            now: Gives Unix time.
            random: Spreads retries; seeded by the system if ``None``.
            pace: Of whoever runs one after the other; the job's own budget if ``None``.
        """
        self._job = job
        self._scope = scope
        self._credentials = credentials
        self._now = now
        self._random = random
        self._pace = pace
        self._layout = Layout(job.lake, job.name, job.table_names)
        self._spool = Spool(self._layout.spool, keep=self._layout.raw if job.keep_raw else None)
        redaction = Redaction.of(job.dataset, urls=job.redact_urls, key=job.number_key)
        self._quick = OrderlyReader(job.dataset, redaction).read
        self._meter = Meter()
        self._pipeline: Pipeline | None = None
        self._stopped = False

    async def run(self) -> Report:
        """Harvest what is not published yet.

        Raises:
            ConfigError: The range, the lake or the endpoint is not usable; nothing was asked.
            LakeLockedError: Another run owns the lake, or has taken it over.
            ExceptionGroup: The API refused or could not be reached, or the disk refused; what is published
                stays, and the next run goes on from there.
        """
        self._job.settled(self._now())  # a range in the future is refused before anything is made
        self._layout.make()
        with entered(self._layout, started=self._now()) as database:
            return await self.within(database)

    async def within(self, database: Database) -> Report:
        """The same for whoever owns the lake already, and has made the dataset's folders.

        Raises:
            Exception: As ``run``.
        """
        job, started = self._job, self._now()
        settled = job.settled(started)
        async with AsyncExitStack() as stack:
            ledger, catalog = Ledger(database, job.name), Catalog(database, job.name)
            ledger.claim(self._credentials.account_id, job.identity, started)
            recover(self._layout, catalog)
            catalog.forget_published()
            self._spool.keep_only(ledger.window_starts())  # also by a run that finds nothing to do
            todo = self._scope(ledger, catalog, settled, Granularity(job.partition))
            report = Report(outcome="complete", asked=job.window, settled=settled, covered=not todo)
            if not todo:
                return report
            client = await stack.enter_async_context(
                connected(
                    job,
                    self._credentials,
                    self._meter,
                    now=self._now,
                    random=self._random,
                    pace=self._pace,
                    quick=self._quick,
                )
            )
            thread = stack.enter_context(ThreadPoolExecutor(1, thread_name_prefix="writer"))
            reader, windows = await self._reader(ledger, client, todo)
            run = ledger.begin(job.window, started)
            sink = self._sink(run, todo, reader, catalog, thread)
            self._pipeline = self._compose(run, windows, reader, ledger, sink)
            try:
                await self._harvest(self._pipeline)
                report = self._report(self._pipeline, replace(report, run=run))
            except BaseException:
                report = replace(self._report(self._pipeline, replace(report, run=run)), outcome="failed")
                raise
            finally:
                report = replace(report, seconds=self._now() - started)
                ledger.end(run, started + report.seconds, report.outcome, report.as_json())
        return report

    def stop(self) -> None:
        """Finish the windows being read, publish what they complete, leave the rest to the next run."""
        self._stopped = True
        if self._pipeline is not None:
            self._pipeline.frontier.close()
            self._pipeline.reader.leave()

    @property
    def left(self) -> list[int]:
        """When the records happened that were received and left to a later run, Unix seconds."""
        return [] if self._pipeline is None else sorted(self._pipeline.progress.left)

    def snapshot(self) -> Snapshot | None:
        """Where the run is now; ``None`` before it has begun to ask."""
        if self._pipeline is None:
            return None
        progress, frontier, sink = self._pipeline.progress, self._pipeline.frontier, self._pipeline.sink
        return Snapshot(
            rows=progress.rows + progress.quarantined,
            expected=None if progress.forecast is None else progress.forecast + progress.replayed,
            windows=progress.windows,
            waiting=frontier.windows,
            partitions=sink.published.partitions,
            requests=self._meter.requests,
            retries=self._meter.retries,
            received=self._meter.bytes_received,
            held=sink.held_bytes,
            gaps=len(progress.gaps),
            paused=self._meter.pauses,
        )

    async def _reader(
        self, ledger: Ledger, client: Client, todo: tuple[Window, ...]
    ) -> tuple[Via, list[Lease]]:
        windows = leases(ledger, todo)
        self._spool.keep_only(ledger.window_starts())
        return await reader_of(
            self._job, client, self._spool, ledger.facts(), windows, now=self._now, quick=self._quick
        )

    def _sink(
        self, run: int, todo: tuple[Window, ...], reader: Via, catalog: Catalog, thread: Executor
    ) -> Sink:
        return Sink(
            self._layout,
            table_of(self._job, self._credentials.account_id),
            catalog,
            self._spool,
            todo=todo,
            replay=reader.replay,
            run=run,
            thread=thread,
            memory=self._job.memory,
        )

    def _compose(self, run: int, windows: list[Lease], reader: Via, ledger: Ledger, sink: Sink) -> Pipeline:
        job, density = self._job, Density(ledger.facts())
        readers = fetchers(job.concurrency)
        return Pipeline(
            frontier=Frontier(windows, density, reach=reader.reach, fetchers=readers),
            density=density,
            reader=reader,
            ledger=ledger,
            sink=sink,
            quarantine=self._layout.quarantine,
            time_field=job.dataset.time_field,
            run_number=run,
            fetchers=readers,
            memory=job.memory // 2,
        )

    async def _harvest(self, pipeline: Pipeline) -> None:
        if self._stopped:
            pipeline.frontier.close()
            pipeline.reader.leave()
        try:
            await pipeline.run()
            if self._job.allow_gaps and not self._stopped:
                await pipeline.sink.flush_with_gaps()
        finally:
            pipeline.sink.abort()

    def _report(self, pipeline: Pipeline, report: Report) -> Report:
        progress, published = pipeline.progress, pipeline.sink.published
        job = self._job
        planned = None
        if progress.forecast is not None and not pipeline.reader.ordered:
            planned = estimate(
                progress.forecast,
                progress.spans,
                page_size=pipeline.reader.page_size,
                reach=pipeline.reader.reach,
                fetchers=pipeline.fetchers,
                rate=job.budget,
            ).requests
        return replace(
            report,
            outcome="gaps" if progress.gaps else "interrupted" if self._stopped else "complete",
            rows=progress.rows,
            replayed=progress.replayed,
            quarantined=progress.quarantined,
            windows=progress.windows,
            partitions=published.partitions,
            published_rows=published.rows,
            published_bytes=published.bytes,
            requests=self._meter.requests,
            planned=planned,
            retries=self._meter.retries,
            received=self._meter.bytes_received,
            paused=self._meter.pauses,
            gaps=tuple(progress.gaps),
            running=merged(progress.running),
            stale=progress.stale,
            withheld=pipeline.sink.unfinished,
            unknown=tuple(sorted(pipeline.reader.unknown.items())),
            reports=pipeline.reader.ordered,
            lacking=pipeline.reader.lacking,
        )
