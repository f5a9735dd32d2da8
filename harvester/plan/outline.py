"""Which windows a harvest would read, as far as that can be told before it."""

from collections import deque
from collections.abc import Iterable

from harvester.plan.density import Density
from harvester.plan.frontier import Frontier, Lease
from harvester.window import Window


async def outline(
    spans: Iterable[tuple[Window, int]], density: Density, *, reach: int, fetchers: int
) -> list[tuple[Window, int]]:
    """Cut spans as the frontier will, with all fetchers at work, and each part where paging will end.

    Args:
        spans: Disjoint windows, and how many records each holds.
        density: Says where to cut.
        reach: Records that one reading yields at most.
        fetchers: How many will read side by side.

    Returns:
        Windows and about how many records each holds, oldest first; where they end is an estimate.
    """
    frontier = Frontier(
        [Lease(window, records) for window, records in spans], density, reach=reach, fetchers=fetchers
    )
    windows: list[tuple[Window, int]] = []
    reading: deque[Lease] = deque()
    while frontier.windows:
        while len(reading) < min(fetchers, frontier.windows):
            if (lease := await frontier.lease()) is not None:
                reading.append(lease)
        lease = reading.popleft()
        window, records = lease.window, lease.expected or 0
        second = density.cut(window, reach / records) if records > reach else window.end
        if second >= window.end:
            windows.append((window, records))
            frontier.done(lease)
        else:
            windows.append((Window(window.start, second), reach))
            frontier.done(lease, Window(second, window.end), records - reach)
    return sorted(windows)
