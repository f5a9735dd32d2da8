"""``harvester recover``: a new ledger for a lake that lost its own."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harvester.cli.bars import bars
from harvester.cli.exit_codes import ExitCode
from harvester.cli.figures import amount, counted
from harvester.cli.options import LAKE, option, options
from harvester.limits import MOST_SIDE_BY_SIDE

if TYPE_CHECKING:
    from harvester.lake.recover import Recovery


@click.command("recover")
@options(
    LAKE,
    option(
        "--jobs",
        type=click.IntRange(1, MOST_SIDE_BY_SIDE),
        help="Files to look at side by side.  [default: cores]",
    ),
    option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout."),
)
def command(*, lake: Path, jobs: int | None, as_json: bool) -> None:
    """Rebuild a lost or damaged ledger from the published files.

    Every file is read whole, and only what proves itself is taken. The others are named and left as they are;
    the next backfill reads their seconds anew and replaces them. So it does with seconds that were proven to
    be empty, which have no file. The old ledger and the spool are moved aside, not deleted; answers in the
    spool are as received, whatever the lake hides. A lake whose ledger is sound is refused.

    \b
    Examples:
      harvester recover --lake ./lake
      harvester recover --lake ./lake --json | jq '.aside'

    \b
    Exit codes: 0 every file taken; 2 nothing to recover, or to recover from; 3 some files left aside;
    5 lake owned by another run.
    """  # noqa: D301  (\b keeps click from joining the lines)
    import os
    import time

    import orjson

    from harvester.lake.recover import rebuild

    ctx = click.get_current_context()
    with _progress(quiet=ctx.params["quiet"]) as step:
        recovery = rebuild(lake, now=time.time(), jobs=jobs or os.cpu_count() or 1, step=step)
    if as_json:
        click.echo(orjson.dumps(_plain(recovery), option=orjson.OPT_INDENT_2))
    else:
        for line in _lines(recovery):
            click.echo(line)
    ctx.exit(ExitCode.GAPS if recovery.aside else ExitCode.COMPLETE)


def _lines(recovery: "Recovery") -> Iterator[str]:
    for item in recovery.datasets:
        rows, files = counted(item.rows, "row"), counted(item.files, "file")
        yield f"{item.name}: {rows} in {files}, {amount(item.bytes)}"
        for window in item.coverage:
            yield f"  covered  {window}"
    if recovery.aside:
        yield f"{counted(len(recovery.aside), 'file was', 'files were')} left aside, as they are:"
    for finding in recovery.aside:
        yield f"  {finding.path}: {finding.text}"
    if recovery.kept is not None:
        yield f"What was left of the old ledger lies in {recovery.kept}."
    for spool in recovery.answers:
        yield f"{spool} holds answers as received, with all that the lake hides; it is yours to remove."
    yield "Run the backfill again: it asks for what is not covered, and for nothing else."


def _plain(recovery: "Recovery") -> dict[str, object]:
    return {
        "kept": None if recovery.kept is None else str(recovery.kept),
        "answers": [str(spool) for spool in recovery.answers],
        "aside": [{"path": str(item.path), "text": item.text} for item in recovery.aside],
        "datasets": [
            {
                "name": item.name,
                "files": item.files,
                "rows": item.rows,
                "bytes": item.bytes,
                "coverage": [window.as_json() for window in item.coverage],
            }
            for item in recovery.datasets
        ],
    }


@contextmanager
def _progress(*, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """A bar on a terminal, elsewhere nothing."""
    with bars(quiet=quiet) as bar:
        task = bar.add_task("files", total=None)

        def step(done: int, of: int) -> None:
            bar.update(task, completed=done, total=of)

        yield step
