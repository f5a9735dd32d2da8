"""The small backfill that is killed, starved and cut off everywhere: its history, its two runs, its judge."""

import os
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import pytest

from harvester import harvest
from harvester.api.protocol import Answer, Page
from harvester.config import Job
from harvester.datasets import CALLS
from harvester.harvest import Backfill
from harvester.window import Window, as_text
from tests.acceptance.vendor import Session, Vendor
from tests.virtual_time import VirtualTimeLoop

HOUR = 3_600
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


@dataclass(frozen=True, slots=True)
class Odd(Session):
    """A session that does not fit the schema."""

    def json(self) -> dict[str, object]:
        """Its rule is a number."""
        return {**Session.json(self), "rule_name": 7}


def _session(number: int) -> Session:
    kind = Odd if number in ODD else Session
    # None in the third hour: it is proven, and has no file.
    second = START + number * 431 + (HOUR if number * 431 >= 2 * HOUR else 0)
    return kind(1000 - number, second, application=number % 3 or None, rule="a & b", user=number)


ODD = frozenset({5, 20})  # one of either run
HISTORY = [_session(number) for number in range(24)]
GOOD = {session.key: session for session in HISTORY if not isinstance(session, Odd)}


class Questioned:
    """The API, with a note of each question and each answer outside of the process that asks."""

    def __init__(self, vendor: Vendor, notes: int) -> None:
        self._vendor = vendor
        self._notes = notes

    async def fetch(self, method: str, parameters: Mapping[str, str]) -> tuple[Answer, Page]:
        """One answer."""
        question = " ".join(parameters[name] for name in ("from_date", "to_date", "offset", "desc_order"))
        os.write(self._notes, f"? {question}\n".encode())
        answer = await self._vendor.fetch(method, parameters)
        os.write(self._notes, f"! {question}\n".encode())
        return answer


def run(lake: Path, window: Window, notes: int, *, keep_raw: bool = False) -> str:
    """One run in virtual time, the same way each time.

    Returns:
        How it ended.
    """
    vendor = Questioned(Vendor(DATASET, HISTORY, order="reversed"), notes)

    @asynccontextmanager
    async def connected(*_: object, **__: object) -> AsyncIterator[Questioned]:
        yield vendor

    job = Job(
        dataset=DATASET,
        name="calls",
        window=window,
        lake=lake,
        credentials=Path("none"),
        partition="hour",
        keep_raw=keep_raw,
    )
    account: Any = SimpleNamespace(account_id=1)
    loop = VirtualTimeLoop()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(harvest, "connected", connected)
        try:
            return loop.run_until_complete(Backfill(job, account, now=lambda: NOW).run()).outcome
        finally:
            loop.close()


@dataclass(frozen=True, slots=True)
class Seen:
    """What a reader sees.

    Attributes:
        lost: Sessions of the history that no row holds.
        doubled: Keys of more than one row.
        altered: Rows that no session equals.
        counts: Rows of each partition.
    """

    lost: int
    doubled: int
    altered: int
    counts: Mapping[str, int]


_COUNTS = Counter(f"{as_text(session.second):.13}" for session in GOOD.values())
_EARLY = Counter(f"{as_text(item.second):.13}" for item in GOOD.values() if item.second in RUNS[0])
_ROWS = {
    (item.key, as_text(item.second), item.application, item.rule, item.user): key for key, item in GOOD.items()
}
COMPLETE = Seen(0, 0, 0, dict(_COUNTS))
_database = duckdb.connect()


def look(lake: Path) -> Seen:
    """Read the lake by DuckDB, as anyone may at any moment; fails on a torn file."""
    if not list(lake.glob("calls/**/*.parquet")):
        return Seen(len(GOOD), 0, 0, {})
    columns = ", ".join(COLUMNS)
    query = f"SELECT {columns} FROM read_parquet('{lake}/calls/**/*.parquet', hive_partitioning = false)"
    rows = _database.execute(query).fetchall()
    keys = Counter(row[0] for row in rows)
    return Seen(
        lost=len(GOOD.keys() - keys.keys()),
        doubled=sum(times > 1 for times in keys.values()),
        altered=sum((row[0], str(row[1])[:19], *row[2:]) not in _ROWS for row in rows),
        counts=dict(Counter(f"{row[1]!s:.13}" for row in rows)),
    )


def is_old_or_new(seen: Seen) -> bool:
    """Whether every partition is as the first run left it, or as the second does, or not there."""
    return not (seen.doubled or seen.altered) and all(
        count in (_EARLY[partition], _COUNTS[partition]) for partition, count in seen.counts.items()
    )
