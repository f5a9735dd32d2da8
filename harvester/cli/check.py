"""``harvester check``: whether everything is in place, and the remedy where it is not."""

import functools
from typing import TYPE_CHECKING, Any

import click

from harvester.cli.exit_codes import ExitCode, exit_code
from harvester.cli.jobs import jobs
from harvester.cli.options import ANY_RANGE, REST, option, options

if TYPE_CHECKING:
    from harvester.api.pacing import Pace
    from harvester.config import Job


@click.command("check")
@options(
    *ANY_RANGE,
    *REST,
    option("--json", "as_json", is_flag=True, help="Print one line of JSON a dataset and account on stdout."),
)
def command(*, as_json: bool, **values: Any) -> None:  # noqa: ANN401  (the options above)
    """Check that everything is in place.

    The key file; the lake, whether it is free and holds what the options mean, and the disk; the endpoint,
    the token and its role, and the clock. Sends one request a dataset and account, one more each if reports
    are needed, and one for the list of children with --accounts all. Takes the options of backfill, and
    exits as a backfill would: ✗ is what would end it, ! what it would only warn of.

    \b
    Examples:
      harvester check --lake ./lake --credentials key.json
      VOXIMPLANT_CREDENTIALS=key.json harvester check --lake ./lake
    """  # noqa: D301  (\b keeps click from joining the lines)
    from harvester.cli.several import one_after_the_other

    code = one_after_the_other(jobs(values), functools.partial(_check, as_json=as_json))
    click.get_current_context().exit(code)


async def _check(order: "Job", pace: "Pace", *, as_json: bool) -> int:
    """Check one job; returns the exit code."""
    import orjson

    from harvester.examination import examine

    findings = [finding async for finding in examine(order, pace=pace)]
    if as_json:
        plain = [
            {
                "subject": item.subject,
                "ok": item.failure is None,
                "warning": item.doubtful,
                "text": item.text,
            }
            for item in findings
        ]
        click.echo(orjson.dumps({"name": order.name, "findings": plain}))
    else:
        for item in findings:
            mark = "✗" if item.failure else "!" if item.doubtful else "✓"
            click.echo(f"{mark} {item.subject:15}{item.text}")
    failures = [item.failure for item in findings if item.failure is not None]
    return exit_code(failures[0]) if failures else ExitCode.COMPLETE
