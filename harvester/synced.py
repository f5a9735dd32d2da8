"""How far the rounds of ``sync`` have come, and which answers wait meanwhile: they get old."""

from harvester.lake.ledger import Ledger
from harvester.window import Window

_LAST = "synced"  # when the last whole round began
_WAITING = "waiting"  # pairs: the first second of a window, and a moment before its answers were given


class Synced:
    """What rounds remember from one to the next, in the ledger.

    A partition with a gap is withheld, perhaps for ever, and its answers with it. Rounds do not wait for it.
    But when it is published in the end, by a round or by anybody else, its answers are from long before, and
    what was still to come then has never been looked at again. So the next round looks back from there.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    @property
    def last(self) -> int | None:
        """Since when rounds have left something undone, Unix time; ``None`` before the first."""
        last: int | None = self._ledger.facts().get(_LAST)
        return last

    def since(self, end: int) -> int:
        """From when on rounds have left something undone: the last whole one, or all that others harvested.

        Kept before anything is read: a round that is killed or fails has moved the end of the coverage, and
        looked back at nothing.

        Args:
            end: Of the coverage, before anything is read.
        """
        last, waiting, there = self.last, self._waiting(), self._ledger.window_starts()
        if last is None:
            self._ledger.learn({_LAST: end})
            return end
        if gone := [given for start, given in waiting.items() if start not in there]:
            last = min(last, *gone)
            still = [[start, given] for start, given in waiting.items() if start in there]
            self._ledger.learn({_LAST: last, _WAITING: still})
        return min(end, last)

    def before(self, fresh: Window) -> dict[int, int]:
        """What waits before a round over ``fresh`` reads anything, and since when."""
        unknown = self.last or 0  # left by a round that did not come to its end, or by another command
        found = {start: unknown for start in self._ledger.window_starts() if start in fresh}
        return found | self._waiting()

    def ended(self, began: int, fresh: Window, before: dict[int, int]) -> None:
        """A round is whole.

        Args:
            began: When it began, Unix time.
            fresh: What it was about.
            before: What waited before it; of this, what it has published stays noted for ``since``.
        """
        found = {start: began for start in self._ledger.window_starts() if start in fresh}
        self._ledger.learn({_LAST: began, _WAITING: [[*pair] for pair in sorted((found | before).items())]})

    def _waiting(self) -> dict[int, int]:
        return dict(self._ledger.facts().get(_WAITING, []))
