"""A child account that the API refuses: a gap of its own, so that the others go on."""

from collections.abc import Iterator
from contextlib import contextmanager

from harvester.config import Job
from harvester.errors import ForeignRecordsError, HarvestError, RefusedError, RequestError, first_failure
from harvester.lake.catalog import Catalog
from harvester.lake.database import Database
from harvester.lake.layout import Granularity
from harvester.lake.ledger import Ledger
from harvester.report import Report
from harvester.todo import Scope
from harvester.window import Gap, subtract

_NO_CHILD = 194


def refusal_of(job: Job, error: BaseException) -> str | None:
    """Why the API refuses the child account of a job; ``None`` if it is something else that failed.

    What it refuses the key's own account, it refuses everybody: that is no gap, and ends the run.
    """
    failure = first_failure(error)
    is_refusal = isinstance(failure, RefusedError | ForeignRecordsError)
    is_unknown = isinstance(failure, RequestError) and failure.code == _NO_CHILD
    if job.account is None or not job.is_child or not (is_refusal or is_unknown):
        return None
    return f"account {job.account.id} is refused: {failure}"


@contextmanager
def refusals(job: Job) -> Iterator[list[str]]:
    """Take a refusal of the job's child account for an answer: why, if there was one."""
    told: list[str] = []
    try:
        yield told
    except (HarvestError, ExceptionGroup) as error:
        reason = refusal_of(job, error)
        if reason is None:
            raise
        told.append(reason)


def left_open(
    database: Database,
    job: Job,
    scope: Scope,
    reason: str,
    now: float,
    *,
    run: int | None,
    requests: int,
) -> Report:
    """Write down that a run was refused: all that it was to prove, and is not published, is a gap.

    Args:
        database: Of the lake, owned by this process.
        job: The run's.
        scope: Says what it was to prove.
        reason: Why it could not.
        now: Unix time.
        run: Its number; ``None`` if it was refused before it had one.
        requests: How many it sent.
    """
    ledger, catalog = Ledger(database, job.name), Catalog(database, job.name)
    settled, coverage = job.settled(now), catalog.coverage()
    todo = scope(ledger, catalog, settled, Granularity(job.partition))
    spans = [rest for window in todo for rest in subtract(window, coverage)]
    gaps = tuple(Gap(span, None, 0, reason) for span in spans)
    run = ledger.begin(job.window, now) if run is None else run
    ledger.leave(gaps, run)
    report = Report(
        outcome="gaps",
        asked=job.window,
        settled=settled,
        run=run,
        requests=requests,
        gaps=gaps,
        refused=reason,
    )
    ledger.end(run, now, report.outcome, report.as_json())
    return report
