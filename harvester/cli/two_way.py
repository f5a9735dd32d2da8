"""Switches, which have two names: ``--records`` and ``--no-records``."""

import os
from typing import Any

import click

from harvester.errors import ConfigError


def variable(flag: str) -> str:
    """What the environment calls an option: ``HARVESTER_FROM`` for ``--from``."""
    return "HARVESTER_" + flag.removeprefix("--").replace("-", "_").upper()


class TwoWay(click.Option):
    """A switch that the environment may set by either name, as the command line may."""

    def value_from_envvar(self, ctx: click.Context) -> Any:  # noqa: ANN401  (click's signature)
        """What the environment says; ``None`` if nothing.

        Raises:
            ConfigError: It says both names.
            click.BadParameter: The negative one holds no boolean.
        """
        said, other = super().value_from_envvar(ctx), variable(self.secondary_opts[0])
        denied = os.environ.get(other)
        if not denied or ctx.resilient_parsing:
            return said
        if said is not None:
            raise ConfigError(f"{variable(self.opts[0])} and {other} are set both: leave one out")
        return not self.type.convert(denied, self, ctx)
