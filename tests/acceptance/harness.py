"""Runs the whole harvester, over real HTTP and with real signatures, against the emulator."""

import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

from harvester.api.credentials import load_credentials
from harvester.api.pacing import Pace
from harvester.config import Job
from harvester.datasets import CALLS, Dataset
from harvester.emulator import Account, Behaviour, Emulator, Faults, serve
from harvester.emulator.account import served
from harvester.emulator.render import Nested
from harvester.harvest import Backfill
from harvester.report import Report
from harvester.todo import Scope, missing
from harvester.window import Window
from tests.acceptance.oracle import Verdict, judge
from tests.keys import PRIVATE_KEY

DAY = 86_400
SPRING = 1_711_929_600  # 2024-04-01
# A tenth of the vendor's caps: with them a tenth of the records takes as many requests.
TENTH = replace(CALLS, page_size=CALLS.page_size // 10, max_offset=CALLS.max_offset // 10)


@dataclass(frozen=True, slots=True)
class Bench:
    """An emulator that is being served, and a lake beside it; its dataset is what is asked for by default."""

    account: Account
    emulator: Emulator
    endpoint: str
    folder: Path
    now: Callable[[], float] = time.time
    histories: Mapping[str, Account] = field(default_factory=dict)
    dataset: Dataset = CALLS

    def backfill(
        self,
        start: int,
        end: int,
        *,
        lake: str = "lake",
        scope: Scope = missing,
        pace: Pace | None = None,
        processes: int = 1,
        **settings: Any,
    ) -> Backfill:
        """A run over ``[start, end)``, without a budget unless ``settings`` give one."""
        path = self.folder / "key.json"
        if not path.exists():
            path.touch(mode=0o600)
            path.write_text(json.dumps(self.emulator.credentials("Owner")))
        dataset = settings.get("dataset", self.dataset)
        settings = {"name": dataset.name, "dataset": dataset, "rate": None, **settings}
        job = Job(
            window=Window(start, end),
            lake=self.folder / lake,
            credentials=path,
            endpoint=self.endpoint,
            **settings,
        )
        credentials, _ = load_credentials(path)
        return Backfill(job, credentials, scope=scope, now=self.now, pace=pace, processes=processes)

    async def harvest(self, start: int, end: int, **settings: Any) -> Report:
        """Run over ``[start, end)`` to the end."""
        return await self.backfill(start, end, **settings).run()

    def verdict(self, start: int, end: int, *, lake: str = "lake", dataset: Dataset | None = None) -> Verdict:
        """How the lake differs from the account's records in ``[start, end)``."""
        dataset = dataset or self.dataset
        account = self.histories.get(dataset.name, self.account)
        return judge(self.folder / lake, served(account, start, end, Nested()), dataset=dataset)


@asynccontextmanager
async def bench(
    folder: Path,
    account: Account,
    behaviour: Behaviour | None = None,
    faults: Faults | None = None,
    *,
    histories: Mapping[str, Account] = MappingProxyType({}),
    dataset: Dataset = CALLS,
) -> AsyncIterator[Bench]:
    """Serve ``account`` on loopback under the caps of ``dataset``, and its other ``histories``."""
    behaviour = behaviour or Behaviour()
    if dataset is not CALLS:
        behaviour = replace(behaviour, page_size=dataset.page_size, max_offset=dataset.max_offset)
    emulator = Emulator(account, behaviour, faults or Faults(), histories=histories, private_key=PRIVATE_KEY)
    async with serve(emulator) as endpoint:
        yield Bench(account, emulator, endpoint, folder, histories=histories, dataset=dataset)


small_bench = partial(bench, dataset=TENTH)
