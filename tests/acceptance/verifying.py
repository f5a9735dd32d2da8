"""A small lake of four days, and what ``verify`` and ``repair`` do with a lake."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harvester.api.credentials import load_credentials
from harvester.config import Job
from harvester.emulator import ListedAccount
from harvester.inspection import damages, holdings
from harvester.report import Report
from harvester.todo import damaged
from harvester.verification import Verification, Verify
from harvester.window import Window, as_text
from tests.acceptance.damage import file_of
from tests.acceptance.harness import DAY, SPRING, Bench

START, END = SPRING - 4 * DAY, SPRING
ROWS = 4 * 24 * 6


def history() -> ListedAccount:
    """Sessions of four days, one each ten minutes; two of them in one second, once a day."""
    seconds = [*range(START, END, 600), *range(START + 600, END, DAY)]
    return ListedAccount(record(number, second) for number, second in enumerate(seconds, start=1))


def record(number: int, second: int) -> dict[str, object]:
    """A session."""
    return {"call_session_history_id": number, "start_date": as_text(second), "duration": 5}


def day_of(it: Bench, number: int) -> Path:
    """The file of a day, the first is 0."""
    return file_of(it, START + number * DAY)


async def verify(
    it: Bench, name: str | None = None, *, against_api: bool = False, **settings: Any
) -> Verification:
    """Look at a dataset of the bench's lake, or the only one, as the command does."""
    path = it.folder / "key.json"

    def job(named: str, identity: Mapping[str, Any], window: Window) -> Job:
        return Job.of_identity(
            identity,
            name=named,
            window=window,
            lake=it.folder / "lake",
            credentials=path,
            endpoint=it.endpoint,
            rate=None,
        )

    verify = Verify(
        lake=it.folder / "lake",
        name=name,
        jobs=2,
        job=job if against_api else None,
        credentials=load_credentials(path)[0],
        **settings,
    )
    (result,) = await verify.run()
    return result


async def repair(it: Bench) -> Report | None:
    """What ``harvester repair`` does; ``None`` if there is nothing to do."""
    (holding,) = holdings(it.folder / "lake")
    if (window := damages(holding)) is None:
        return None
    partition = str(holding.identity["partition"])
    return await it.harvest(window.start, window.end, scope=damaged, partition=partition)
