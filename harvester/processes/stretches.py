"""Cuts what a run is to prove into stretches, so that several processes are busy to the end."""

from bisect import bisect_left
from collections.abc import Sequence

from harvester.lake.layout import Granularity, partitions
from harvester.lake.ledger import Ledger
from harvester.todo import Stretch, stretch
from harvester.window import Window, merged

# The first stretch of each process is half its share, and each later one shorter, down to this part of it:
# whoever comes last is waited for as long, and every stretch ends with about one page that is not full.
_SHORTEST = 1 / 12


def stretches(
    ledger: Ledger, todo: tuple[Window, ...], granularity: Granularity, processes: int
) -> list[Stretch]:
    """Stretches of whole partitions, oldest first, for processes that take one after the other.

    A window that an earlier run began or proved lies in one stretch: its answers are used as they are.

    Args:
        ledger: Knows these windows.
        todo: The seconds to prove, disjoint, oldest first.
        granularity: How long a partition is.
        processes: How many take them; one takes all in one go.
    """
    if processes == 1:
        return [stretch(ledger, todo)]
    known = sorted([*ledger.open_windows(), *(item.window for item in ledger.proven_windows())])
    left = sum(window.seconds for window in todo)
    least = left / processes * _SHORTEST
    result: list[Stretch] = []
    part: list[Window] = []
    held = 0
    for start, pieces in _partitions(todo, granularity):
        if held and held >= max(least, left / (2 * processes)) and not _crosses(known, start):
            result.append(stretch(ledger, merged(part)))
            left -= held
            part, held = [], 0
        part += pieces
        held += sum(window.seconds for window in pieces)
    return [*result, stretch(ledger, merged(part))]


def _partitions(todo: Sequence[Window], granularity: Granularity) -> list[tuple[int, list[Window]]]:
    """What is to be proven of each partition, by its first second."""
    found: dict[int, list[Window]] = {}
    for window in todo:
        for partition in partitions(granularity, window):
            if share := window.overlap(partition.span):
                found.setdefault(partition.span.start, []).append(share)
    return list(found.items())


def _crosses(windows: Sequence[Window], second: int) -> bool:
    """Whether one of these windows, disjoint and oldest first, begins before ``second`` and ends after it."""
    place = bisect_left(windows, second, key=lambda window: window.start)
    return place > 0 and windows[place - 1].end > second
