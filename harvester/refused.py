"""A child account that the API refuses: a gap of its own, so that the others go on."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from harvester.config import Job
from harvester.errors import ForeignRecordsError, HarvestError, RefusedError, RequestError, first_failure
from harvester.lake.blank import take_back
from harvester.lake.catalog import Catalog
from harvester.lake.database import Database
from harvester.lake.layout import Granularity, Layout
from harvester.lake.ledger import Ledger
from harvester.report import Report
from harvester.todo import Scope
from harvester.window import Gap, subtract

_NO_ACCOUNT, _NO_CHILD = 115, 194
_FORGOTTEN = " Nothing of it has ever come, so the lake does not remember it."


@dataclass(frozen=True, slots=True)
class Refusal:
    """That the API refuses a child account.

    Attributes:
        reason: Why.
        is_unknown: Whether it says that there is no such account, or that it is nobody's child.
    """

    reason: str
    is_unknown: bool


def refusal_of(job: Job, error: BaseException) -> Refusal | None:
    """Why the API refuses the child account of a job; ``None`` if it is something else that failed.

    What it refuses the key's own account, it refuses everybody: that is no gap, and ends the run.
    """
    failure = first_failure(error)
    is_refusal = isinstance(failure, RefusedError | ForeignRecordsError)
    is_no_child = isinstance(failure, RequestError) and failure.code == _NO_CHILD
    if job.account is None or not job.is_child or not (is_refusal or is_no_child):
        return None
    is_unknown = is_no_child or (isinstance(failure, RefusedError) and failure.code == _NO_ACCOUNT)
    return Refusal(f"account {job.account.id} is refused: {failure}", is_unknown)


@contextmanager
def refusals(job: Job) -> Iterator[list[str]]:
    """Take a refusal of the job's child account for an answer: why, if there was one."""
    told: list[str] = []
    try:
        yield told
    except (HarvestError, ExceptionGroup) as error:
        refusal = refusal_of(job, error)
        if refusal is None:
            raise
        told.append(refusal.reason)


def left_open(
    database: Database,
    job: Job,
    scope: Scope,
    refusal: Refusal,
    now: float,
    *,
    run: int | None,
    requests: int,
) -> Report:
    """Write down that a run was refused: all that it was to prove, and is not published, is a gap.

    If the API knows no such account, and nothing of it has ever come, its number was mistyped: that is told,
    and not written down, or every later run would ask for it, and none could mend it.

    Args:
        database: Of the lake, owned by this process.
        job: The run's.
        scope: Says what it was to prove.
        refusal: Why it could not.
        now: Unix time.
        run: Its number; ``None`` if it was refused before it had one.
        requests: How many it sent.
    """
    ledger, catalog = Ledger(database, job.name), Catalog(database, job.name)
    settled, coverage = job.settled(now), catalog.coverage()
    todo = scope(ledger, catalog, settled, Granularity(job.partition))
    spans = [rest for window in todo for rest in subtract(window, coverage)]
    is_forgotten = refusal.is_unknown and take_back(database, Layout(job.lake, job.name, job.table_names))
    reason = refusal.reason + _FORGOTTEN if is_forgotten else refusal.reason
    report = Report(
        outcome="gaps",
        asked=job.window,
        settled=settled,
        requests=requests,
        gaps=tuple(Gap(span, None, 0, reason) for span in spans),
        refused=reason,
    )
    if is_forgotten:
        return report
    run = ledger.begin(job.window, now) if run is None else run
    report = replace(report, run=run)
    ledger.leave(report.gaps, run)
    ledger.end(run, now, report.outcome, report.as_json())
    return report
