import tracemalloc
from itertools import pairwise

import pytest

from harvester.plan.density import Density
from harvester.plan.frontier import Frontier, Lease
from harvester.plan.outline import outline
from harvester.window import Window

YEAR = 365 * 86_400
REACH = 11_000


@pytest.mark.parametrize("records", [0, 1, 11_000, 11_001, 70_000, 3_000_000])
async def test_the_outline_covers_every_second_once(records: int) -> None:
    """Windows follow each other from the first second to the last, each within reach."""
    windows = await outline([(Window(0, YEAR), records)], Density(), reach=REACH, fetchers=3)
    assert (windows[0][0].start, windows[-1][0].end) == (0, YEAR)
    assert all(left.end == right.start for (left, _), (right, _) in pairwise(windows))
    assert sum(rows for _, rows in windows) == records
    assert all(rows <= REACH for _, rows in windows)
    assert len(windows) <= max(1, 1.35 * records / REACH + 8)


async def test_seconds_cannot_be_cut() -> None:
    """A second with far more than one reading yields stays one window."""
    assert await outline([(Window(5, 6), 30_000)], Density(), reach=REACH, fetchers=3) == [
        (Window(5, 6), 30_000)
    ]


@pytest.mark.large
async def test_planning_ten_years_takes_no_memory_to_speak_of() -> None:
    """A hundred million sessions in ten years: the frontier never holds more than a few windows."""
    frontier = Frontier([Lease(Window(0, 10 * YEAR), 10**8)], Density(), reach=REACH, fetchers=40)
    most = readings = 0
    tracemalloc.start()
    while (lease := await frontier.lease()) is not None:
        readings += 1
        left = (lease.expected or 0) - 40 * REACH
        middle = lease.window.start + lease.window.seconds // 2
        rest = Window(middle, lease.window.end) if left > 0 and middle > lease.window.start else None
        frontier.done(lease, rest, left if rest else None)
        most = max(most, frontier.windows)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert readings > 200
    assert most <= 200
    assert peak < 1 << 20
