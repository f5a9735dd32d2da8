"""``harvester sync``: a lake kept up to date, once or for ever."""

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harvester import notation
from harvester.cli.exit_codes import ExitCode
from harvester.cli.figures import count
from harvester.cli.options import (
    ACCOUNTS,
    ACTIVE_LAG,
    CA_FILE,
    CREDENTIALS,
    ENDPOINT,
    EVERY,
    HASH_NUMBERS,
    LAKE,
    NAME,
    PACE,
    SETTLE,
    api_settings,
    number_key,
    option,
    options,
)
from harvester.datasets import DATASETS
from harvester.errors import ConfigError
from harvester.window import as_text

if TYPE_CHECKING:
    from harvester.config import Job
    from harvester.round import Round
    from harvester.service import Service


@click.command("sync")
@options(
    LAKE,
    NAME,
    option(
        "--dataset",
        type=click.Choice([*DATASETS, EVERY]),
        default=EVERY,
        show_default=True,
        help="What to keep up to date, of what the lake holds; or to begin with, if it holds nothing of it.",
    ),
    option("--from", "from_", help="Also fill the history from here on, newest first; ISO 8601."),
    CREDENTIALS,
    ENDPOINT,
    CA_FILE,
    *PACE,
    SETTLE,
    ACTIVE_LAG,
    *ACCOUNTS,
    option("--look-back", default="48h", show_default=True, help="How far back to look for changes."),
    option("--reread", is_flag=True, help="Read all of the look-back anew, whatever the counts say."),
    option("--every", help="Go on as a service, with a round so often: 15m, 1h.  [default: one round]"),
    option(
        "--health-file",
        type=click.Path(path_type=Path),
        help="JSON file to replace after each round, for whoever watches.",
    ),
    HASH_NUMBERS,
    option("--keep-raw", is_flag=True, help="Keep the API's answers in the lake as evidence."),
    option("--json", "as_json", is_flag=True, help="Print one line of JSON a round and dataset on stdout."),
)
def command(
    *,
    lake: Path,
    from_: str | None,
    every: str | None,
    look_back: str,
    reread: bool,
    health_file: Path | None,
    as_json: bool,
    **values: Any,  # noqa: ANN401  (what says which datasets, and how to ask)
) -> None:
    """Bring a lake up to date, and keep it so.

    Harvests what settled since the last time and what was left open, then asks for one count of each
    partition of the look-back, and reads anew what changed. Missing history is filled last, newest first.
    With --from a lake that holds nothing begins here, as backfill begins one by default; what is to be
    otherwise begins with backfill. A dataset that covers nothing yet is named, and left out without --from.

    \b
    Examples:
      harvester sync --lake ./lake --credentials key.json
      harvester sync --lake ./lake --every 15m --health-file /run/harvester.json
      harvester sync --lake ./lake --every 15m --from 2019-01-01
      harvester sync --lake ./lake --look-back 7d --reread
      harvester sync --lake ./lake --accounts all

    \b
    Exit codes: as of backfill; 3 if gaps are left. With --every a round that fails does not end it, unless
    the API refuses the key (4), or the lake or an option is not usable (2, 5).
    """  # noqa: D301  (\b keeps click from joining the lines)
    from harvester.cli.key_file import credentials_of
    from harvester.health import HealthFile
    from harvester.look_back import LookBack
    from harvester.service import Service, Settings

    jobs = _jobs(values, lake, from_)
    service = Service(
        jobs,
        credentials_of(jobs[0].credentials),
        Settings(
            look_back=LookBack(notation.duration("--look-back", look_back), reread=reread),
            every=None if every is None else _interval(every),
            health=HealthFile(health_file),
            tell=functools.partial(_told, as_json=as_json),
        ),
    )
    click.get_current_context().exit(_served(service))


def _jobs(values: Mapping[str, Any], lake: Path, from_: str | None) -> "list[Job]":
    from harvester.cli.kept import kept_jobs

    settings = api_settings(values) | {"lake": lake, "keep_raw": values["keep_raw"]}
    settings["settle"] = notation.duration("--settle", values["settle"])
    settings["number_key"] = number_key(values["hash_numbers"])
    start = None if from_ is None else notation.instant("--from", from_)
    return kept_jobs(values, start, settings)


def _served(service: "Service") -> int:
    """Serve to the end; returns the exit code."""
    import asyncio

    from harvester.cli.display import Display
    from harvester.cli.supervise import supervise

    quiet = click.get_current_context().params["quiet"]
    rounds, signals = asyncio.run(supervise(service, Display(lambda: service.running, quiet=quiet)))
    if signals:
        return ExitCode.SIGNAL + signals[0]
    return ExitCode.GAPS if any(done.gaps or done.refused for done in rounds or ()) else ExitCode.COMPLETE


def _interval(text: str) -> int:
    seconds = notation.duration("--every", text)
    if seconds < 1:
        raise ConfigError("--every must be at least a second")
    return seconds


def _told(done: "Round", *, as_json: bool) -> None:
    from harvester.cli.streams import missable

    with missable():
        (_print_json if as_json else _print)(done)


def _print(done: "Round") -> None:
    covered = "nothing yet" if done.covered is None else f"up to {as_text(done.covered)}"
    click.echo(
        f"{done.name}: {done.outcome}, covered {covered}; {count(done.rows)} records read,"
        f" {count(len(done.changed))} of {count(len(done.counts))} partitions changed,"
        f" {count(done.requests)} requests, {count(len(done.gaps))} gaps"
    )
    if done.refused:
        click.echo(f"  {done.refused}")


def _print_json(done: "Round") -> None:
    import orjson

    click.echo(orjson.dumps(done.as_json()))
