"""``sync`` as a service: round after round, and between them, what is left of the budget fills the history.

::

    round ──▶ fill, newest first, until the next round is due ──▶ wait ──▶ round ──▶ …

One owner of the lake and one pace for all of it. A round that fails is told, and the next one tries again;
what no other round can mend ends the service.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from random import Random
from typing import TypeVar

import structlog

from harvester.api.credentials import Credentials
from harvester.api.pacing import Pace
from harvester.config import Job
from harvester.errors import (
    DatasetError,
    HarvestError,
    LakeLockedError,
    RefusedError,
    RequestError,
    TokenError,
    ZoneError,
    first_failure,
    is_of_all,
)
from harvester.harvest import Backfill
from harvester.health import Health, HealthFile
from harvester.lake.database import Database
from harvester.lake.layout import Layout
from harvester.lake.opening import entered
from harvester.look_back import LookBack
from harvester.round import Round
from harvester.sync import Sync

Done = TypeVar("Done")

_log = structlog.get_logger()
_JITTER = 0.1  # of the interval, either way: services that were started together do not ask together for ever
# No later round mends them, and perhaps they are of one dataset only.
_REFUSALS = (RefusedError, TokenError, ZoneError, RequestError, DatasetError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How a service goes on.

    Attributes:
        look_back: What to look at again.
        every: Seconds from the start of one round to that of the next; ``None`` for one round alone.
        health: Where it is told how it does.
        tell: Is called with each round, when it is over.
    """

    look_back: LookBack
    every: float | None = None
    health: HealthFile
    tell: Callable[[Round], None] = lambda _round: None


class Service:
    """Keeps datasets of one lake up to date."""

    def __init__(
        self,
        jobs: Sequence[Job],
        credentials: Credentials,
        settings: Settings,
        *,
        now: Callable[[], float] = time.time,
        random: Random | None = None,
    ) -> None:
        """Prepare; nothing is opened yet.

        Args:
            jobs: One for each dataset, all of one lake; at least one.
            credentials: Whose history.
            settings: How to go on.
            now: Gives Unix time.
            random: Spreads rounds and retries; seeded by the system if ``None``.
        """
        self.current: Sync | None = None
        self._jobs = jobs
        self._credentials = credentials
        self._settings = settings
        self._now = now
        self._random = random or Random()  # noqa: S311  (spreads rounds; guards nothing)
        self._stopping = asyncio.Event()
        self._health = Health(lake=jobs[0].lake.absolute())
        self._failed: dict[str, BaseException] = {}

    async def run(self) -> list[Round]:
        """Go round until stopped, or once.

        Returns:
            The last round of each dataset that had one.

        Raises:
            HarvestError: What another round cannot mend; or, without ``every``, what failed in the one round.
            OSError: The disk refuses, without ``every``.
            ExceptionGroup: A defect.
        """
        layout = Layout(self._jobs[0].lake, "")
        for job in self._jobs:
            Layout(job.lake, job.name, job.table_names).make()
        self._health, owner = self._settings.health.begun(layout.root), False
        try:
            with entered(layout, started=self._now()) as database:
                owner = True
                self._settings.health.tell(self._health)
                syncs = self._syncs(database)
                while not self._stopping.is_set():
                    await self._turn(syncs)
        except BaseException as error:
            if not owner and isinstance(error, LakeLockedError):
                raise  # whoever owns the lake tells how it does, in that file perhaps
            told = self._health.seen({}, {**self._failed, "service": first_failure(error)})
            self._settings.health.tell(replace(told, state="ended", due=None))
            raise
        self._settings.health.tell(replace(self._health, state="ended", due=None))
        return list(self._health.datasets.values())

    def stop(self) -> None:
        """Finish the windows being read, publish what they complete, and end."""
        self._stopping.set()
        if self.current is not None:
            self.current.stop()

    @property
    def running(self) -> Backfill | None:
        """The run under way, of whichever dataset; ``None`` between two."""
        return None if self.current is None else self.current.running

    async def _turn(self, syncs: Sequence[Sync]) -> None:
        """One round of every dataset, and what there is time for until the next."""
        loop, every = asyncio.get_running_loop(), self._settings.every
        wait = None if every is None else every * self._random.uniform(1 - _JITTER, 1 + _JITTER)
        due, began = None if wait is None else loop.time() + wait, self._now()
        self._failed = {}
        rounds = [await self._tried(sync, sync.round) for sync in syncs if not self._stopping.is_set()]
        done = {item.name: item for item in rounds if item is not None}
        self._health = self._health.after(
            done,
            self._failed,
            began=began,
            ended=self._now(),
            due=None if wait is None else began + wait,
        )
        self._settings.health.tell(self._health)
        for item in done.values():
            self._settings.tell(item)
        self._judge(syncs, last=False)
        await self._fill([sync for sync in syncs if sync.job.name in done], due)
        if due is None:
            self._judge(syncs, last=True)
            self._stopping.set()
        with suppress(TimeoutError):
            async with asyncio.timeout_at(due):
                await self._stopping.wait()

    def _judge(self, syncs: Sequence[Sync], *, last: bool) -> None:
        """End, if no other round would help, or this was the last: other datasets have had their share."""
        failures = list(self._failed.values())
        hopeless = len(failures) == len(syncs) and all(isinstance(error, _REFUSALS) for error in failures)
        if failures and (hopeless or last):
            raise failures[0]

    async def _fill(self, syncs: Sequence[Sync], due: float | None) -> None:
        """Fill the history, newest first, dataset by dataset, until the next round is due."""
        loop = asyncio.get_running_loop()
        for sync in syncs:
            while not self._stopping.is_set() and (due is None or loop.time() < due):
                alarm = None if due is None else loop.call_at(due, sync.pause)
                try:
                    report = await self._tried(sync, sync.fill)
                finally:
                    if alarm is not None:
                        alarm.cancel()
                if report is None:
                    break
                _log.info("history", dataset=sync.job.name, window=str(report.asked), rows=report.rows)
                self._health = self._health.seen({sync.job.name: sync.look()}, self._failed)
                self._settings.health.tell(self._health)
        if self._failed:
            self._health = self._health.seen({}, self._failed)
            self._settings.health.tell(self._health)

    async def _tried(self, sync: Sync, work: Callable[[], Awaitable[Done]]) -> Done | None:
        """What came of it; ``None`` if it failed and another round may do better."""
        self.current = sync
        try:
            return await work()
        except (HarvestError, OSError, ExceptionGroup) as error:
            failure = first_failure(error)
            if is_of_all(failure) or not isinstance(failure, HarvestError | OSError):
                raise
            _log.warning("failed", dataset=sync.job.name, reason=str(failure))
            self._failed[sync.job.name] = failure
            return None
        finally:
            self.current = None

    def _syncs(self, database: Database) -> list[Sync]:
        pace = Pace.of(job.budget for job in self._jobs)
        return [
            Sync(
                job,
                self._credentials,
                database,
                self._settings.look_back,
                pace=pace,
                now=self._now,
                random=self._random,
            )
            for job in self._jobs
        ]
