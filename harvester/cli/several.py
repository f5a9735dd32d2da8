"""One job after the other, within one budget, and one exit code for all of them."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import click

from harvester.account import apart
from harvester.api.pacing import Pace
from harvester.cli.exit_codes import ExitCode
from harvester.cli.explanation import explain
from harvester.cli.supervise import StoppingError
from harvester.config import Job

Work = Callable[[Job, Pace], Awaitable[int]]
"""Does one job at the pace that all share; returns its exit code."""

_WORSE_AND_WORSE = (
    ExitCode.COMPLETE,
    ExitCode.GAPS,
    ExitCode.REFUSED,
    ExitCode.USAGE,
    ExitCode.LOCKED,
    ExitCode.UNEXPECTED,
)


def one_after_the_other(jobs: Sequence[Job], work: Work) -> int:
    """Do the work of every job; returns the worst exit code.

    One job's failure is its own: the key may lack the role for one dataset and have that for the next. A
    child account that is refused is a gap. If the key's own account is refused, its children are not asked
    for: the same key signs for them. A signal ends them all, and is the exit code, also if the job under way
    fails after it.
    """
    return asyncio.run(_in_turn(jobs, work))


async def _in_turn(jobs: Sequence[Job], work: Work) -> int:
    pace = Pace.of(job.budget for job in jobs)
    if len(jobs) == 1:
        return await work(jobs[0], pace)
    worst = 0
    refused: set[str] = set()
    for job in jobs:
        click.echo(f"{job.name}:", err=True)
        dataset, _ = apart(job.name)
        if job.is_child and dataset in refused:
            click.echo("not asked for, since the key's own account was refused", err=True)
            continue
        code = await _code(job, work, pace)
        if code > ExitCode.SIGNAL:
            return code
        if code == ExitCode.REFUSED and job.account is not None and not job.is_child:
            refused.add(dataset)
        worst = max(worst, _WORSE_AND_WORSE.index(ExitCode(code)))
    return _WORSE_AND_WORSE[worst]


async def _code(job: Job, work: Work, pace: Pace) -> int:
    try:
        code = await work(job, pace)
    except Exception as error:  # noqa: BLE001  (as in main: every failure gets an exit code)
        code = explain(error)
        if isinstance(error, StoppingError):
            return ExitCode.SIGNAL + error.number
    return ExitCode.GAPS if code == ExitCode.REFUSED and job.is_child else code
