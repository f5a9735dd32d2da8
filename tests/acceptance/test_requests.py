"""Requests are what a harvest costs: no page is wasted, whatever the history looks like."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from harvester.emulator import Behaviour, SyntheticAccount
from tests.acceptance.harness import DAY, SPRING, small_bench

YEAR = 365 * DAY


@dataclass(frozen=True, slots=True)
class History:
    """A history, and the most requests that its harvest may take."""

    rows: int
    seconds: int
    most: float
    spike: int = 0


# In pages of a hundred sessions.
HISTORIES = {
    "uniform": History(20_000, YEAR, 1.03 * 200),
    "daily": History(50_000, YEAR, 1.05 * 500),
    "burst": History(20_000, YEAR, 1.08 * 200),
    "sparse": History(300, 10 * YEAR, 5),
    "spike": History(12_000, YEAR, 1.15 * 120, spike=2_000),
}


@pytest.mark.large
@pytest.mark.parametrize(
    ("shape", "concurrency"), [*((shape, 8) for shape in HISTORIES), ("uniform", 64), ("spike", 64)]
)
async def test_hardly_more_requests_than_pages(tmp_path: Path, shape: str, concurrency: int) -> None:
    """Counted by the API: a request for each page, few more, and about what was planned."""
    history = HISTORIES[shape]
    start, end = SPRING - history.seconds, SPRING
    account = SyntheticAccount(history.rows, start, end, shape=shape, seed=3, spike=history.spike)
    async with small_bench(tmp_path, account, Behaviour(gzip=False)) as it:
        report = await it.harvest(start, end, concurrency=concurrency, partition="month")
        asked = len(it.emulator.requests)
        assert (report.outcome, report.rows, report.requests) == ("complete", account.total, asked)
        assert asked <= history.most
        assert report.planned == pytest.approx(asked, rel=0.05 if concurrency == 8 else 0.07)
