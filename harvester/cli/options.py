"""The options that commands share, and the job they describe."""

import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import click

from harvester import notation
from harvester.cli.config_file import load_defaults
from harvester.cli.dataset_options import check_known, chosen, filter_options, switch_options
from harvester.cli.logs import configure
from harvester.cli.paths import LakePath, LocalPath
from harvester.cli.two_way import TwoWay, variable
from harvester.config import VENDOR, Job
from harvester.datasets import DATASETS
from harvester.errors import ConfigError
from harvester.number_key import NumberKey, load_number_key

EVERY = "all"
Command = TypeVar("Command", bound=Callable[..., Any])


def option(*names: str, **settings: Any) -> Callable[[Command], Command]:  # noqa: ANN401  (click's own settings)
    """A click option that the environment can set too: ``--from`` by ``HARVESTER_FROM``."""
    long = next(name for name in names if name.startswith("--"))
    variables = [variable(long.split("/")[0]), *settings.pop("also", ())]
    if type(settings.get("type")) is click.Path:  # one rule for the paths of all commands
        settings["type"] = LocalPath()
    if "/" in long:
        settings["cls"] = TwoWay
    return click.option(*names, envvar=variables, show_envvar=False, **settings)


LAKE = option("--lake", type=LakePath(), required=True, help="Folder of the lake.")
NAME = option("--name", help="Name of the dataset in the lake, if not that of --dataset.")
CREDENTIALS = option(
    "--credentials",
    type=click.Path(path_type=Path),
    also=("VOXIMPLANT_CREDENTIALS",),
    help="Key file as the vendor hands it out.  [default: $VOXIMPLANT_CREDENTIALS]",
)
ENDPOINT = option(
    "--endpoint", default=VENDOR, show_default=True, help="Where the API is; http only to loopback."
)
CA_FILE = option(
    "--ca-file", type=click.Path(path_type=Path), help="Certificates to trust instead of the system's."
)
DATASET = option(
    "--dataset",
    type=click.Choice([*DATASETS, EVERY]),
    default="calls",
    show_default=True,
    help="What to harvest; all that can be paged through, one after the other.",
)
RANGE = (
    option(
        "--from", "from_", required=True, help="First day or second, ISO 8601; UTC unless it has an offset."
    ),
    option("--to", "to", required=True, help="First day or second after the range."),
)
ANY_RANGE = (
    option("--from", "from_", default="2024-01-01", help="First day to ask for; any will do."),
    option("--to", "to", default="2024-01-02", help="First day after it."),
)
PACE = (
    option("--rate", default="8", show_default=True, help="Requests per second at most, or 'none'."),
    option("--concurrency", type=int, default=8, show_default=True, help="Requests in flight at most."),
)
SETTLE = option(
    "--settle",
    default="1h",
    show_default=True,
    help="How old a second must be to be final: 90s, 15m, 1h, 2d.",
)
ACTIVE_LAG = option(
    "--active-lag",
    default="24h",
    show_default=True,
    help="How long to wait for sessions that are still running.",
)
SHAPE = (
    option(
        "--partition",
        type=click.Choice(["hour", "day", "month"]),
        default="day",
        show_default=True,
        help="Time span of one file; fixed by a dataset's first run.",
    ),
    option(
        "--tables",
        type=click.Choice(["nested", "flat"]),
        default="nested",
        show_default=True,
        help="One table with nested lists, or flat ones, one a list; fixed by a dataset's first run.",
    ),
    SETTLE,
    ACTIVE_LAG,
)
VIA = option(
    "--via",
    type=click.Choice(["pages", "reports", "auto"]),
    help="How: page by page, by ordered reports, or by what is quicker.  [default: pages, if there are any]",
)
CHILDREN_BY = option(
    "--children-by",
    type=click.Choice(["token", "parameter"]),
    default="token",
    show_default=True,
    help="How to ask for a child account: by a token that speaks for it, or by the method's parameter.",
)
ACCOUNTS = (
    option(
        "--accounts",
        help="Keep accounts apart: 'all' for the key's own and its children, or ids joined by commas.",
    ),
    CHILDREN_BY,
)
SWITCHES = tuple(option(*names, **settings) for names, settings in switch_options())
FILTERS = tuple(option(*names, **settings) for names, settings in filter_options())
HASH_NUMBERS = option(
    "--hash-numbers",
    type=click.Path(path_type=Path),
    metavar="KEYFILE",
    help="Replace phone numbers by a hash that takes this file's key.",
)
HIDING = (
    option("--redact-urls", is_flag=True, help="Keep no signed URLs of recordings, logs and transcripts."),
    HASH_NUMBERS,
)
WHERE = (LAKE, NAME, DATASET, CREDENTIALS, ENDPOINT, CA_FILE)
REST = (*WHERE, *PACE, *SHAPE, VIA, *ACCOUNTS, *SWITCHES, *FILTERS, *HIDING)
JOB = (*RANGE, *REST)


COMMON = (
    option(
        "--config",
        type=click.Path(path_type=Path),
        is_eager=True,  # before the options whose defaults it gives
        expose_value=False,
        callback=load_defaults,
        help="TOML file with options by their long names; flags over environment over file.",
    ),
    option(
        "--log-format",
        type=click.Choice(["console", "json"]),
        default="console",
        show_default=True,
        help="How log lines on stderr look.",
    ),
    option("-v", "--verbose", is_flag=True, help="Log more."),
    option("-q", "--quiet", is_flag=True, help="Log warnings only, and show no display."),
)


def options(*decorators: Callable[[Any], Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Several options at once, shown in ``--help`` in this order, and those that every command has."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(command)
        def logged(*, log_format: str, verbose: bool, quiet: bool, **values: Any) -> None:  # noqa: ANN401
            configure(form=log_format, level="warning" if quiet else "debug" if verbose else "info")
            command(**values)

        decorated = logged
        for decorator in reversed((*decorators, *COMMON)):
            decorated = decorator(decorated)
        return decorated

    return decorate


def job(values: Mapping[str, Any], **more: bool) -> Job:
    """The job that the options of ``JOB``, or ``ANY_RANGE`` and ``REST``, describe.

    Raises:
        ConfigError: They do not describe one.
    """
    if values["dataset"] == EVERY:
        raise ConfigError("this takes one dataset at a time")
    dataset = DATASETS[values["dataset"]]
    check_known(values, dataset)
    settings: dict[str, Any] = {
        "dataset": dataset,
        "name": values["name"] or dataset.name,
        "window": notation.span(values["from_"], values["to"]),
        "lake": values["lake"],
        "partition": values["partition"],
        "via": values["via"],
        "tables": values["tables"],
        "settle": notation.duration("--settle", values["settle"]),
        "switches": MappingProxyType({name: values[name] is not False for name in dataset.switches}),
        "filters": MappingProxyType(chosen(values, dataset.filters)),
        "redact_urls": values["redact_urls"],
        "number_key": number_key(values["hash_numbers"]),
    }
    return Job(**settings | api_settings(values) | more)


def api_settings(values: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a job that says how to ask the API.

    Raises:
        ConfigError: An option is not usable.
    """
    settings = {
        "credentials": credentials_path(values["credentials"]),
        "endpoint": values["endpoint"],
        "ca_file": values["ca_file"],
        "rate": notation.rate("--rate", values["rate"]),
        "concurrency": values["concurrency"],
    }
    if "children_by" in values:
        settings["children_by"] = values["children_by"]
    if "active_lag" in values:
        settings["active_lag"] = notation.duration("--active-lag", values["active_lag"])
    return settings


def credentials_path(path: Path | None) -> Path:
    """The key file.

    Raises:
        ConfigError: None was given.
    """
    if path is None:
        raise ConfigError("no key file: give --credentials FILE, or set VOXIMPLANT_CREDENTIALS")
    return path


def number_key(path: Path | None) -> NumberKey | None:
    """The key to hash numbers with, if a file is given; whoever else can open it is warned of.

    Raises:
        ConfigError: The file is missing or holds no key.
    """
    if path is None:
        return None
    import structlog

    key, warnings = load_number_key(path)
    for warning in warnings:
        structlog.get_logger().warning(warning)
    return key
