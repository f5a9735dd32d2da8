"""The composition root: opens everything one backfill needs, in order, and closes it in reverse."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from functools import partial
from random import Random
from typing import Protocol

from harvester.api.connection import connected
from harvester.api.credentials import Credentials
from harvester.api.pacing import Pace
from harvester.api.persistence import Meter, RetryPolicy
from harvester.config import Job
from harvester.errors import HarvestError, UnavailableError
from harvester.lake import quarantine
from harvester.lake.catalog import Catalog
from harvester.lake.database import Database
from harvester.lake.layout import Granularity, Layout
from harvester.lake.ledger import Ledger
from harvester.lake.opening import entered
from harvester.lake.pause import PauseFile
from harvester.lake.publish import recover
from harvester.processes.coordinator import Coordinator, check
from harvester.processes.messages import Order
from harvester.processes.stretches import stretches
from harvester.refused import left_open, refusal_of
from harvester.report import Figures, Report, Snapshot
from harvester.todo import Scope, Stretch, doubted, missing
from harvester.window import as_text
from harvester.work import Work, Workbench, clear_away, quick_of, spool_of, workplace


class Crew(Protocol):
    """Harvests what a run is to prove."""

    async def run(self, run: int) -> None:
        """Do it, as the run of this number."""
        ...

    def stop(self) -> None:
        """Finish early, and well."""
        ...

    @property
    def figures(self) -> Figures:
        """What has been done so far."""
        ...


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
        processes: int = 1,
    ) -> None:
        """Prepare; nothing is opened yet.

        Args:
            job: What to harvest, from where to where.
            credentials: Whose history.
            scope: Says which seconds to prove.
            now: Gives Unix time.
            random: Spreads retries; seeded by the system if ``None``.
            pace: Of whoever runs one after the other; the job's own budget if ``None``.
            processes: How many are to work side by side; more than one have clocks, chance and pace of
                their own, but share its pauses.

        Raises:
            ConfigError: The job is none for several processes.
        """
        check(job, processes)
        self._job = job
        self._scope = scope
        self._credentials = credentials
        self._now = now
        self._random = random
        self._pace = pace
        self._layout = Layout(job.lake, job.name, job.table_names)
        self._meter = Meter()
        self._crew: Crew | None = None
        self._run: int | None = None
        self._seconds = 0
        self._stopped = False
        self._processes = processes

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
        try:
            return await self._within(database)
        except (HarvestError, ExceptionGroup) as error:
            refusal = refusal_of(self._job, error)
            if refusal is None:
                raise
        run, asked = self._run, self._figures.requests
        return left_open(database, self._job, self._scope, refusal, self._now(), run=run, requests=asked)

    async def _within(self, database: Database) -> Report:
        job, started = self._job, self._now()
        settled = job.settled(started)
        if not self._layout.spool.is_dir():  # taken back since they were made
            self._layout.make()
        async with AsyncExitStack() as stack:
            ledger, catalog = Ledger(database, job.name), Catalog(database, job.name)
            ledger.claim(self._credentials.account_id, job.identity, started)
            recover(self._layout, catalog)
            catalog.forget_published()
            granularity = Granularity(job.partition)
            todo = self._scope(ledger, catalog, settled, granularity)
            parts = stretches(ledger, todo, granularity, self._processes)
            clear_away(job, self._layout, ledger, catalog)  # also by a run that finds nothing to do
            report = Report(outcome="complete", asked=job.window, settled=settled, covered=not todo)
            doubts = partial(doubted, ledger, catalog, settled, granularity)
            if not todo:
                return report.ended(doubts())
            self._seconds = sum(window.seconds for window in todo)
            pace = self._paced()
            crew = await stack.enter_async_context(self._manned(database, ledger, catalog, parts, pace))
            run = self._run = ledger.begin(job.window, started)
            report = replace(report, run=run)
            self._crew = crew
            if self._stopped:
                crew.stop()
            try:
                await crew.run(run)
                clear_away(job, self._layout, ledger, catalog)
                report = report.of(self._figures, seconds=self._seconds)
                report = report.ended(doubts(), stopped=self._stopped)
            except BaseException as error:
                cut_off = isinstance(error, asyncio.CancelledError)  # by a second signal: nothing failed
                outcome = "interrupted" if cut_off else "failed"
                report = replace(report.of(self._figures, seconds=self._seconds), outcome=outcome)
                raise
            finally:
                report = replace(report, seconds=self._now() - started)
                ledger.end(run, started + report.seconds, report.outcome, report.as_json())
        return report

    def stop(self) -> None:
        """Finish the windows being read, publish what they complete, leave the rest to the next run."""
        self._stopped = True
        if self._crew is not None:
            self._crew.stop()

    @property
    def job(self) -> Job:
        """What it harvests."""
        return self._job

    @property
    def left(self) -> list[int]:
        """When the records happened that were received and left to a later run, Unix seconds."""
        return sorted(self._figures.left)

    def snapshot(self) -> Snapshot | None:
        """Where the run is now; ``None`` before it has begun to ask."""
        return None if self._crew is None else self._figures.snapshot(self._seconds)

    @property
    def _figures(self) -> Figures:
        """What was done, and what this process asked for itself."""
        return Figures() if self._crew is None else self._crew.figures.with_cost(self._meter)

    @asynccontextmanager
    async def _manned(
        self, database: Database, ledger: Ledger, catalog: Catalog, parts: list[Stretch], pace: Pace
    ) -> AsyncIterator[Crew]:
        """Who does the work: this process, or several."""
        if self._processes == 1:
            async with self._alone(ledger, catalog, *parts, pace=pace) as work:
                yield work
            return
        order = Order(self._job, self._credentials, self._layout, catalog.epoch)
        lock, processes = database.lock, self._processes
        yield Coordinator(order, ledger, catalog, parts, processes=processes, lock=lock, pace=pace)

    @asynccontextmanager
    async def _alone(
        self, ledger: Ledger, catalog: Catalog, whole: Stretch, *, pace: Pace
    ) -> AsyncIterator[Crew]:
        quick = quick_of(self._job)
        asking = connected(
            self._job,
            self._credentials,
            self._meter,
            now=self._now,
            random=self._random,
            pace=pace,
            quick=quick,
        )
        async with asking as client:
            with workplace() as thread:
                bench = Workbench(
                    job=self._job,
                    account_id=self._credentials.account_id,
                    layout=self._layout,
                    spool=spool_of(self._job, self._layout),
                    ledger=ledger,
                    catalog=catalog,
                    client=client,
                    quick=quick,
                    thread=thread,
                    keep=partial(quarantine.keep, self._layout.quarantine),
                    now=self._now,
                )
                yield await Work.prepared(bench, whole)

    def _paced(self) -> Pace:
        """The pace of the run, which keeps the pause that the API asked an earlier process for."""
        pace, kept = self._pace or Pace(self._job.budget), PauseFile.of(self._layout)
        left = kept.left(now := self._now())
        if left > RetryPolicy().longest_pause:
            until = as_text(int(now + left) + 1)
            raise UnavailableError(f"the API asked for a pause until {until} UTC: nothing is asked before")
        pace.freeze(left)
        pace.told = lambda seconds: kept.keep(seconds, self._now())
        return pace
