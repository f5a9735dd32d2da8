"""A service that keeps a lake up to date, in virtual time, beside an account that lives."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any

from harvester.api.credentials import load_credentials
from harvester.config import Job
from harvester.datasets import CALLS
from harvester.emulator import Behaviour, Emulator, Faults, serve
from harvester.health import HealthFile
from harvester.look_back import LookBack
from harvester.round import Round
from harvester.service import Service, Settings
from harvester.window import Window
from tests.acceptance.harness import DAY, SPRING
from tests.acceptance.living import Living, LivingAccount
from tests.acceptance.oracle import Verdict, judge
from tests.keys import PRIVATE_KEY

END_OF_TIME = 253_402_300_799
NO_FAULTS = Faults()
TWO_DAYS = LookBack()
HOUR = 3_600
BEGINS = SPRING + 3 * DAY + 12 * HOUR  # noon of the fourth day
SPAN = Window(SPRING, BEGINS - HOUR)


@dataclass(frozen=True, slots=True)
class Watched:
    """An account that is being served, a lake beside it, and services to start.

    Attributes:
        account: Lives by the wall clock.
        emulator: Serves it.
        endpoint: Where.
        folder: Holds the lake.
        begins: Unix time at the loop's time 0.
        page_size: The API's cap on a page; paging reaches ten of them.
        rounds: All that were told, in order.
    """

    account: LivingAccount
    emulator: Emulator
    endpoint: str
    folder: Path
    begins: float
    page_size: int
    rounds: list[Round] = field(default_factory=list)

    def now(self) -> float:
        """The wall clock."""
        return self.begins + asyncio.get_running_loop().time()

    @property
    def health(self) -> Any:
        """What the health file says."""
        return json.loads((self.folder / "health.json").read_text())

    def job(self, start: int, **settings: Any) -> Job:
        """All history from ``start`` on."""
        dataset = replace(CALLS, page_size=self.page_size, max_offset=9 * self.page_size)
        settings = {"name": "calls", "dataset": dataset, "lake": self.folder / "lake", **settings}
        return Job(
            window=Window(start, END_OF_TIME),
            credentials=self.folder / "key.json",
            endpoint=self.endpoint,
            **settings,
        )

    def service(
        self,
        *jobs: Job,
        every: float | None = None,
        look_back: LookBack = TWO_DAYS,
        tell: Callable[[Round], None] | None = None,
    ) -> Service:
        """A service over ``jobs`` that writes down its rounds."""

        def told(done: Round) -> None:
            self.rounds.append(done)
            if tell is not None:
                tell(done)

        health = HealthFile(self.folder / "health.json")
        credentials, _ = load_credentials(self.folder / "key.json")
        settings = Settings(look_back=look_back, every=every, health=health, tell=told)
        chance = Random(7)  # noqa: S311  (spreads rounds)
        return Service(jobs, credentials, settings, now=self.now, random=chance)

    async def once(self, job: Job, **settings: Any) -> Round:
        """One round, and what it fills."""
        (done,) = await self.service(job, **settings).run()
        return done

    async def serve_until(self, second: float, *jobs: Job, every: float, **settings: Any) -> list[Round]:
        """A service until Unix time ``second``, then asked to stop."""
        service = self.service(*jobs, every=every, **settings)
        asyncio.get_running_loop().call_later(second - self.now(), service.stop)
        return await service.run()

    def verdict(self, window: Window) -> Verdict:
        """How the lake differs from the account in ``window``."""
        return judge(self.folder / "lake", self.account.sessions(window.start, window.end))


@asynccontextmanager
async def watched(
    folder: Path, account: LivingAccount, begins: float, *, page_size: int = 50, faults: Faults = NO_FAULTS
) -> AsyncIterator[Watched]:
    """Serve ``account`` on loopback; the loop's time 0 is Unix time ``begins``."""

    def now() -> float:
        return begins + asyncio.get_running_loop().time()

    emulator = Emulator(
        account,
        Behaviour(page_size=page_size, max_offset=9 * page_size),
        faults,
        now=now,
        watch=lambda _: account.advance(now()),
        private_key=PRIVATE_KEY,
    )
    key = folder / "key.json"
    key.touch(mode=0o600)
    key.write_text(json.dumps(emulator.credentials("Owner")))
    async with serve(emulator) as endpoint:
        yield Watched(account, emulator, endpoint, folder, begins, page_size)


def counts(rounds: Sequence[Round]) -> int:
    """Partitions that were counted."""
    return sum(len(done.counts) for done in rounds)


def each(seconds: int, *special: Living, span: Window = SPAN) -> LivingAccount:
    """A session every so many seconds, and special ones, as they are at noon of the fourth day."""
    taken = {session.second for session in special}
    plain = [Living(second, second) for second in range(span.start, span.end, seconds) if second not in taken]
    return LivingAccount([*plain, *special], BEGINS)


async def passing(hours: float) -> None:
    """Let time pass."""
    await asyncio.sleep(hours * HOUR)


def read(it: Watched) -> list[str]:
    """What was asked for since the last look, without counts."""
    asked = [item.parameters for item in it.emulator.requests if item.parameters["count"] != "1"]
    it.emulator.reset()
    return [f"{item['from_date']} {item['offset']}" for item in asked]
