"""One page of a history, whatever its records are."""

from bisect import bisect_left
from collections.abc import Sequence

from harvester.emulator.account import Account, ordered
from harvester.emulator.behaviour import Behaviour
from harvester.emulator.parameters import Range, Slice
from harvester.emulator.render import Entry


def bounds(account: Account, behaviour: Behaviour, asked: Range) -> tuple[int, int]:
    """Indexes between which the records of the range lie, as the behaviour reads its bounds."""
    start = account.rank(asked.start + (not behaviour.from_inclusive))
    end = account.rank(asked.end + behaviour.to_inclusive)
    # Of a single second with both bounds exclusive, the end lies before the start.
    return start, max(start, end)


def page(
    account: Account, behaviour: Behaviour, asked: Range, part: Slice, *, indexes: Sequence[int], turn: int
) -> tuple[list[Entry], int]:
    """Cut a page out of the records ``indexes``, ascending.

    Returns:
        What is on it, and how many records of the range there are; ``turn`` shuffles, if the behaviour does.
    """
    start, end = bounds(account, behaviour, asked)
    low, high = bisect_left(indexes, start), bisect_left(indexes, end)
    if part.descending:
        last = high - part.offset
        first = max(low, last - part.count)
    else:
        first = low + part.offset
        last = min(high, first + part.count)

    def shuffled(session_id: int) -> int:
        return hash((behaviour.seed, turn, session_id))

    entries = ordered(account, indexes, first, last, shuffled if behaviour.order == "shuffled" else None)
    if part.descending:
        entries.reverse()
    return entries, high - low
