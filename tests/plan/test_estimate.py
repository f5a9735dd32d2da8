from bisect import bisect_right
from collections import deque
from math import pi, sin

import pytest

from harvester.plan.density import Density
from harvester.plan.estimate import Estimate, estimate
from harvester.plan.frontier import Frontier, Lease
from harvester.window import Window

REACH, PAGE = 11_000, 1_000
YEAR = 365 * 86_400


async def readings(rows: int, fetchers: int) -> list[int]:
    """The records of each reading when fetchers take turns over a year that the frontier takes for even."""
    frontier = Frontier([Lease(Window(0, YEAR))], Density(), reach=REACH, fetchers=fetchers)

    def before(second: int) -> int:  # a third more and a third less of them, every week
        turn = 2 * pi * 52 * second / YEAR
        return round(rows * (second / YEAR + sin(turn) / (3 * 2 * pi * 52)))

    sizes = []
    reading: deque[Lease] = deque()
    while frontier.windows:
        while len(reading) < min(fetchers, frontier.windows):
            lease = await frontier.lease()
            assert lease is not None
            reading.append(lease)
        lease = reading.popleft()
        start, end = lease.window.start, lease.window.end
        reached = bisect_right(range(start, end + 1), before(start) + REACH, key=before) + start - 1
        sizes.append(before(reached) - before(start))
        rest = Window(reached, end) if reached < end else None
        frontier.done(lease, rest, before(end) - before(reached))
    return sizes


@pytest.mark.parametrize("fetchers", [1, 3, 8])
@pytest.mark.parametrize("rows", [5_000, 60_000, 1_000_000, 8_000_000])
async def test_the_forecast_is_what_the_frontier_does(rows: int, fetchers: int) -> None:
    """Windows and requests are foretold within a tenth, or a few."""
    sizes = await readings(rows, fetchers)
    pages = sum(-(-size // PAGE) for size in sizes)
    cost = estimate(rows, 1, page_size=PAGE, reach=REACH, fetchers=fetchers, rate=None)
    assert cost.windows == pytest.approx(len(sizes), rel=0.1, abs=3)
    assert cost.requests == pytest.approx(pages, rel=0.1, abs=3)


def test_an_empty_history_costs_one_question_for_each_span() -> None:
    """That there is nothing has to be asked, too."""
    cost = estimate(0, 3, page_size=PAGE, reach=REACH, fetchers=2, rate=6.0, row_bytes=350)
    assert cost == Estimate(rows=0, requests=3, windows=3, seconds=0.5, bytes=0)


def test_every_span_costs_a_question_however_few_its_records() -> None:
    """Ten records in five spans are five requests, not one."""
    assert estimate(10, 5, page_size=PAGE, reach=REACH, fetchers=2, rate=None).requests == 5


@pytest.mark.parametrize(("rate", "seconds"), [(10.0, 0.6), (None, None)])
def test_time_is_requests_by_the_budget(rate: float | None, seconds: float | None) -> None:
    """A budget gives the time; without one nothing is promised."""
    cost = estimate(5_000, 1, page_size=PAGE, reach=REACH, fetchers=2, rate=rate, row_bytes=350.0)
    assert (cost.requests, cost.seconds, cost.bytes) == (6, seconds, 1_750_000)
