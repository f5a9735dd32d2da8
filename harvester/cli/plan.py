"""``harvester plan``: what a backfill would cost, before it starts."""

import functools
from typing import TYPE_CHECKING, Any

import click

from harvester.cli.exit_codes import ExitCode
from harvester.cli.jobs import jobs
from harvester.cli.options import JOB, option, options

if TYPE_CHECKING:
    from harvester.api.pacing import Pace
    from harvester.config import Job

_SHOWN = 8  # windows


@click.command("plan")
@options(
    *JOB,
    option("--json", "as_json", is_flag=True, help="Print one line of JSON a dataset and account on stdout."),
)
def command(*, as_json: bool, **values: Any) -> None:  # noqa: ANN401  (the options of JOB)
    """Say what a backfill would cost, and ask for counts alone.

    Windows, requests, minutes at the rate, bytes of the files. What backfill would refuse, because the lake
    holds something else, it refuses too; a lake that another run is writing it reads.

    \b
    Examples:
      harvester plan --from 2024-01-01 --to 2025-01-01 --lake ./lake
      harvester plan --from 2019-01-01 --to 2025-01-01 --lake ./lake --rate 20 --json
    """  # noqa: D301  (\b keeps click from joining the lines)
    from harvester.cli.several import one_after_the_other

    code = one_after_the_other(jobs(values), functools.partial(_plan, as_json=as_json))
    click.get_current_context().exit(code)


async def _plan(order: "Job", pace: "Pace", *, as_json: bool) -> int:
    """Plan one backfill; returns the exit code."""
    from dataclasses import asdict

    import orjson
    from rich.console import Console
    from rich.table import Table

    from harvester.api.credentials import load_credentials
    from harvester.cli.figures import amount, count, duration
    from harvester.cli.summary import nothing_settled
    from harvester.forecast import forecast

    credentials, _ = load_credentials(order.credentials)
    plan = await forecast(order, credentials, pace=pace)
    cost = plan.estimate
    if as_json:
        todo = [window.as_json() for window in plan.todo]
        outline = [{**window.as_json(), "rows": rows} for window, rows in plan.windows]
        settled = None if plan.settled is None else plan.settled.as_json()
        found = {"settled": settled, "todo": todo, "outline": outline, "asked": plan.asked}
        click.echo(orjson.dumps({"name": order.name, **asdict(cost), **found}))
        return ExitCode.COMPLETE
    if plan.settled is None:
        click.echo(nothing_settled(order.window))
        return ExitCode.COMPLETE
    if not plan.todo:
        click.echo(f"Nothing to do: {order.lake} already holds what is settled of the range.")
        return ExitCode.COMPLETE
    table = Table(title="A backfill would ask for", title_justify="left", show_header=False)
    table.add_row("missing", "\n".join(map(str, plan.todo)))
    table.add_row(order.dataset.noun, count(cost.rows))
    table.add_row("windows", f"about {count(cost.windows)}")
    table.add_row("requests", f"about {count(cost.requests)}")
    budget = f" at {order.budget:g}/s" if order.budget else ""
    table.add_row("time", "no budget" if cost.seconds is None else f"{duration(cost.seconds)}{budget}")
    table.add_row("files", f"about {amount(cost.bytes)}")
    Console(highlight=False).print(table)
    click.echo("Windows, about:")
    for window, rows in plan.windows[:_SHOWN]:
        click.echo(f"  {window}  {count(rows)}")
    if len(plan.windows) > _SHOWN:
        click.echo(f"  … and {count(len(plan.windows) - _SHOWN)} more; all of them with --json")
    click.echo(f"It took {count(plan.asked)} requests to find out.")
    return ExitCode.COMPLETE
