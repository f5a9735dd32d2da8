"""What a run did, when it is over."""

import click
import orjson
from rich.console import Console
from rich.table import Table

from harvester.cli.figures import amount, count, duration
from harvester.config import Job
from harvester.report import Report

_MOST_GAPS = 20  # shown; all of them are in --json and in the ledger


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
        click.echo(f"… and {count(len(report.running) - _MOST_GAPS)} more such spans; see --json")
    if report.stale:
        click.echo(
            f"{count(report.stale)} sessions older than --active-lag claim to be running; taken as they are."
        )
    if report.lacking:
        click.echo(
            f"The reports have no column for {', '.join(report.lacking)}: null in what came by report."
        )
    for key, times in report.unknown:
        click.echo(f"Unknown field {key!r} came {count(times)} times; kept in the column 'extra'.")


def _print_outcome(report: Report, job: Job) -> None:
    if report.settled is None:
        click.echo(f"Nothing to do: nothing of {report.asked} is older than the settle lag yet.")
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
        count_of, first = count(len(report.doubted)), report.doubted[0]
        click.echo(
            f"{count_of} spans of it, from {first} on, are known to be wrong: see harvester status;"
            " harvester repair reads them anew."
        )


def _table(report: Report, job: Job) -> Table:
    titles = {
        "complete": "Complete, and proven",
        "gaps": "Finished with gaps",
        "interrupted": "Interrupted; run again to go on",
    }
    table = Table(title=titles.get(report.outcome, report.outcome), title_justify="left", show_header=False)
    speed = f"{count(round(report.rows / report.seconds))} {job.dataset.noun}/s" if report.seconds else ""
    planned = "" if report.planned is None else f"planned {count(report.planned)}"
    table.add_row("range", str(report.settled), "")
    table.add_row(job.dataset.noun, count(report.rows), f"{count(report.replayed)} of them received earlier")
    table.add_row("quarantined", count(report.quarantined), "")
    table.add_row("windows", f"{count(report.windows)} proven", f"{count(len(report.gaps))} gaps")
    table.add_row(
        "partitions",
        f"{count(report.partitions)} published",
        f"{count(report.withheld)} unfinished, withheld",
    )
    table.add_row("files", amount(report.published_bytes), f"{count(report.published_rows)} rows")
    table.add_row("requests", count(report.requests), planned)
    if report.reports:
        table.add_row("reports", f"{count(report.reports)} ordered", "")
    table.add_row("retries", count(report.retries), f"{duration(report.paused)} paused by the API")
    table.add_row("received", amount(report.received), "")
    budget = f"budget {job.budget:g} requests/s" if job.budget else "no budget"
    table.add_row("time", duration(report.seconds), f"{speed}, {budget}" if speed else budget)
    return table


def _print_gaps(report: Report) -> None:
    for gap in report.gaps[:_MOST_GAPS]:
        expected = "an unknown number of" if gap.expected is None else count(gap.expected)
        click.echo(
            f"Gap {gap.window}: {expected} records expected, {count(gap.received)} received: {gap.reason}"
        )
    if len(report.gaps) > _MOST_GAPS:
        click.echo(f"… and {count(len(report.gaps) - _MOST_GAPS)} more gaps; see --json or harvester status")
    if report.gaps and report.run is not None:  # else the lake does not know of them
        click.echo(
            "Run the same command again, or harvester repair, to try the gaps again;"
            " or add --allow-gaps to publish without."
        )
