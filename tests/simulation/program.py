"""The commands of one life of the program, composed as the command line does."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

from harvester.api.credentials import Credentials
from harvester.config import Job
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
from tests.simulation.scenario import Life, Scenario
from tests.simulation.watch import Teller

_ENDPOINT = "http://127.0.0.1:1"


@dataclass(frozen=True, slots=True)
class Program:
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


def job_of(scenario: Scenario, life: Life, lake: Path) -> Job:
    """What a life is to harvest, and how."""
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
