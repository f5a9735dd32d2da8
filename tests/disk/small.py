"""The small backfill that is killed, starved and cut off everywhere: history, two runs, and a sync."""

import os
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar

from harvester import harvest
from harvester import sync as syncing
from harvester.api.envelope import Answer
from harvester.api.protocol import Page
from harvester.config import Job
from harvester.datasets import CALLS, Field, Kind
from harvester.harvest import Backfill
from harvester.health import HealthFile
from harvester.look_back import LookBack
from harvester.service import Service, Settings
from harvester.window import Window
from tests.acceptance.vendor import Session, Vendor
from tests.virtual_time import VirtualTimeLoop

Done = TypeVar("Done")

HOUR = 3_600
ACCOUNT: Any = SimpleNamespace(account_id=1)
START = 1_711_929_600 - HOUR  # an hour before a month, a day and an hour begin
# The second run covers more than the first: it replaces a file, and adds others.
RUNS = (Window(START, START + 3 * HOUR // 2), Window(START, START + 4 * HOUR))
NOW = START + 30 * 86_400.0
COLUMNS = ("call_session_history_id", "start_date", "application_id", "rule_name", "user_id")
DATASET = replace(
    CALLS,
    page_size=4,
    max_offset=4,
    fields=tuple(field for field in CALLS.fields if field.name in COLUMNS),
    running=None,
    switches={},
)
# The same with a list, so that it becomes two tables.
FLAT = replace(
    DATASET, fields=(*DATASET.fields, Field("calls", Kind.LIST, (Field("call_id", Kind.INTEGER),)))
)


@dataclass(frozen=True, slots=True)
class Calling(Session):
    """A session with calls."""

    @property
    def calls(self) -> list[int] | None:
        """Their ids; there may be no list."""
        return [10 * self.key + place for place in range(self.key % 4)] if self.key % 5 else None

    def json(self) -> dict[str, object]:
        """With the calls, if there is a list."""
        calls = None if self.calls is None else [{"call_id": call} for call in self.calls]
        return Session.json(self) | ({} if calls is None else {"calls": calls})


@dataclass(frozen=True, slots=True)
class Odd(Session):
    """A session that does not fit the schema."""

    def json(self) -> dict[str, object]:
        """Its rule is a number."""
        return {**Session.json(self), "rule_name": 7}


def _session(number: int) -> Session:
    kind = Odd if number in ODD else Session
    # None in the third hour: it is proven, and has no file.
    second = START + number * 647 + (HOUR if number * 647 >= 2 * HOUR else 0)
    return kind(1000 - number, second, application=number % 3 or None, rule="a & b", user=number)


# What the history shows only after both runs: in two partitions of three, one of them the first.
LATE = [Session(2000 + hour, START + hour * HOUR + 77, rule="late") for hour in (0, 3)]
ODD = frozenset({5, 14})  # one of either run
HISTORY = [_session(number) for number in range(16)]
CALLING = [Calling(1000 - number, _session(number).second) for number in range(16)]
GOOD = {session.key: session for session in HISTORY if not isinstance(session, Odd)}


class Questioned:
    """The API, with a note of each question and each answer outside of the process that asks."""

    skew = 0.0

    def __init__(self, vendor: Vendor, notes: int) -> None:
        self._vendor = vendor
        self._notes = notes

    async def fetch(
        self, method: str, parameters: Mapping[str, str], *, urgent: bool = False
    ) -> tuple[Answer, Page]:
        """One answer."""
        question = " ".join(parameters[name] for name in ("from_date", "to_date", "offset", "desc_order"))
        os.write(self._notes, f"? {question}\n".encode())
        answer = await self._vendor.fetch(method, parameters, urgent=urgent)
        os.write(self._notes, f"! {question}\n".encode())
        return answer


def run(lake: Path, window: Window, notes: int, *, keep_raw: bool = False, tables: str = "nested") -> str:
    """One run in virtual time, the same way each time.

    Returns:
        How it ended.
    """
    dataset, history = (DATASET, HISTORY) if tables == "nested" else (FLAT, CALLING)
    vendor = Questioned(Vendor(dataset, history, order="reversed"), notes)
    job = replace(_job(lake), window=window, dataset=dataset, keep_raw=keep_raw, tables=tables)
    return _asked(vendor, Backfill(job, ACCOUNT, now=lambda: NOW).run()).outcome


def sync(lake: Path, notes: int) -> str:
    """One round of sync, over a history that has changed; returns how it ended."""
    vendor = Questioned(Vendor(DATASET, [*HISTORY, *LATE], order="reversed"), notes)
    settings = Settings(look_back=LookBack(), health=HealthFile(None))
    (done,) = _asked(vendor, Service([_job(lake)], ACCOUNT, settings, now=lambda: NOW).run())
    return done.outcome


def _job(lake: Path) -> Job:
    return Job(
        dataset=DATASET,
        name="calls",
        window=Window(START, START + 365 * 86_400),
        lake=lake,
        credentials=Path("none"),
        partition="hour",
    )


def _asked(vendor: Questioned, work: Coroutine[Any, Any, Done]) -> Done:
    @asynccontextmanager
    async def connected(*_: object, **__: object) -> AsyncIterator[Questioned]:
        yield vendor

    loop = VirtualTimeLoop()
    for module in (harvest, syncing):
        vars(module)["connected"] = connected  # for good: this process does nothing else
    try:
        return loop.run_until_complete(work)
    finally:
        loop.close()
