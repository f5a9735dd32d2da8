"""A worker process: harvests stretches for a coordinator, until there are no more.

It owns nothing: what it decides on is in the ledger, by the coordinator's hand, before anybody can see it.
When the coordinator dies it ends at the next step of its loop, and until then it holds the lock of the lake.
"""

import asyncio
import os
import signal
import socket
import sys
import time
import traceback
from collections.abc import MutableMapping
from functools import partial
from typing import Any, NoReturn

import structlog

from harvester.api.connection import connected
from harvester.api.persistence import Meter
from harvester.errors import HarvestError, first_failure
from harvester.processes.messages import Caller, Order, orphaned, packed, receive
from harvester.processes.permits import SharedPace
from harvester.processes.remote import RemoteCatalog, RemoteLedger
from harvester.report import Figures, total
from harvester.task_group import TaskGroup
from harvester.todo import Stretch
from harvester.work import Work, Workbench, quick_of, spool_of, workplace

_REFRESH = 0.25  # seconds between two reports
_ABREAST = 2  # stretches: one that ends, and the next
_PLAIN = (bool, int, float, str, type(None))


class Worker:
    """One process of a run."""

    def __init__(self, order: Order, call: Caller, line: asyncio.StreamWriter) -> None:
        """Prepare to do what ``order`` says; ``call`` waits for its answers, ``line`` does not."""
        self._order = order
        self._call = call
        self._line = line
        # A pause is told as a failure is, and so before it: the request that was told of it may be the last.
        tell = partial(call, "freeze")
        self._pace = SharedPace(order.job.budget, self._send, tell)
        self._pace.frozen(order.pause)
        self._meter = Meter()
        self._done = Figures()
        self._works: list[Work] = []  # what it is at
        self._stopped = False
        self._loop = asyncio.get_running_loop()

    async def run(self, reader: asyncio.StreamReader) -> None:
        """Harvest stretches until there are no more.

        Raises:
            ExceptionGroup: What ended the work on one of them.
        """
        async with TaskGroup() as group:
            company = [group.create_task(self._listen(reader)), group.create_task(self._tell())]
            await self._harvest()
            for task in company:
                task.cancel()

    def log(self, _logger: object, method: str, event: MutableMapping[str, Any]) -> str:
        """Have the coordinator log a line; a processor of structlog."""
        plain = {name: value if isinstance(value, _PLAIN) else str(value) for name, value in event.items()}
        self._loop.call_soon_threadsafe(self._send, "log", method, plain)  # the writer's thread logs, too
        raise structlog.DropEvent

    async def _harvest(self) -> None:
        order, job, quick = self._order, self._order.job, quick_of(self._order.job)
        ledger = RemoteLedger(self._call)
        asking = connected(job, order.credentials, self._meter, now=time.time, pace=self._pace, quick=quick)
        async with asking as client:
            with workplace() as thread:
                bench = Workbench(
                    job=job,
                    account_id=order.credentials.account_id,
                    layout=order.layout,
                    spool=spool_of(job, order.layout),
                    ledger=ledger,
                    catalog=RemoteCatalog(self._call, order.epoch),
                    client=client,
                    quick=quick,
                    thread=thread,
                    keep=ledger.keep,
                    now=time.time,
                )
                await self._take_stretches(bench)
        self._call("finish", self.figures)

    async def _take_stretches(self, bench: Workbench) -> None:
        """Harvest stretches to the last; the next one begins while the windows of one are still being read.

        The end of a stretch leaves fetchers idle, and so would the first page of the next.
        """
        room = asyncio.Semaphore(_ABREAST)
        async with TaskGroup() as group:
            await room.acquire()
            while (stretch := self._next()) is not None:
                work = await Work.prepared(bench, stretch)
                self._works.append(work)
                if self._stopped:
                    work.stop()
                group.create_task(self._run(work, room))
                await work.handed_out()
                await room.acquire()

    def _next(self) -> Stretch | None:
        stretch: Stretch | None = self._call("next")
        return stretch

    async def _run(self, work: Work, room: asyncio.Semaphore) -> None:
        await work.run(self._order.run)
        self._works.remove(work)
        self._done += work.figures
        room.release()

    @property
    def figures(self) -> Figures:
        """What this process has done."""
        return total([self._done, *(work.figures for work in self._works)]).with_cost(self._meter)

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        while (message := await receive(reader)) is not None:
            match message:
                case ("granted", door, count):
                    self._pace.granted(door, count)
                case ("freeze", *pause):
                    self._pace.frozen(*pause)
                case ("stop",):
                    self._stopped = True
                    for work in self._works:
                        work.stop()
                case _:  # pragma: no cover  (both ends are of one version)
                    raise ValueError(message)
        orphaned()

    async def _tell(self) -> None:
        while True:
            await asyncio.sleep(_REFRESH)
            self._send("figures", self.figures)

    def _send(self, *message: object) -> None:
        self._line.write(packed(message))


def work(books: socket.socket, line: socket.socket) -> NoReturn:
    """Be a worker: the whole life of a process.

    Args:
        books: Leads to the coordinator; the lock of the lake comes first on it.
        line: Likewise, for what nobody waits for.

    Raises:
        SystemExit: With the exit code.
    """
    os.setpgid(0, 0)  # Ctrl-C is for the coordinator, which says when to stop
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    _, _lock, _, _ = socket.recv_fds(books, 4, 1)  # open, and so held, as long as this process lives
    sys.exit(asyncio.run(_main(Caller(books), line)))


async def _main(call: Caller, line: socket.socket) -> int:
    """Do what the coordinator says; returns the exit code."""
    order: Order = call("order")
    reader, writer = await asyncio.open_connection(sock=line)
    worker = Worker(order, call, writer)
    structlog.configure(
        processors=[worker.log], wrapper_class=structlog.make_filtering_bound_logger(order.level)
    )
    try:
        await worker.run(reader)
    except Exception as error:  # noqa: BLE001  (the one place: every failure is the coordinator's to tell)
        call("fail", _tellable(first_failure(error)), worker.figures)
        return 1
    return 0


def _tellable(error: BaseException) -> BaseException:
    """What can be sent: a defect of the program as the text that a traceback is."""
    if isinstance(error, HarvestError | OSError):
        return error
    return RuntimeError("".join(traceback.format_exception(error)))
