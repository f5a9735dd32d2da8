"""The owner of the lake, when several processes harvest: it has lock, ledger, budget and what is to be done.

::

    coordinator ──stretches, permits──▶ workers: lease … publish
         ▲                                 │
         └── ledger: intents, windows ─────┘

A worker is a process with the same pipeline as ever. Whatever it would write into the ledger it has written
by the coordinator, which serves one call after the other, so that there is one owner, one connection and one
epoch. One that dies ends the run; what it had not finished, the next run does.
"""

import asyncio
import socket
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NoReturn

import structlog

from harvester.api.pacing import Pace
from harvester.config import Job
from harvester.errors import ConfigError, WorkerLostError
from harvester.lake import quarantine
from harvester.lake.catalog import Catalog
from harvester.lake.ledger import Ledger
from harvester.processes.forks import exit_code, started
from harvester.processes.messages import Order, packed, receive
from harvester.processes.permits import DOORS, Dealer, Permits
from harvester.processes.worker import work
from harvester.report import Figures, total
from harvester.task_group import TaskGroup
from harvester.todo import Stretch

_log = structlog.get_logger()


def check(job: Job, processes: int) -> None:
    """Make sure that several processes can share a job.

    Raises:
        ConfigError: They cannot.
    """
    if processes < 1:
        raise ConfigError("--processes must be at least 1")
    if processes == 1:
        return
    if job.way != "pages":
        raise ConfigError(
            f"--processes {processes} is for what is read by pages; a report is waited for, and read in one"
            " piece: leave it out"
        )
    if job.concurrency < processes:
        raise ConfigError(
            f"--concurrency {job.concurrency} leaves some of {processes} processes without a request in"
            " flight: raise it, or lower --processes"
        )


class Coordinator:
    """Has workers harvest the stretches of a run."""

    def __init__(
        self,
        order: Order,
        ledger: Ledger,
        catalog: Catalog,
        stretches: Sequence[Stretch],
        *,
        processes: int,
        lock: int | None,
        pace: Pace,
    ) -> None:
        """Prepare; no process is started yet.

        Args:
            order: What there is to do; its job is that of the whole run.
            ledger: Of the lake that this process owns.
            catalog: Likewise.
            stretches: What is to be harvested, oldest first.
            processes: How many workers, at most.
            lock: The file descriptor by which the lake is owned; the workers hold it, too.
            pace: Has the pause that the workers must keep first, and hears of those they are asked for.
        """
        self._order = order
        self._stretches = deque(stretches)
        self._processes = min(processes, len(stretches))
        self._lock = lock
        self._pace = pace
        self._figures: dict[int, Figures] = {}
        self._finished: set[int] = set()  # workers that have done all they took
        self._lines: dict[int, asyncio.StreamWriter] = {}
        self._calls: dict[str, Callable[..., Any]] = {
            "facts": ledger.facts,
            "learn": ledger.learn,
            "record": ledger.record,
            "keep": partial(quarantine.keep, order.layout.quarantine),
            "coverage": catalog.coverage,
            "published": catalog.published,
            "has_file": catalog.has_file,
            "has_gap": catalog.has_gap,
            "has_damage": catalog.has_damage,
            "intend": catalog.intend,
            "publish": catalog.publish,
        }

    async def run(self, run: int) -> None:
        """Harvest all stretches, as the run of this number.

        Raises:
            ExceptionGroup: The first failure of a worker; all others were ended.
        """
        rate = self._order.job.budget
        doors = {} if rate is None else {name: Permits(rate) for name in DOORS}
        async with TaskGroup() as group:
            for number in range(self._processes):
                group.create_task(self._employ(number, run, doors), name=f"worker {number}")

    def stop(self) -> None:
        """Hand out nothing more, and let the workers finish their windows."""
        self._stretches.clear()
        for number in self._lines:
            self._send(number, "stop")

    @property
    def figures(self) -> Figures:
        """What all workers have done, and what waits for them."""
        waiting = sum(len(item.leases) for item in self._stretches)
        return total([Figures(waiting=waiting), *self._figures.values()])

    async def _employ(self, number: int, run: int, doors: dict[str, Permits]) -> None:
        """Start a worker, and serve it to its end."""
        with started(work, self._lock) as (process, books, line):
            reader, self._lines[number] = await asyncio.open_connection(sock=line)
            dealers = {
                name: Dealer(door, partial(self._send, number, "granted", name))
                for name, door in doors.items()
            }
            try:
                async with TaskGroup() as group:
                    company = [group.create_task(self._listen(number, reader, dealers))]
                    company += [group.create_task(dealer.deal()) for dealer in dealers.values()]
                    await self._serve(number, run, books)
                    for task in company:
                        task.cancel()
            finally:
                self._lines.pop(number).close()
                for dealer in dealers.values():
                    dealer.close()
            if (code := exit_code(process)) or number not in self._finished:
                raise WorkerLostError(code)

    async def _serve(self, number: int, run: int, books: socket.socket) -> None:
        """Carry out the calls of a worker until it is gone."""
        reader, writer = await asyncio.open_connection(sock=books)
        job = self._order.job

        def begin() -> Order:
            share, more = divmod(job.concurrency, self._processes)
            part = replace(job, concurrency=share + (number < more), memory=job.memory // self._processes)
            level, pause = _log.get_effective_level(), self._pace.rest
            return replace(self._order, job=part, run=run, level=level, pause=pause)

        def follow() -> Stretch | None:
            return self._stretches.popleft() if self._stretches else None

        def finish(figures: Figures) -> None:
            self._figures[number] = figures
            self._finished.add(number)

        def fail(error: BaseException, figures: Figures) -> NoReturn:
            self._figures[number] = figures  # what it asked is told, whatever came of it
            raise error

        calls: Mapping[str, Callable[..., Any]]
        calls = {**self._calls, "order": begin, "next": follow, "finish": finish, "fail": fail}
        calls["freeze"] = partial(self._freeze, number)
        try:
            while (call := await receive(reader)) is not None:
                name, arguments, named = call
                writer.write(packed(calls[name](*arguments, **named)))
        finally:
            writer.close()

    async def _listen(self, number: int, reader: asyncio.StreamReader, dealers: dict[str, Dealer]) -> None:
        while (message := await receive(reader)) is not None:
            match message:
                case ("want", door, count):
                    dealers[door].want(count)
                case ("used", door, count):
                    dealers[door].used(count)
                case ("figures", figures):
                    if number not in self._finished:  # they may arrive later than the last ones
                        self._figures[number] = figures
                case ("log", method, event):
                    getattr(_log, method)(**event)
                case _:  # pragma: no cover  (both ends are of one version)
                    raise ValueError(message)

    def _freeze(self, number: int, seconds: float, since: float | None, refused: float | None) -> None:
        """Have all others keep the pause that a worker was asked for, and whoever asks after this run."""
        self._pace.freeze(seconds, since=since)
        for other in self._lines.keys() - {number}:
            self._send(other, "freeze", seconds, since, refused)

    def _send(self, number: int, *message: object) -> None:
        self._lines[number].write(packed(message))
