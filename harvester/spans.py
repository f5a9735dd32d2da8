"""Which seconds are read by report: whole partitions, a month at most, and what that is worth.

A report costs a handful of requests whatever it holds, and a wait. Pages cost a request per thousand
records. So with ``auto`` a span is read by report when its pages would take longer, at the run's budget, than
the making of a report is taken to need.
"""

from collections.abc import AsyncIterator, Collection, Iterable
from dataclasses import dataclass, field

from harvester.api.counting import Counter
from harvester.api.question import Bounds
from harvester.config import Job
from harvester.lake.layout import Granularity, partitions
from harvester.plan.frontier import Lease
from harvester.window import Window, subtract

MOST_ROWS = 250_000
"""Records of one report at most, as far as whole partitions allow: a window is proven in memory."""

WAIT = 60.0
"""Seconds a report is taken to need; nobody says. Small ones were seen to be ready in some."""


@dataclass(slots=True)
class Spans:
    """Cuts what is to be read, and chooses the way of each part.

    Attributes:
        by_report: The seconds to be read by report.
    """

    job: Job
    counter: Counter
    bounds: Bounds
    by_report: list[Window] = field(default_factory=list)

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
                yield span, rows
                continue
            middle = whole[len(whole) // 2].start
            waiting[:0] = [Window(span.start, middle), Window(middle, span.end)]

    def _is_dear(self, rows: int) -> bool:
        budget = self.job.budget
        return budget is not None and rows / self.job.dataset.page_size / budget > WAIT
