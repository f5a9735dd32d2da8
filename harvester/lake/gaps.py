"""What could not be proven, as the ledger remembers it; every change is part of its caller's transaction."""

from collections.abc import Sequence

from harvester.lake.database import Database
from harvester.window import Gap, Window, merged, subtract


class Gaps:
    """The gaps of one dataset.

    One goes only when its seconds are published, or another takes its place: what was read and is not
    published yet can be lost, and then nothing else would tell that it is missing.
    """

    def __init__(self, database: Database, name: str) -> None:
        self._database = database
        self._name = name

    def all(self) -> list[Gap]:
        """What could not be proven so far, oldest first."""
        query = "SELECT start, stop, expected, received, reason FROM gap WHERE name = ? ORDER BY start"
        rows = self._database.all(query, self._name)
        return [Gap(Window(start, stop), *found) for start, stop, *found in rows]

    def meet(self, span: Window) -> bool:
        """Whether a second of ``span`` is one of a gap."""
        query = "SELECT 1 FROM gap WHERE name = ? AND start < ? AND stop > ?"
        return self._database.one(query, self._name, span.end, span.start) is not None

    def note(self, gap: Gap, run: int) -> None:
        """Write one down that a run found, in place of what is known of its seconds."""
        self.forget([gap.window])
        self._keep(gap, run)

    def forget(self, within: Sequence[Window]) -> list[Window]:
        """Forget what is known of these seconds; of a gap that reaches beyond them the rest stays one.

        Returns:
            What is left of all gaps.
        """
        within = merged(within)
        left: list[Window] = []
        query = "SELECT start, stop, reason, run FROM gap WHERE name = ? ORDER BY start"
        for start, stop, reason, run in self._database.all(query, self._name):
            gap = Window(start, stop)
            rest = subtract(gap, within)
            if rest != (gap,):
                self._database.write("DELETE FROM gap WHERE name = ? AND start = ?", self._name, start)
                for part in rest:
                    self._keep(Gap(part, None, 0, reason), run)
            left += rest
        return left

    def _keep(self, gap: Gap, run: int) -> None:
        span, found = gap.window, (gap.expected, gap.received, gap.reason, run)
        self._database.insert("gap", self._name, span.start, span.end, *found)
