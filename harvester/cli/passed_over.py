"""What makes a dataset what it is, and ``harvester sync`` does not take: it must not begin one without."""

import click

from harvester.cli.config_file import FILE, command_named
from harvester.cli.dataset_options import FILTERS, SWITCHES, flag
from harvester.errors import ConfigError

_FOR_GOOD = {"partition", "tables", "redact_urls", *SWITCHES, *FILTERS}


def refuse_passed_over(ctx: click.Context) -> None:
    """Refuse to begin a dataset otherwise than the config file and the environment say.

    Of a dataset that is there they are passed over: it goes on as it was begun.

    Raises:
        ConfigError: They say what backfill would begin it with, and ``ctx``, of another command, has no
            option for it.
    """
    mine = {parameter.name for parameter in ctx.command.params}
    theirs = [
        parameter
        for parameter in command_named("backfill").params
        if parameter.name == "config" or parameter.name in _FOR_GOOD - mine
    ]
    file = ctx.meta.get(FILE)
    arguments = [] if file is None else ["--config", str(file)]
    said = click.Command("backfill", params=theirs).make_context("backfill", arguments)
    # What is said as it is anyhow, changes nothing.
    lost = [name for name, value in said.params.items() if _says(said, name, value)]
    if lost:
        named = ", ".join(flag(f"no_{name}" if said.params[name] is False else name) for name in lost)
        raise ConfigError(
            f"the config file or the environment says {named}, which is fixed when a dataset begins, and"
            f" {ctx.command.name} does not take it: begin the dataset with harvester backfill"
        )


def _says(said: click.Context, name: str, value: object) -> bool:
    if name in SWITCHES:
        return value is False
    parameter = next(one for one in said.command.params if one.name == name)
    # A least waiting time of 0 is no default: the dataset keeps it.
    return value is not False and value not in (None, (), parameter.default)
