"""Requests are what a harvest costs: no page is wasted, whatever the history looks like."""

from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import pytest

from harvester.emulator import Behaviour, SyntheticAccount
from tests.acceptance.harness import DAY, SPRING, bench

YEAR = 365 * DAY
BARE = MappingProxyType({"calls": False, "records": False, "resources": False})


@dataclass(frozen=True, slots=True)
class History:
    """A history, and the most requests that its harvest may take."""

    rows: int
    seconds: int
    most: float
    spike: int = 0


# One of a million; the others have as many records to a page, and show their shape with fewer.
HISTORIES = {
    "uniform": History(200_000, YEAR, 1.03 * 200),
    "daily": History(1_000_000, YEAR, 1.05 * 1_000),
    "burst": History(200_000, YEAR, 1.08 * 200),
    "sparse": History(3_000, 10 * YEAR, 5),
    "spike": History(120_000, YEAR, 1.15 * 120, spike=20_000),
}


@pytest.mark.large
@pytest.mark.parametrize(
    ("shape", "concurrency"), [*((shape, 8) for shape in HISTORIES), ("uniform", 64), ("spike", 64)]
)
async def test_hardly_more_requests_than_pages(tmp_path: Path, shape: str, concurrency: int) -> None:
    """Counted by the API: a request for each thousand sessions, few more, and about what was planned."""
    history = HISTORIES[shape]
    start, end = SPRING - history.seconds, SPRING
    account = SyntheticAccount(history.rows, start, end, shape=shape, seed=3, spike=history.spike)
    async with bench(tmp_path, account, Behaviour(gzip=False)) as it:
        report = await it.harvest(start, end, switches=BARE, concurrency=concurrency, partition="month")
        asked = len(it.emulator.requests)
        assert (report.outcome, report.rows, report.requests) == ("complete", account.total, asked)
        assert asked <= history.most
        assert report.planned == pytest.approx(asked, rel=0.05 if concurrency == 8 else 0.07)
