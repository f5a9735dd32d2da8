"""One dataset kept up to date: what is new, what was left open, and what changed after it was published."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random

import structlog

from harvester.api.caps import Caps
from harvester.api.connection import connected
from harvester.api.credentials import Credentials
from harvester.api.pacing import Pace
from harvester.api.persistence import Meter
from harvester.api.question import Bounds
from harvester.api.reader import MIXED
from harvester.config import Job
from harvester.harvest import Backfill
from harvester.lake.catalog import Catalog
from harvester.lake.database import Database
from harvester.lake.entries import Suspect
from harvester.lake.layout import Granularity, Layout, partition_at
from harvester.lake.ledger import Ledger
from harvester.lake.publish import recover
from harvester.lake.quarantine import quarantined
from harvester.lake.verify import Expected
from harvester.look_back import LookBack, recountable, renewing, unfinished_in
from harvester.recount import Held, recount
from harvester.refused import refusals
from harvester.report import Report
from harvester.round import Round
from harvester.synced import Synced
from harvester.todo import Scope, outstanding, suspected
from harvester.window import Gap, Window, merged, shares

_log = structlog.get_logger()
_DAY = 86_400
_RUNS = 1_000  # are remembered: a service has a hundred a day
# So many seconds of history are filled in one go: whole partitions, of which some dozens are published.
_SLICES = {Granularity.HOUR: _DAY, Granularity.DAY: 30 * _DAY, Granularity.MONTH: 365 * _DAY}


class Sync:
    """Rounds over one dataset of a lake that somebody owns."""

    def __init__(
        self,
        job: Job,
        credentials: Credentials,
        database: Database,
        look_back: LookBack,
        *,
        pace: Pace | None = None,
        now: Callable[[], float] = time.time,
        random: Random | None = None,
    ) -> None:
        """Prepare; nothing is asked yet.

        Args:
            job: What to harvest, from where on; its end is the end of time. Its folders exist.
            credentials: Whose history.
            database: Of the lake, owned by this process.
            look_back: What to look at again.
            pace: Shared by all that this process asks; a budget for each run if ``None``.
            now: Gives Unix time.
            random: Spreads retries; seeded by the system if ``None``.
        """
        self.job = job
        self._credentials = credentials
        # What runs is left out for so long, and its neighbours stay as they were read first.
        self._look_back = replace(look_back, seconds=max(look_back.seconds, job.active_lag, 1))
        self._pace = pace
        self._now = now
        self._random = random
        self._database = database
        self._layout = Layout(job.lake, job.name, job.table_names)
        self._ledger, self._catalog = Ledger(database, job.name), Catalog(database, job.name)
        self._synced = Synced(self._ledger)
        self._granularity = Granularity(job.partition)
        self._expected = Expected(job.lake, job.dataset.time_field, job.dataset.key, {})
        self._running: Backfill | None = None
        self._stopped = self._paused = False
        self._last = Round(name=job.name, outcome="complete")
        self._unfilled: int | None = None  # history before this second was not looked at yet

    async def round(self) -> Round:
        """Read what is new, left open or unfinished; count the look-back; read anew what differs.

        Raises:
            HarvestError: The lake cannot serve it.
            ExceptionGroup: The API refuses or cannot be reached, or the disk refuses.
        """
        began = self._now()
        recover(self._layout, self._catalog)  # what a crash left in the middle is not what readers see
        settled = self.job.settled(began)
        if settled is None:
            return self._ended(Round(name=self.job.name, outcome="complete"))
        before = self._catalog.coverage()
        fresh = self._fresh(settled, before)
        waiting = self._synced.before(fresh)
        anew = await self._unfinished(fresh, before, began)
        report, left = await self._harvest(fresh, renewing(self.job, anew))
        done = Round(
            name=self.job.name, outcome=report.outcome, fresh=fresh, reports=(report,), refused=report.refused
        )
        if self._stopped or done.refused:
            return self._ended(done)
        done = await self._recounted(done, before, left)
        if done.changed:
            report, _ = await self._harvest(fresh, suspected)
            done = replace(done, reports=(*done.reports, report), refused=report.refused)
        self._ledger.forget_runs(_RUNS)
        if not done.refused and not self._stopped:
            self._synced.ended(int(began), fresh, waiting)
        return self._ended(done)

    async def fill(self) -> Report | None:
        """Fill the newest part of the history that is missing or wrong before what rounds look at.

        Returns:
            What was done; ``None`` if nothing is. A gap is tried once.

        Raises:
            ExceptionGroup: As ``round``.
        """
        settled = self.job.settled(self._now())
        if settled is None or self._stopped or self._last.refused:
            return None
        end = self._fresh(settled, self._catalog.coverage()).start
        end = end if self._unfilled is None else min(end, self._unfilled)
        history = Window(settled.start, end) if end > settled.start else None
        wanted = outstanding(self._ledger, self._catalog, history, self._granularity)
        if not wanted:
            return None
        youngest = wanted[-1].end
        start = partition_at(self._granularity, youngest - _SLICES[self._granularity]).span.start
        part = Window(max(settled.start, start), youngest)
        self._paused = False
        # Not ``renewing``: that forgets what a fill which was paused has read anew.
        report, _ = await self._harvest(part, outstanding)
        if not (self._paused or report.refused):
            self._unfilled = part.start
        self._last = replace(self._last, refused=report.refused)
        return report

    def look(self) -> Round:
        """How the dataset is now, as the last round and what was filled since left it."""
        return self._ended(self._last)

    def stop(self) -> None:
        """Finish the windows being read; a round ends early, and nothing more is filled."""
        self._stopped = True
        self.pause()

    def pause(self) -> None:
        """Finish the windows being read, and leave the rest of the present run to the next."""
        self._paused = True
        if self._running is not None:
            self._running.stop()

    @property
    def running(self) -> Backfill | None:
        """The run under way, if there is one."""
        return self._running

    def _fresh(self, settled: Window, coverage: Sequence[Window]) -> Window:
        """Whole partitions from the look-back on: what was read last, long ago perhaps, was young then."""
        since = self._synced.since(coverage[-1].end if coverage else settled.end)
        start = partition_at(self._granularity, min(settled.end, since) - self._look_back.seconds).span.start
        return Window(max(settled.start, start), settled.end)

    async def _unfinished(
        self, fresh: Window, coverage: Sequence[Window], began: float
    ) -> tuple[Window, ...]:
        """The covered seconds that are due, and hold records that are not final."""
        last = fresh.start if self._synced.last is None else self._synced.last
        due = shares(self._look_back.due(last, began, self.job.settle), fresh)
        due = [share for window in due for share in shares(coverage, window)]
        if self._look_back.reread:
            return merged(due)
        return await asyncio.to_thread(unfinished_in, self.job, self._catalog.published(fresh), due)

    async def _harvest(self, window: Window, scope: Scope) -> tuple[Report, list[int]]:
        self._running = Backfill(
            replace(self.job, window=window),
            self._credentials,
            scope=scope,
            now=self._now,
            random=self._random,
            pace=self._pace,
        )
        try:
            return await self._running.within(self._database), self._running.left
        finally:
            self._running = None

    async def _recounted(self, done: Round, before: Sequence[Window], left: Sequence[int]) -> Round:
        """Count the partitions that were published before, and suspect those that changed."""
        fresh, coverage = done.fresh, self._catalog.coverage()
        if fresh is None:
            return done
        spans = recountable(fresh, before, coverage, done.reports[0].running, self._granularity)
        if not spans:
            return done
        # Where a record runs among published ones, these stay as they were.
        left = [second for second in left if not any(second in window for window in coverage)]
        aside = quarantined(self._layout.quarantine)
        held = Held(self._expected, self._catalog.covering(fresh), aside, left)
        facts, meter = self._ledger.facts(), Meter()
        bounds, job = Bounds(facts), replace(self.job, window=fresh)
        with refusals(self.job) as refused:
            counts = await recount(
                job,
                connected(job, self._credentials, meter, now=self._now, random=self._random, pace=self._pace),
                spans,
                held,
                bounds,
                step=lambda _done: None,
                narrow=Caps(job.dataset, facts).page_size,
                mixed=facts.get(MIXED) is True,
            )
        if refused:
            return replace(done, refused=refused[0])
        self._ledger.learn(bounds.facts)
        done = replace(done, counts=tuple(counts), requests=meter.requests)
        for count in done.changed:
            _log.info("changed", dataset=done.name, window=str(count.window), what=count.text)
        suspects = [Suspect(count.window, "count", count.text) for count in done.changed]
        self._ledger.accuse("count", suspects, self._now(), within=fresh)
        return done

    def _ended(self, done: Round) -> Round:
        coverage = self._catalog.coverage()
        wrong = (Gap(suspect.window, None, 0, suspect.reason) for suspect in self._ledger.suspects())
        gaps = (*self._ledger.gaps(), *wrong)
        outcome = "interrupted" if self._stopped else "gaps" if gaps or done.refused else "complete"
        self._last = done
        return replace(
            done,
            outcome=outcome,
            requests=done.requests + sum(report.requests for report in done.reports),
            covered=coverage[-1].end if coverage else None,
            gaps=gaps,
        )
