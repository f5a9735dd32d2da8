"""One job after the other, and one exit code for all of them."""

from collections.abc import Callable, Sequence

import click

from harvester.cli.exit_codes import ExitCode
from harvester.cli.explanation import explain
from harvester.config import Job

_WORSE_AND_WORSE = (
    ExitCode.COMPLETE,
    ExitCode.GAPS,
    ExitCode.REFUSED,
    ExitCode.USAGE,
    ExitCode.LOCKED,
    ExitCode.UNEXPECTED,
)


def one_after_the_other(jobs: Sequence[Job], work: Callable[[Job], int]) -> int:
    """Do the work of every job; returns the worst exit code.

    One job's failure is its own: the key may lack the role for one dataset and have that for the next. A
    signal ends them all.
    """
    if len(jobs) == 1:
        return work(jobs[0])
    worst = 0
    for job in jobs:
        click.echo(f"{job.name}:", err=True)
        try:
            code = work(job)
        except Exception as error:  # noqa: BLE001  (as in main: every failure gets an exit code)
            code = explain(error)
        if code > ExitCode.SIGNAL:
            return code
        worst = max(worst, _WORSE_AND_WORSE.index(ExitCode(code)))
    return _WORSE_AND_WORSE[worst]
