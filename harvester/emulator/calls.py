"""``GetCallHistory``."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from harvester.datasets import CALLS
from harvester.emulator.account import Account
from harvester.emulator.filters import Filter, call_filter
from harvester.emulator.paging import bounds, page
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
            call_filter(parameters, setting, asker),
        )

    def answer(self, setting: Setting, turn: int) -> Body:
        """Answer with the page.

        Raises:
            Refusal: Code 150: a session asked for by id is unknown, or not in the range.
        """
        account, behaviour, part = setting.account, setting.behaviour, self.slice
        start, end = bounds(account, behaviour, self.range)
        indexes = self._indexes(account, start, end)
        entries, total = page(account, behaviour, self.range, part, indexes=indexes, turn=turn)
        rows = account.render(entries, self.nested)
        return Body(history(rows, total if part.with_total else None, self.range.warnings), len(rows))

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


def _holds(indexes: Sequence[int], index: int) -> bool:
    place = bisect_left(indexes, index)
    return place < len(indexes) and indexes[place] == index
