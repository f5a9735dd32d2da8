"""``GetCallHistory``."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from harvester.datasets import CALLS
from harvester.emulator.account import Account, ordered
from harvester.emulator.behaviour import Behaviour
from harvester.emulator.filters import Filter, call_filter
from harvester.emulator.parameters import (
    Parameters,
    Range,
    Slice,
    check_format,
    nested,
    piece,
    session_ids,
    span,
)
from harvester.emulator.question import Body, Setting
from harvester.emulator.refusals import Code, Refusal
from harvester.emulator.render import Nested, history

EVERYTHING = Filter()


@dataclass(frozen=True, slots=True)
class CallQuestion:
    """A page of sessions.

    Attributes:
        range: The span asked for.
        slice: The part of the answer asked for.
        nested: The lists wanted inside sessions.
        ids: The only sessions wanted; empty for all.
        filter: Which sessions are wanted; whose they are is part of it.
    """

    range: Range
    slice: Slice
    nested: Nested
    ids: tuple[int, ...]
    filter: Filter

    @classmethod
    def read(cls, setting: Setting, parameters: Parameters, asker: int) -> "CallQuestion":
        """Read the parameters for the account ``asker``.

        Raises:
            Refusal: Whatever ``parameters`` and ``filters`` find wrong.
        """
        check_format(parameters)
        return cls(
            span(parameters, setting.behaviour, setting.now),
            piece(parameters, CALLS, setting.behaviour),
            nested(parameters),
            session_ids(parameters),
            call_filter(parameters, setting.account, asker),
        )

    def answer(self, setting: Setting, turn: int) -> Body:
        """Answer with the page.

        Raises:
            Refusal: Code 150: a session asked for by id is unknown, or not in the range.
        """
        account, behaviour, part = setting.account, setting.behaviour, self.slice
        start, end = _bounds(account, behaviour, self.range)
        indexes = self._indexes(account, start, end)
        low, high = bisect_left(indexes, start), bisect_left(indexes, end)
        if part.descending:
            last = high - part.offset
            first = max(low, last - part.count)
        else:
            first = low + part.offset
            last = min(high, first + part.count)

        def shuffled(session_id: int) -> int:
            return hash((behaviour.seed, turn, session_id))

        tie = shuffled if behaviour.order == "shuffled" else None
        entries = ordered(account, indexes, first, last, tie)
        if part.descending:
            entries.reverse()
        rows = account.render(entries, self.nested)
        total = high - low if part.with_total else None
        return Body(history(rows, total, self.range.warnings), len(rows))

    def _indexes(self, account: Account, start: int, end: int) -> Sequence[int]:
        """Sessions of the whole account that filter and ids let through, ascending."""
        matching = range(account.total) if self.filter == EVERYTHING else account.matching(self.filter)
        if not self.ids:
            return matching
        located = [account.locate(session_id) for session_id in self.ids]
        known = sorted(index for index in located if index is not None and start <= index < end)
        if len(known) < len(located):
            raise Refusal(Code.INVALID_CALL_SESSION_HISTORY_ID, "The call_session_history_id is invalid.")
        return [index for index in known if _holds(matching, index)]


def _bounds(account: Account, behaviour: Behaviour, asked: Range) -> tuple[int, int]:
    """Indexes between which the sessions of the range lie, as the behaviour reads its bounds."""
    start = account.rank(asked.start + (not behaviour.from_inclusive))
    end = account.rank(asked.end + behaviour.to_inclusive)
    # Of a single second with both bounds exclusive, the end lies before the start.
    return start, max(start, end)


def _holds(indexes: Sequence[int], index: int) -> bool:
    place = bisect_left(indexes, index)
    return place < len(indexes) and indexes[place] == index
