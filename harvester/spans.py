"""Which seconds are read by report: whole partitions, a month at most, and what that is worth.

A report costs a handful of requests whatever it holds, and a wait. Pages cost a request per thousand
records. So with ``auto`` a span is read by report when its pages would take longer, at the run's budget, than
the making of a report is taken to need.
"""

from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from math import ceil

from harvester.api.counting import Counter
from harvester.api.question import Bounds
from harvester.config import Job
from harvester.lake.layout import Granularity, partitions
from harvester.plan.estimate import Estimate
from harvester.plan.frontier import Lease
from harvester.window import Window, subtract

MOST_ROWS = 250_000
"""Records of one report at most, as far as whole partitions allow: a window is proven in memory."""

REQUESTS = 7
"""For a report: a count before and after, the order, some looks, and the file."""

WAIT = 60.0
"""Seconds a report is taken to need; nobody says. Small ones were seen to be ready in some."""


@dataclass(slots=True)
class Spans:
    """Cuts what is to be read, and chooses the way of each part.

    Attributes:
        by_report: The seconds to be read by report.
        rows: About how many records each span holds that was counted for the choice.
    """

    job: Job
    counter: Counter
    bounds: Bounds
    by_report: list[Window] = field(default_factory=list)
    rows: dict[Window, int] = field(default_factory=dict)

    async def chosen(self, leases: Iterable[Lease], ordered: Collection[Window]) -> list[Lease]:
        """The leases, those to be read by report cut for it.

        Args:
            leases: What is to be read.
            ordered: Those of their windows for which an earlier run ordered a report already.

        Raises:
            HarvestError: The API refuses to count, or cannot be reached.
        """
        chosen: list[Lease] = []
        for lease in leases:
            if lease.proven:
                chosen.append(lease)
            elif lease.window in ordered:
                self.by_report.append(lease.window)
                chosen.append(lease)
            else:
                chosen += await self._cut(lease)
        return chosen

    def rows_in(self, window: Window) -> int:
        """About how many records the spans hold that lie in ``window``."""
        return sum(rows for span, rows in self.rows.items() if not subtract(span, [window]))

    async def _cut(self, lease: Lease) -> list[Lease]:
        spans = [span async for span in self._spans(lease.window)]
        if self.job.way == "reports":
            self.by_report += [span for span, _ in spans]
            return [Lease(span) for span, _ in spans]
        dear = [span for span, rows in spans if self._is_dear(rows)]
        self.by_report += dear
        # What is left to pages stays in one piece: the frontier cuts it better, where its records lie.
        return [Lease(span) for span in dear] + [Lease(rest) for rest in subtract(lease.window, dear)]

    async def _spans(self, window: Window) -> AsyncIterator[tuple[Window, int]]:
        granularity = Granularity(self.job.partition)
        waiting = [
            share for month in partitions(Granularity.MONTH, window) if (share := month.span.overlap(window))
        ]
        while waiting:
            span = waiting.pop(0)
            rows, _ = await self.counter.count(span, self.bounds)
            whole = [part for item in partitions(granularity, span) if (part := item.span.overlap(span))]
            if rows <= MOST_ROWS or len(whole) == 1:
                self.rows[span] = rows
                yield span, rows
                continue
            middle = whole[len(whole) // 2].start
            waiting[:0] = [Window(span.start, middle), Window(middle, span.end)]

    def _is_dear(self, rows: int) -> bool:
        budget = self.job.budget
        return budget is not None and rows / self.job.dataset.page_size / budget > WAIT


def with_reports(
    cost: Estimate, rows: Sequence[int], readers: int, budget: float | None, row_bytes: float
) -> Estimate:
    """What a harvest costs with reports of so many rows beside its pages.

    Args:
        cost: Of the pages.
        rows: Of each report.
        readers: How many reports are waited for side by side.
        budget: Requests per second; ``None`` for no limit.
        row_bytes: Size of a record in a published file.
    """
    if not rows:
        return cost
    requests = cost.requests + REQUESTS * len(rows)
    waiting = ceil(len(rows) / readers) * WAIT
    return Estimate(
        rows=cost.rows + sum(rows),
        requests=requests,
        windows=cost.windows + len(rows),
        seconds=max(waiting, requests / budget if budget else 0.0),
        bytes=cost.bytes + round(sum(rows) * row_bytes),
    )
