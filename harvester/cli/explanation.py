"""What went wrong, in a sentence on stderr, and the exit code that says the same."""

import traceback

import click

from harvester.cli.exit_codes import ExitCode, exit_code, first_failure
from harvester.errors import HarvestError
from harvester.secret import masked


def explain(error: Exception) -> int:
    """Say what ended a command; returns the exit code."""
    failure = first_failure(error)
    match failure:
        case HarvestError():
            say(f"harvester: {failure}")
            return exit_code(failure)
        case OSError():
            place = f" {failure.filename}" if failure.filename else ""
            reason = failure.strerror or type(failure).__name__
            say(f"harvester: the system refused{place}: {reason}; run again to go on")
        case _:
            # Without local variables, which hold headers and keys; an error's own text may quote anything.
            say("".join(traceback.format_exception(error)), end="")
            say("harvester: this is a defect of the program; what is published is intact")
    return ExitCode.UNEXPECTED


def say(text: str, end: str = "\n") -> None:
    """Say it on stderr, without secrets."""
    click.echo(masked(text) + end, err=True, nl=False)
