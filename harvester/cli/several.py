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
from harvester.errors import first_failure

Work = Callable[[Job, Pace], Awaitable[int]]
"""Does one job at the pace that all share; returns its exit code."""

Ends = Callable[[BaseException], bool]
"""Whether a failure ends all jobs, for it would meet each of them."""

_WORSE_AND_WORSE = (
    ExitCode.COMPLETE,
    ExitCode.GAPS,
    ExitCode.REFUSED,
    ExitCode.USAGE,
    ExitCode.LOCKED,
    ExitCode.UNEXPECTED,
)


def _never(_failure: BaseException) -> bool:
    return False


def one_after_the_other(jobs: Sequence[Job], work: Work, ends: Ends = _never) -> int:
    """Do the work of every job; returns the worst exit code.

    One job's failure is its own: the key may lack the role for one dataset and have that for the next. A
    child account that is refused is a gap. If the key's own account is refused, its children are not asked
    for: the same key signs for them. A signal ends them all, and is the exit code, also if the job under way
    fails after it.

    Args:
        jobs: What to do.
        work: Does one of them.
        ends: Says which failure is everybody's after all.

    Raises:
        Exception: What failed so, or what a lone job fails with.
    """
    return asyncio.run(_in_turn(jobs, work, ends))


async def _in_turn(jobs: Sequence[Job], work: Work, ends: Ends = _never) -> int:
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
        code = await _code(job, work, pace, ends)
        if code > ExitCode.SIGNAL:
            return code
        if code == ExitCode.REFUSED and job.account is not None and not job.is_child:
            refused.add(dataset)
        worst = max(worst, _WORSE_AND_WORSE.index(ExitCode(code)))
    return _WORSE_AND_WORSE[worst]


async def _code(job: Job, work: Work, pace: Pace, ends: Ends) -> int:
    try:
        code = await work(job, pace)
    except StoppingError as error:
        explain(error)
        return ExitCode.SIGNAL + error.number
    except Exception as error:  # as in main: every failure gets an exit code
        if ends(first_failure(error)):
            raise
        code = explain(error)
    return ExitCode.GAPS if code == ExitCode.REFUSED and job.is_child else code
