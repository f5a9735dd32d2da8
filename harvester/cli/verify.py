"""``harvester verify``: whether a lake still is what was proven."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harvester.cli.bars import bars
from harvester.cli.exit_codes import ExitCode
from harvester.cli.figures import amount, count
from harvester.cli.options import (
    CA_FILE,
    CHILDREN_BY,
    CREDENTIALS,
    ENDPOINT,
    LAKE,
    NAME,
    PACE,
    api_settings,
    option,
    options,
)
from harvester.limits import MOST_SIDE_BY_SIDE
from harvester.links import TABLE
from harvester.window import as_text

if TYPE_CHECKING:
    from harvester.config import Job
    from harvester.verification import Verification
    from harvester.window import Window


@click.command("verify")
@options(
    LAKE,
    NAME,
    option("--against-api", is_flag=True, help="Ask the API for the count of each partition again."),
    option(
        "--files",
        is_flag=True,
        help="Read all recordings, logs and transcripts, too; else only that they are there, and as long.",
    ),
    option(
        "--jobs",
        type=click.IntRange(1, MOST_SIDE_BY_SIDE),
        help="Files to look at side by side.  [default: cores]",
    ),
    CREDENTIALS,
    ENDPOINT,
    CA_FILE,
    *PACE,
    CHILDREN_BY,
    option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout, for auditors."),
)
def command(
    *,
    lake: Path,
    name: str | None,
    against_api: bool,
    jobs: int | None,
    files: bool,
    as_json: bool,
    **values: Any,  # noqa: ANN401  (the options of the API)
) -> None:
    """Prove again that a lake holds what was published.

    Hash, footer, rows, order and keys of every file, and whether recordings, logs and transcripts are
    there. With --against-api also the API's own counts, one request for each partition. What is found is
    kept in the lake for harvester repair: it must not be read-only, and no other run may own it.

    \b
    Examples:
      harvester verify --lake ./lake
      harvester verify --lake ./lake --files
      harvester verify --lake ./lake --against-api --credentials key.json --json

    \b
    Exit codes: 0 nothing wrong; 3 something found, or gaps known; others as of backfill.
    """  # noqa: D301  (\b keeps click from joining the lines)
    import asyncio
    import os
    import time

    from harvester.verification import Verify

    started, ctx = time.time(), click.get_current_context()
    with _progress(quiet=ctx.params["quiet"]) as step:
        verify = Verify(
            lake=lake,
            name=name,
            jobs=jobs or os.cpu_count() or 1,
            whole_files=files,
            step=step,
            **(_asking(values, lake) if against_api else {}),
        )
        results = asyncio.run(verify.run())
    if as_json:
        _print_json(results, lake, started, time.time())
    else:
        for line in (line for result in results for line in _lines(result, asked=against_api)):
            click.echo(line)
    ctx.exit(ExitCode.COMPLETE if all(result.is_sound for result in results) else ExitCode.GAPS)


def _asking(values: Mapping[str, Any], lake: Path) -> dict[str, Any]:
    """What a verification asks the API with."""
    from harvester.api.credentials import load_credentials
    from harvester.api.pacing import Pace
    from harvester.config import Job

    settings = api_settings(values) | {"lake": lake}

    def job(dataset: str, identity: Mapping[str, Any], window: "Window") -> "Job":
        return Job.of_identity(identity, name=dataset, window=window, **settings)

    credentials, _ = load_credentials(settings["credentials"])
    return {"job": job, "credentials": credentials, "pace": Pace(settings["rate"])}


def _lines(result: "Verification", *, asked: bool) -> Iterator[str]:
    strays = sum(finding.stray for finding in result.findings)
    beside = f"; {count(strays)} foreign files beside them" if strays else ""
    yield (
        f"{result.name}: {count(result.files)} files, {count(result.rows)} rows, {amount(result.bytes)};"
        f" {count(len(result.findings) - strays)} of them wrong, {count(len(result.gaps))} gaps{beside}"
    )
    for finding in result.findings:
        yield f"  {finding.path}: {finding.text}"
    for gap in result.gaps:
        yield f"  gap {gap.window}: {gap.reason}"
    if asked and result.name != TABLE:
        yield (
            f"  the API was asked {count(result.requests)} times for {count(len(result.counts))} spans;"
            f" {count(len(result.differing))} differ"
        )
    for item in result.differing:
        yield f"  {item.window}: {item.text}"
    if result.refused:
        yield f"  {result.refused}"
    if result.gaps or result.differing or any(finding.windows for finding in result.findings):
        yield "  harvester repair reads anew what can be mended."


def _print_json(results: list["Verification"], lake: Path, started: float, ended: float) -> None:
    import orjson

    from harvester import __version__

    content = {
        "version": __version__,
        "lake": str(lake),
        "started": as_text(int(started)),
        "ended": as_text(int(ended)),
        "sound": all(result.is_sound for result in results),
        "datasets": [_plain(result) for result in results],
    }
    click.echo(orjson.dumps(content, option=orjson.OPT_INDENT_2))


def _plain(result: "Verification") -> dict[str, object]:
    return {
        "name": result.name,
        "sound": result.is_sound,
        "files": result.files,
        "rows": result.rows,
        "bytes": result.bytes,
        "requests": result.requests,
        "refused": result.refused,
        "findings": [
            {
                "path": str(item.path),
                "text": item.text,
                "stray": item.stray,
                "seconds": [window.as_json() for window in item.windows],
            }
            for item in result.findings
        ],
        "gaps": [gap.as_json() for gap in result.gaps],
        "counts": [
            {
                **item.window.as_json(),
                "lake": item.lake,
                "quarantined": item.quarantined,
                "api": item.api,
                "agrees": item.agrees,
            }
            for item in result.counts
        ],
    }


@contextmanager
def _progress(*, quiet: bool) -> Iterator[Callable[[str, int, int], None]]:
    """A bar on a terminal, elsewhere nothing: the files of years are looked at in minutes."""
    with bars(quiet=quiet) as bar:
        tasks = {what: bar.add_task(what, total=None, visible=False) for what in ("files", "counts")}

        def step(what: str, done: int, of: int) -> None:
            bar.update(tasks[what], completed=done, total=of, visible=True)

        yield step
