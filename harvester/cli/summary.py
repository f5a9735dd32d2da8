"""What a run did, when it is over."""

import click
import orjson
from rich.console import Console
from rich.table import Table

from harvester.cli.figures import amount, count, counted, duration
from harvester.config import Job
from harvester.report import Report
from harvester.window import Window

_MOST_GAPS = 20  # shown; all of them are in --json and in the ledger
_MANY_CLAIM = "claim to be running; taken as they are"


def print_summary(report: Report, job: Job, *, as_json: bool) -> None:
    """Print it on stdout: a table, or one JSON object."""
    if as_json:
        content = {"name": job.name, **report.as_json()}
        click.echo(orjson.dumps(content, option=orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2))
        return
    _print_outcome(report, job)
    if report.settled is not None and report.settled.end < report.asked.end:
        click.echo(f"The end of the range is not settled yet: harvested up to {report.settled}.")
    for window in report.running[:_MOST_GAPS]:
        click.echo(f"Sessions of {window} are still running; the next run asks for it again.")
    if len(report.running) > _MOST_GAPS:
        click.echo(f"… and {counted(len(report.running) - _MOST_GAPS, 'more such span')}; see --json")
    if report.stale:
        claim = "claims to be running; taken as it is" if report.stale == 1 else _MANY_CLAIM
        click.echo(f"{counted(report.stale, 'session')} older than --active-lag {claim}.")
    if report.lacking:
        click.echo(
            f"The reports have no column for {', '.join(report.lacking)}: null in what came by report."
        )
    for key, times in report.unknown:
        click.echo(f"Unknown field {key!r} came {counted(times, 'time')}; kept in the column 'extra'.")


def nothing_settled(asked: Window) -> str:
    """What is said where all of a range is too young."""
    return f"Nothing to do: nothing of {asked} is older than the settle lag yet."


def _print_outcome(report: Report, job: Job) -> None:
    if report.settled is None:
        click.echo(nothing_settled(report.asked))
    elif report.covered:
        proven = ", proven and published" if report.is_whole else ""
        click.echo(
            f"Nothing to do: {job.lake} already holds {report.settled} of {job.name!r}{proven};"
            " the API was asked for nothing."
        )
    else:
        Console(highlight=False).print(_table(report, job))
        _print_gaps(report)
    if report.doubted:
        spans, first = counted(len(report.doubted), "span"), report.doubted[0]
        are = "is" if len(report.doubted) == 1 else "are"
        click.echo(
            f"{spans} of it, from {first} on, {are} known to be wrong:"
            " see harvester status; harvester repair reads anew what is."
        )


def _table(report: Report, job: Job) -> Table:
    titles = {
        "complete": "Complete, and proven",
        "gaps": "Finished with gaps",
        "interrupted": "Interrupted; run again to go on",
    }
    # The range stands above: in a cell it would make the table wider than the 80 columns of a pipe.
    title = f"{titles.get(report.outcome, report.outcome)}\n{report.settled}"
    table = Table(title=title, title_justify="left", show_header=False)
    speed = f"{count(round(report.rows / report.seconds))} {job.dataset.noun}/s" if report.seconds else ""
    planned = "" if report.planned is None else f"planned {count(report.planned)}"
    table.add_row(job.dataset.noun, count(report.rows), f"{count(report.replayed)} of them received earlier")
    table.add_row("quarantined", count(report.quarantined), "")
    table.add_row("windows", f"{count(report.windows)} proven", counted(len(report.gaps), "gap"))
    table.add_row(
        "partitions",
        f"{count(report.partitions)} published",
        f"{count(report.withheld)} unfinished, withheld",
    )
    table.add_row("files", amount(report.published_bytes), counted(report.published_rows, "row"))
    table.add_row("requests", count(report.requests), planned)
    if report.reports:
        table.add_row("reports", f"{count(report.reports)} ordered", "")
    table.add_row("retries", count(report.retries), f"{duration(report.paused)} paused by the API")
    table.add_row("received", amount(report.received), "")
    table.add_row("time", duration(report.seconds), speed)
    cuts = f"cut {counted(report.cuts, 'time')}: the API refused more" if report.cuts else ""
    table.add_row("budget", f"{job.budget:g} requests/s" if job.budget else "none", cuts)
    return table


def _print_gaps(report: Report) -> None:
    for gap in report.gaps[:_MOST_GAPS]:
        unknown = "an unknown number of records"
        expected = unknown if gap.expected is None else counted(gap.expected, "record")
        click.echo(f"Gap {gap.window}: {expected} expected, {count(gap.received)} received: {gap.reason}")
    if len(report.gaps) > _MOST_GAPS:
        click.echo(
            f"… and {counted(len(report.gaps) - _MOST_GAPS, 'more gap')}; see --json or harvester status"
        )
    if report.gaps and report.run is not None:  # else the lake does not know of them
        click.echo(
            "Run the same command again, or harvester repair, to try the gaps again;"
            " or add --allow-gaps to publish without."
        )
