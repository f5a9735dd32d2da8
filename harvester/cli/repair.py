"""``harvester repair``: what is missing or wrong in a lake, and nothing else."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harvester.cli.exit_codes import ExitCode
from harvester.cli.options import (
    ACTIVE_LAG,
    CA_FILE,
    CHILDREN_BY,
    CREDENTIALS,
    ENDPOINT,
    HASH_NUMBERS,
    LAKE,
    NAME,
    PACE,
    api_settings,
    number_key,
    option,
    options,
)

if TYPE_CHECKING:
    from harvester.api.pacing import Pace
    from harvester.config import Job


@click.command("repair")
@options(
    LAKE,
    NAME,
    CREDENTIALS,
    ENDPOINT,
    CA_FILE,
    *PACE,
    ACTIVE_LAG,
    CHILDREN_BY,
    HASH_NUMBERS,
    option(
        "--allow-gaps", is_flag=True, help="Publish partitions with gaps too, marked incomplete (exit 3)."
    ),
    option("--keep-raw", is_flag=True, help="Keep the API's answers in the lake as evidence."),
    option("--json", "as_json", is_flag=True, help="Print one JSON summary a dataset on stdout."),
)
def command(
    *,
    lake: Path,
    name: str | None,
    allow_gaps: bool,
    keep_raw: bool,
    as_json: bool,
    **values: Any,  # noqa: ANN401  (the options of the API)
) -> None:
    """Read gaps, and what verify found, anew.

    Nothing else is asked for. A damaged file stays as it is until its replacement is proven.

    \b
    Examples:
      harvester repair --lake ./lake --credentials key.json
      harvester verify --lake ./lake --against-api; harvester repair --lake ./lake

    \b
    Exit codes: as of backfill; 3 if gaps are left.
    """  # noqa: D301  (\b keeps click from joining the lines)
    import asyncio

    settings = api_settings(values) | {"lake": lake, "allow_gaps": allow_gaps, "keep_raw": keep_raw}
    settings["number_key"] = number_key(values["hash_numbers"])
    jobs = list(_jobs(lake, name, settings))
    if not jobs:
        click.echo(
            f"Nothing to repair: {lake} has no gap, and verify has found nothing that can be read anew.",
            err=as_json,
        )
    whole = asyncio.run(_mend_all(jobs, as_json=as_json))
    click.get_current_context().exit(ExitCode.COMPLETE if whole else ExitCode.GAPS)


def _jobs(lake: Path, name: str | None, settings: dict[str, Any]) -> Iterator["Job"]:
    """What to repair, asked for and hidden as it was when it was harvested."""
    from harvester.cli.kept import kept_job
    from harvester.inspection import damages, holdings

    for holding in holdings(lake, name=name):
        window = damages(holding)
        if window is not None:
            yield kept_job(holding.name, holding.identity, window, settings)


async def _mend_all(jobs: Sequence["Job"], *, as_json: bool) -> bool:
    """Repair one dataset after the other, within one budget; returns whether nothing is left."""
    from harvester.api.pacing import Pace

    pace = Pace.of(job.budget for job in jobs)
    return all([await _mend(job, pace, as_json=as_json) for job in jobs])


async def _mend(job: "Job", pace: "Pace", *, as_json: bool) -> bool:
    """Repair one dataset; returns whether nothing is left."""
    from harvester.api.credentials import load_credentials
    from harvester.cli.display import Display
    from harvester.cli.summary import print_summary
    from harvester.cli.supervise import supervise
    from harvester.harvest import Backfill
    from harvester.todo import damaged

    ctx = click.get_current_context()
    backfill = Backfill(job, load_credentials(job.credentials)[0], scope=damaged, pace=pace)
    display = Display(job, backfill.snapshot, quiet=ctx.params["quiet"])
    report, signals = await supervise(backfill, display)
    if report is not None:
        print_summary(report, job, as_json=as_json)
    if signals:
        ctx.exit(ExitCode.SIGNAL + signals[0])
    return report is None or report.is_whole
