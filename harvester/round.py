"""What one round of ``harvester sync`` did to a dataset."""

from dataclasses import dataclass

from harvester.recount import Count
from harvester.report import Report
from harvester.window import Gap, Window, as_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One round, when it is over.

    Attributes:
        name: The dataset.
        outcome: ``complete``, ``gaps`` or ``interrupted``.
        fresh: What it was about: the look-back, and all that settled since; ``None`` if nothing has yet.
        reports: Of its runs, in order.
        counts: What the API counts in the partitions of the look-back, beside what the lake held.
        requests: Requests sent.
        covered: End of what the lake covers, Unix time; ``None`` if that is nothing.
        gaps: All that the dataset misses.
        refused: Why the API refused the child account; empty if it did not.
    """

    name: str
    outcome: str
    fresh: Window | None = None
    reports: tuple[Report, ...] = ()
    counts: tuple[Count, ...] = ()
    requests: int = 0
    covered: int | None = None
    gaps: tuple[Gap, ...] = ()
    refused: str = ""

    @property
    def rows(self) -> int:
        """Records read."""
        return sum(report.rows for report in self.reports)

    @property
    def is_complete(self) -> bool:
        """Whether nothing is missing."""
        return self.outcome == "complete"

    @property
    def changed(self) -> tuple[Count, ...]:
        """Where the API counted something else than the lake held."""
        return tuple(count for count in self.counts if not count.agrees)

    def as_json(self) -> dict[str, object]:
        """The round as plain JSON values; spans as ``{"from", "to"}``, half-open, UTC."""
        return {
            "name": self.name,
            "outcome": self.outcome,
            "fresh": self.fresh.as_json() if self.fresh else None,
            "covered": None if self.covered is None else as_text(self.covered),
            "rows": self.rows,
            "partitions": sum(report.partitions for report in self.reports),
            "requests": self.requests,
            "counted": len(self.counts),
            "changed": [count.window.as_json() for count in self.changed],
            "running": [window.as_json() for report in self.reports for window in report.running],
            "refused": self.refused,
            "gaps": [{**gap.window.as_json(), "reason": gap.reason} for gap in self.gaps],
        }
