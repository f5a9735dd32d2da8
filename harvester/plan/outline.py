"""Which windows a harvest would read, as far as that can be told before it."""

from collections.abc import Iterable
from math import ceil

from harvester.plan.density import Density
from harvester.plan.frontier import Frontier, Lease
from harvester.window import Window


async def outline(
    spans: Iterable[tuple[Window, int]], density: Density, *, reach: int, fetchers: int
) -> list[tuple[Window, int]]:
    """Cut spans as the frontier will, and each part where paging will end.

    Args:
        spans: Disjoint windows, and how many records each holds.
        density: Says where to cut.
        reach: Records that one reading yields at most.
        fetchers: How many will read side by side.

    Returns:
        Windows and about how many records each holds, oldest first; where they end is an estimate.
    """
    leases = [Lease(window, records) for window, records in spans]
    frontier = Frontier(leases, density, reach=reach, fetchers=fetchers)
    windows: list[tuple[Window, int]] = []
    while (lease := await frontier.lease()) is not None:
        frontier.done(lease)
        left, records = lease.window, lease.expected or 0
        for _ in range(ceil(records / reach) - 1):
            if (second := density.cut(left, reach / records)) >= left.end:
                break
            windows.append((Window(left.start, second), reach))
            left, records = Window(second, left.end), records - reach
        windows.append((left, records))
    return windows
