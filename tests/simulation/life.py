"""One start of the program; one that may be killed has a process of its own, so that no ``finally`` runs.

What happens is told through a pipe. After every publication it waits until it was judged.
"""

import asyncio
import gc
import importlib
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from random import Random
from typing import Any, NoReturn

import structlog
from aiohttp import web

from harvester.api import transport
from harvester.api.credentials import Credentials
from harvester.cli.exit_codes import exit_code, first_failure
from harvester.config import Job
from harvester.errors import HarvestError
from harvester.harvest import Backfill
from harvester.health import HealthFile
from harvester.look_back import LookBack
from harvester.order import Order
from harvester.recordings import Recordings
from harvester.report import Report
from harvester.round import Round
from harvester.service import Service, Settings
from harvester.todo import damaged, missing
from harvester.verification import Verify
from harvester.window import Window
from tests.keys import CREDENTIALS
from tests.simulation.history import History
from tests.simulation.network import Network, connected
from tests.simulation.scenario import Life, Scenario
from tests.simulation.vendor import Memory
from tests.simulation.watch import Teller, WatchedEmulator, watching

_ENDPOINT = "http://127.0.0.1:1"
_LONGEST = 30 * 86_400.0  # virtual seconds; no life takes a month, whatever the API does
_WARNING = 30


def warm() -> None:
    """Do once what every life would do again: load what is loaded late, read the system's certificates."""
    for name in ("pandas", "pyarrow.dataset", "pyarrow.pandas_compat", "importlib.readers"):
        importlib.import_module(name)
    transport._tls = cache(transport._tls)
    transport._tls(None)
    gc.collect()
    gc.freeze()  # a collection in a fork would copy every page


def live(scenario: Scenario, number: int, lake: Path, begins: float, teller: Teller) -> None:
    """Live one life; whatever happens is told.

    Args:
        scenario: Of the seed.
        number: Which of its lives.
        lake: The lake's folder.
        begins: Unix time now.
        teller: Is told what happens.
    """
    try:
        _live(scenario, number, lake, begins, teller)
    except BaseException:  # noqa: BLE001  (told, and judged there)
        with suppress(BrokenPipeError):  # nobody listens any more: the life was judged, and found wanting
            teller.tell("broken", text=traceback.format_exc())
    finally:
        teller.close()


def _live(scenario: Scenario, number: int, lake: Path, begins: float, teller: Teller) -> None:
    life = scenario.lives[number]
    network = Network(Random(f"network {life.behaviour.seed}"), life.weather)
    asyncio.set_event_loop(network)
    teller.clock = network.time

    def wall() -> float:
        return begins + network.time()

    logs: list[str] = []
    structlog.configure(
        processors=[partial(_kept, logs)], wrapper_class=structlog.make_filtering_bound_logger(_WARNING)
    )
    history = History(scenario.sessions, begins, scenario.dataset)
    emulator = WatchedEmulator(history, life, teller, wall, Memory(lake.with_name("vendor")))
    program = _Program(
        job=_job(scenario, life, lake),
        files=scenario.files,
        life=life,
        credentials=replace(CREDENTIALS, key_id=str(emulator.credentials("Owner")["key_id"])),
        teller=teller,
        wall=wall,
    )
    with connected(network), watching(teller, lake, life.death, network):
        try:
            network.run_until_complete(_served(program, emulator, network))
        except BaseException as error:  # noqa: BLE001  (told, and judged there)
            first = first_failure(error)
            known = isinstance(first, HarvestError)
            teller.tell(
                "failed",
                error=type(first).__name__,
                code=int(exit_code(first)) if isinstance(first, HarvestError) else 1,
                text=str(first).replace(str(lake), "the lake")
                if known
                else "".join(traceback.format_exception(error)),
            )
        finally:
            _shut(network)
    teller.tell("over", wire=[[round(at, 6), asked] for at, asked in network.wire], logs=logs)


def _shut(network: Network) -> None:
    """Close it; what the server still waits for is cancelled, lest it be missed on stderr."""
    left = sorted(asyncio.all_tasks(network), key=asyncio.Task.get_name)
    for task in left:
        task.cancel()
    network.run_until_complete(asyncio.gather(*left, return_exceptions=True))
    network.close()


async def _served(program: "_Program", emulator: WatchedEmulator, network: Network) -> None:
    runner = web.AppRunner(
        emulator.application(), access_log=None, handle_signals=False, handler_cancellation=True
    )
    await runner.setup()
    assert runner.server is not None
    network.listen(runner.server)
    emulator.remember()
    async with asyncio.timeout(_LONGEST):
        await program.run()


@dataclass(frozen=True, slots=True)
class _Program:
    """The commands of one life."""

    job: Job
    files: bool
    life: Life
    credentials: Credentials
    teller: Teller
    wall: Callable[[], float]

    async def run(self) -> None:
        """Do what this life is for; the last one also verifies, and repairs what came or went too late."""
        match self.life.does:
            case "verify":
                await self._verify(ask=False)
                return
            case "sync":
                await self._sync()
                return
            case "recordings":
                await self._recordings()
                return
            case "repair":
                await self._backfill(repair=True)
            case "harvest":
                await self._backfill(repair=False)
        if self.life.last and await self._verify(ask=True):
            await self._backfill(repair=True)
            await self._verify(ask=True)
        if self.life.last and self.files:
            await self._recordings()

    async def _backfill(self, *, repair: bool) -> Report:
        backfill = Backfill(
            self.job,
            self.credentials,
            scope=damaged if repair else missing,
            now=self.wall,
            random=Random(f"retries {self.life.behaviour.seed}"),
        )
        if self.life.death.stopped is not None:
            asyncio.get_running_loop().call_later(self.life.death.stopped, backfill.stop)
        report = await backfill.run()
        self.teller.tell("ended", report=report.as_json())
        await asyncio.sleep(1)  # a command has a budget of its own, and takes longer than that to start
        return report

    async def _recordings(self) -> None:
        """Fetch the files behind what is published, and perhaps have them deleted where they were."""
        job, death = self.job, self.life.death
        order = Order(
            lake=job.lake,
            name=job.name,
            credentials=job.credentials,
            endpoint=job.endpoint,
            rate=job.rate,
            concurrency=job.concurrency,
            api_rate=job.rate,
            again=self.life.behaviour.seed % 2 == 0,
            delete=bool(self.life.delete),
            confirmed=self.life.delete == "confirmed",
        )
        chance = Random(f"retries {self.life.behaviour.seed}")
        recordings = Recordings(order, self.credentials, now=self.wall, random=chance)
        if death.stopped is not None:
            asyncio.get_running_loop().call_later(death.stopped, recordings.stop)
        report = await recordings.run()
        self.teller.tell("collected", report=report.as_json())
        await asyncio.sleep(1)

    async def _sync(self) -> None:
        """Keep the range up to date for some rounds."""
        chance = Random(f"rounds {self.life.behaviour.seed}")
        every, loop = chance.choice((60.0, 3_600.0)), asyncio.get_running_loop()

        def tell(done: Round) -> None:
            for report in done.reports if done.outcome != "interrupted" else ():
                self.teller.tell("ended", report=report.as_json())

        settings = Settings(
            look_back=LookBack(chance.choice((1, 3_600, 2 * 86_400)), reread=chance.random() < 0.2),
            every=every,
            health=HealthFile(None),
            tell=tell,
        )
        service = Service((self.job,), self.credentials, settings, now=self.wall, random=chance)
        stopped = self.life.death.stopped
        loop.call_later(chance.randint(1, 4) * every if stopped is None else stopped, service.stop)
        await service.run()
        await asyncio.sleep(1)

    async def _verify(self, *, ask: bool) -> int:
        """Verify; returns of how many spans the API counts something else, and how many are gaps."""

        def again(_name: str, _identity: Mapping[str, Any], window: Window) -> Job:
            return replace(self.job, window=window)

        job = again if ask else None
        verify = Verify(
            lake=self.job.lake,
            job=job,
            credentials=self.credentials,
            now=self.wall,
            random=Random(f"counts {self.life.behaviour.seed}"),
        )
        results = await verify.run()
        findings = [f"{item.path}: {item.text}" for result in results for item in result.findings]
        differing = sum(len(result.differing) for result in results)
        self.teller.tell("verified", findings=findings, differing=differing)
        await asyncio.sleep(1)
        return differing + sum(len(result.gaps) for result in results)


def _job(scenario: Scenario, life: Life, lake: Path) -> Job:
    return Job(
        dataset=scenario.dataset,
        name=scenario.dataset.name,
        window=life.window,
        lake=lake,
        credentials=lake / "no file",
        endpoint=_ENDPOINT,
        partition=scenario.partition,
        tables=scenario.tables,
        switches=scenario.switches,
        settle=scenario.settle,
        active_lag=scenario.active_lag,
        **life.settings,
    )


def _kept(logs: list[str], _logger: object, _name: str, event: Mapping[str, object]) -> NoReturn:
    logs.append(str(event))
    raise structlog.DropEvent
