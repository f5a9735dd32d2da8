"""What a backfill would ask for, found out by asking for counts alone."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from harvester.api.client import Client, Meter
from harvester.api.connection import connected
from harvester.api.credentials import Credentials
from harvester.api.question import Question
from harvester.config import Job
from harvester.errors import MalformedAnswerError, RangeTooWideError
from harvester.lake.catalog import Catalog
from harvester.lake.database import Database
from harvester.lake.layout import Layout
from harvester.pipeline import fetchers
from harvester.plan.estimate import Estimate, estimate
from harvester.window import Window, subtract

_ROW_BYTES = 350.0  # of a session in a published file, until the lake knows better; measured on full sessions
_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Forecast:
    """The answer to ``harvester plan``.

    Attributes:
        todo: What is settled and not published yet, oldest first.
        estimate: What harvesting it will cost.
        asked: How many requests it took to find out.
    """

    todo: tuple[Window, ...]
    estimate: Estimate
    asked: int


async def forecast(job: Job, credentials: Credentials, *, now: Callable[[], float] = time.time) -> Forecast:
    """Ask for counts, one request for each span that is missing in the lake.

    Raises:
        HarvestError: The job is not usable, or the API refuses.
    """
    settled = job.settled(now())
    coverage, row_bytes = _known(job)
    todo = subtract(settled, coverage) if settled else ()
    meter = Meter()
    rows = spans = 0
    async with connected(job, credentials, meter, now=now) as client:
        waiting = list(todo)
        while waiting:
            window = waiting.pop()
            try:
                rows += await _count(client, job, window)
                spans += 1
            except RangeTooWideError as error:
                if window.seconds == 1:
                    raise  # no range is narrow enough
                waiting += _narrowed(window, error.days)
    cost = estimate(
        rows,
        spans,
        page_size=job.dataset.page_size,
        reach=job.dataset.reach,
        fetchers=fetchers(job.concurrency),
        rate=job.rate,
        row_bytes=row_bytes,
    )
    return Forecast(todo, cost, meter.requests)


async def _count(client: Client, job: Job, window: Window) -> int:
    question = Question(window.start, window.end)
    parameters = question.parameters(job.dataset, 0, with_total=True) | {"count": "1"}
    _, page = await client.fetch(job.dataset.method, {**job.shared, **parameters})
    if page.total is None:
        raise MalformedAnswerError("the API gives no total")
    return page.total


def _narrowed(window: Window, days: int | None) -> list[Window]:
    # The closed range that is asked counts its last second too.
    half = window.seconds // 2
    step = max(1, min(half, days * _DAY - 1) if days else half)
    return [Window(start, min(start + step, window.end)) for start in range(window.start, window.end, step)]


def _known(job: Job) -> tuple[tuple[Window, ...], float]:
    """What the lake covers, and the size of a row in its files."""
    layout = Layout(job.lake, job.name)
    if not layout.ledger.exists():
        return (), _ROW_BYTES
    with Database.open(layout.ledger, read_only=True) as database:
        catalog = Catalog(database, job.name)
        files = catalog.published()
        rows = sum(item.rows for item in files)
        return catalog.coverage(), sum(item.bytes for item in files) / rows if rows else _ROW_BYTES
