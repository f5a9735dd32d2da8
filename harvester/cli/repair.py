"""``harvester repair``: what is missing or wrong in a lake, and nothing else."""

import functools
from collections.abc import Iterator
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
    from harvester.api.credentials import Credentials
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
    option(
        "--json",
        "as_json",
        is_flag=True,
        help="Print one JSON summary a dataset on stdout; one without a name if none needs it.",
    ),
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
    from harvester.cli.key_file import credentials_of
    from harvester.cli.several import one_after_the_other

    settings = api_settings(values) | {"lake": lake, "allow_gaps": allow_gaps, "keep_raw": keep_raw}
    settings["number_key"] = number_key(values["hash_numbers"])
    jobs = list(_jobs(lake, name, settings))
    if not jobs:
        click.echo(
            f"Nothing to repair: {lake} has no gap, and verify has found nothing that can be read anew.",
            err=as_json,
        )
        if as_json:
            import orjson

            nothing = {"lake": str(lake), "outcome": "complete", "requests": 0, "gaps": []}
            click.echo(orjson.dumps(nothing, option=orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2))
        return
    work = functools.partial(_mend, credentials=credentials_of(jobs[0].credentials), as_json=as_json)
    click.get_current_context().exit(one_after_the_other(jobs, work, ends=_ends))


def _jobs(lake: Path, name: str | None, settings: dict[str, Any]) -> Iterator["Job"]:
    """What to repair, asked for and hidden as it was when it was harvested."""
    from harvester.cli.kept import kept_job
    from harvester.inspection import damages, holdings

    for holding in holdings(lake, name=name):
        window = damages(holding)
        if window is not None:
            yield kept_job(holding.name, holding.identity, window, settings)


def _ends(failure: BaseException) -> bool:
    """Whether it would keep any other dataset from being repaired, too: lake, key file, disk or a defect."""
    from harvester.errors import HarvestError, is_of_all

    return is_of_all(failure) or not isinstance(failure, HarvestError)


async def _mend(order: "Job", pace: "Pace", *, credentials: "Credentials", as_json: bool) -> int:
    """Repair one dataset; returns its exit code."""
    from harvester.cli.display import Display
    from harvester.cli.streams import missable
    from harvester.cli.summary import print_summary
    from harvester.cli.supervise import supervise
    from harvester.harvest import Backfill
    from harvester.todo import damaged

    backfill = Backfill(order, credentials, scope=damaged, pace=pace)
    quiet = click.get_current_context().params["quiet"]
    report, signals = await supervise(backfill, Display(lambda: backfill, quiet=quiet))
    if report is not None:
        with missable():
            print_summary(report, order, as_json=as_json)
    if signals:
        return ExitCode.SIGNAL + signals[0]
    return ExitCode.COMPLETE if report is None or report.is_whole else ExitCode.GAPS
