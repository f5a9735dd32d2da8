"""``harvester backfill``: the main job."""

import functools
from typing import TYPE_CHECKING, Any

import click

from harvester.cli.exit_codes import ExitCode
from harvester.cli.jobs import jobs
from harvester.cli.options import JOB, option, options
from harvester.limits import MOST_SIDE_BY_SIDE

if TYPE_CHECKING:
    from harvester.api.credentials import Credentials
    from harvester.api.pacing import Pace
    from harvester.config import Job


@click.command("backfill")
@options(
    *JOB,
    option(
        "--allow-gaps", is_flag=True, help="Publish partitions with gaps too, marked incomplete (exit 3)."
    ),
    option("--keep-raw", is_flag=True, help="Keep the API's answers in the lake as evidence."),
    option(
        "--processes",
        type=click.IntRange(1, MOST_SIDE_BY_SIDE),
        default=1,
        show_default=True,
        help="Processes to work side by side, within one budget.",
    ),
    option("--json", "as_json", is_flag=True, help="Print one JSON summary a dataset and account on stdout."),
)
def command(
    *,
    allow_gaps: bool,
    keep_raw: bool,
    processes: int,
    as_json: bool,
    **values: Any,  # noqa: ANN401  (the options of JOB)
) -> None:
    """Harvest a range of history into the lake.

    What is there already is not asked for again.

    Killed or stopped, run the same command again: it goes on where it was. The first Ctrl-C lets running
    windows finish, for 30 seconds at most, the second stops at once; nothing is lost either way.

    \b
    Examples:
      harvester backfill --from 2024-01-01 --to 2025-01-01 --lake ./lake --credentials key.json
      harvester backfill --from 2024-05-29T10:00 --to 2024-05-29T17:30 --lake ./lake --rate 20
      harvester backfill --from 2019-01-01 --to 2024-01-01 --lake ./lake --partition month --json
      harvester backfill --from 2019-01-01 --to 2024-01-01 --lake ./lake --rate 60 --processes 4
      harvester backfill --from 2024-01-01 --to 2024-02-01 --lake ./lake --name sales --application-id 7
      harvester backfill --from 2024-01-01 --to 2024-02-01 --lake ./lake --dataset transactions
      harvester backfill --from 2024-01-01 --to 2024-02-01 --lake ./lake --accounts all

    \b
    Exit codes: 0 complete and proven; 1 unexpected; 2 usage or configuration; 3 finished with gaps;
    4 refused by the API (key, role, account); 5 lake owned by another run; 129/130/143 interrupted.
    """  # noqa: D301  (\b keeps click from joining the lines)
    if processes > 1:  # first, so that they load the program while this process does
        from harvester.processes.forks import prepare

        prepare()
    from harvester.cli.key_file import credentials_of
    from harvester.cli.several import one_after_the_other

    orders = jobs(values, allow_gaps=allow_gaps, keep_raw=keep_raw)
    credentials = credentials_of(orders[0].credentials)  # all of them have the same
    work = functools.partial(_harvest, credentials=credentials, processes=processes, as_json=as_json)
    click.get_current_context().exit(one_after_the_other(orders, work))


async def _harvest(
    order: "Job", pace: "Pace", *, credentials: "Credentials", processes: int, as_json: bool
) -> int:
    """One backfill; returns its exit code."""
    from harvester.cli.display import Display
    from harvester.cli.streams import missable
    from harvester.cli.summary import print_summary
    from harvester.cli.supervise import supervise
    from harvester.harvest import Backfill

    backfill = Backfill(order, credentials, pace=pace, processes=processes)
    quiet = click.get_current_context().params["quiet"]
    report, signals = await supervise(backfill, Display(lambda: backfill, quiet=quiet))
    if report is not None:
        with missable():
            print_summary(report, order, as_json=as_json)
    if signals:
        return ExitCode.SIGNAL + signals[0]
    return ExitCode.COMPLETE if report is None or report.is_whole else ExitCode.GAPS
