"""Puts together what reads a job's windows, and decides which of them are read by report."""

from collections.abc import Callable, Mapping, Sequence

from harvester.api.caps import Caps
from harvester.api.client import Client
from harvester.api.counting import Counter
from harvester.api.page_source import PageSource
from harvester.api.protocol import Quick
from harvester.api.question import Bounds
from harvester.api.reader import MIXED, Answers, Reader
from harvester.api.report_reader import ReportReader
from harvester.api.report_source import ReportSource
from harvester.api.via import Via, lacks_fields
from harvester.config import Job
from harvester.plan.frontier import Lease
from harvester.records.owner import Owner
from harvester.records.redaction import Redaction
from harvester.settled import Settled
from harvester.spans import Spans


async def reader_of(
    job: Job,
    client: Client,
    answers: Answers,
    known: Mapping[str, object],
    leases: Sequence[Lease],
    *,
    now: Callable[[], float],
    quick: Quick | None = None,
) -> tuple[Via, list[Lease]]:
    """The reader of a run, and what it is to read.

    Args:
        job: What to ask for.
        client: Asks.
        answers: Keeps what was answered, here and in earlier runs.
        known: What earlier runs learned of the API.
        leases: What is to be read, before it is cut for reports.
        now: Gives Unix time.
        quick: Reads kept answers that are as documented; ``client`` has its own way.

    Raises:
        HarvestError: Counting was needed, and the API refuses or cannot be reached.
    """
    dataset, bounds = job.dataset, Bounds(known)
    redaction = Redaction.of(dataset, urls=job.redact_urls, key=job.number_key)
    final_before = int(now()) - job.active_lag
    owner, caps = owner_of(job), Caps(dataset, known)
    check = Settled(job.settle, now, client).check
    source = PageSource(dataset, job.shared, client, redaction, caps, owner=owner, quick=quick, check=check)
    pages = Reader(source, answers, bounds, final_before=final_before)
    if dataset.report is None:
        return Via(pages, None, answers), list(leases)
    counter = Counter(client, dataset, job.shared, mixed=known.get(MIXED) is True)
    reports = ReportReader(
        dataset,
        ReportSource(dataset, job.shared, client, now=now),
        counter,
        answers,
        bounds,
        redaction=redaction,
        owner=owner,
        final_before=final_before,
    )
    if job.way == "pages" or (job.way == "auto" and lacks_fields(known)):
        return Via(pages, reports, answers), list(leases)
    spans = Spans(job, counter, bounds)
    chosen = await spans.chosen(leases, {lease.window for lease in leases if reports.holds(lease.window)})
    by_report = job.way == "reports"
    via = Via(pages, reports, answers, spans=spans.by_report, only_reports=by_report, check=check)
    return via, chosen


def owner_of(job: Job) -> Owner | None:
    """Whose records a job takes; ``None`` if it takes whatever comes.

    Only a method that can count the children alone may mix theirs with the parent's: else the parent's own
    could not be counted.
    """
    if job.account is None:
        return None
    alone = job.is_child or job.dataset.children is None
    return Owner(job.account.id, job.dataset.account, alone=alone)
