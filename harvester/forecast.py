"""What a backfill would ask for, found out by asking for counts alone."""

import errno
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from harvester.api.caps import Caps
from harvester.api.connection import connected
from harvester.api.counting import Counter
from harvester.api.credentials import Credentials
from harvester.api.pacing import Pace
from harvester.api.persistence import Meter
from harvester.api.question import Bounds
from harvester.api.via import lacks_fields
from harvester.config import Job
from harvester.lake.catalog import Catalog
from harvester.lake.database import Database
from harvester.lake.folders import unwritable
from harvester.lake.layout import Layout
from harvester.lake.ledger import Ledger
from harvester.lake.opening import has_begun
from harvester.pipeline import fetchers
from harvester.plan.density import Density
from harvester.plan.estimate import Estimate, estimate
from harvester.plan.frontier import Lease
from harvester.plan.outline import outline
from harvester.spans import Spans, with_reports
from harvester.window import Window, subtract


@dataclass(frozen=True, slots=True)
class Forecast:
    """The answer to ``harvester plan``.

    Attributes:
        settled: What of the range is old enough to be harvested; ``None`` if nothing is.
        todo: What is settled and not published yet, oldest first.
        estimate: What harvesting it will cost.
        windows: What would be read, oldest first, and about how many records each holds.
        asked: How many requests it took to find out.
    """

    settled: Window | None
    todo: tuple[Window, ...]
    estimate: Estimate
    windows: list[tuple[Window, int]]
    asked: int


async def forecast(
    job: Job, credentials: Credentials, *, now: Callable[[], float] = time.time, pace: Pace | None = None
) -> Forecast:
    """Ask for counts, one request for each span that is missing in the lake.

    Args:
        job: What would be harvested.
        credentials: Whose history.
        now: Gives Unix time.
        pace: Of whoever asks before and after; the job's own budget if ``None``.

    Raises:
        HarvestError: The job is not usable, by itself or for this lake, or the API refuses.
    """
    settled = job.settled(now())
    coverage, row_bytes, facts = _known(job, credentials.account_id)
    bounds, caps, density = Bounds(facts), Caps(job.dataset, facts), Density(facts)
    todo = subtract(settled, coverage) if settled else ()
    meter, readers = Meter(), fetchers(job.concurrency)
    reported: list[tuple[Window, int]] = []
    async with connected(job, credentials, meter, now=now, pace=pace) as client:
        counter = Counter(client, job.dataset, job.shared)
        if job.way == "pages" or (job.way == "auto" and lacks_fields(facts)):
            counted = [(window, await counter.count(window, bounds)) for window in todo]
        else:
            counted, reported = await _ways(Spans(job, counter, bounds), todo)
    cost = estimate(
        sum(rows for _, (rows, _) in counted),
        sum(parts for _, (_, parts) in counted),
        page_size=caps.page_size,
        reach=caps.reach,
        fetchers=readers,
        rate=job.budget,
        row_bytes=row_bytes,
    )
    counts = [(window, rows) for window, (rows, _) in counted]
    windows = await outline(counts, density, reach=caps.reach, fetchers=readers)
    cost = with_reports(cost, [rows for _, rows in reported], readers, job.budget, row_bytes)
    return Forecast(settled, todo, cost, sorted([*windows, *reported]), meter.requests)


async def _ways(
    spans: Spans, todo: tuple[Window, ...]
) -> tuple[list[tuple[Window, tuple[int, int]]], list[tuple[Window, int]]]:
    """What would be read by pages, with its rows and parts; and by report, with its rows."""
    leases = await spans.chosen(map(Lease, todo), ())
    windows = [lease.window for lease in leases]
    reported = [(window, spans.rows[window]) for window in windows if window in spans.by_report]
    paged = [window for window in windows if window not in spans.by_report]
    return [(window, (spans.rows_in(window), 1)) for window in paged], reported


def _known(job: Job, account_id: int) -> tuple[tuple[Window, ...], float, dict[str, Any]]:
    """What the lake covers, the size of a row in its files, and what earlier runs learned of the API.

    Raises:
        LakeError: It is no folder, or bound to another account, or the dataset was started otherwise.
    """
    layout = Layout(job.lake, job.name)
    place = job.lake.absolute()
    if not next(path for path in (place, *place.parents) if path.exists()).is_dir():
        raise unwritable(job.lake, NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR)))
    if not has_begun(layout):
        return (), job.dataset.row_bytes, {}
    with Database.open(layout.ledger, read_only=True) as database:
        ledger, catalog = Ledger(database, job.name), Catalog(database, job.name)
        ledger.check(account_id, job.identity)
        files = catalog.published()
        rows = sum(item.rows for item in files)
        row_bytes = sum(item.size for item in files) / rows if rows else job.dataset.row_bytes
        return catalog.coverage(), row_bytes, ledger.facts()
