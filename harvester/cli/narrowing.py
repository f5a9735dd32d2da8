"""Options that narrow a history: an empty one narrows nothing, and is not what was meant."""

import os
from collections.abc import Mapping
from typing import Any

import click
from click.core import ParameterSource

from harvester.errors import ConfigError


class Narrowing(click.Option):
    """A filter that has to say something, wherever it is said.

    An empty one comes of a script's variable that was not set. Passed over, it would harvest everything, and
    make that what the dataset is about for good.
    """

    def consume_value(self, ctx: click.Context, opts: Mapping[str, Any]) -> tuple[Any, ParameterSource]:
        """The value and where it was said.

        Raises:
            ConfigError: It is empty.
        """
        value, source = super().consume_value(ctx, opts)
        if ctx.resilient_parsing:
            return value, source
        if source in {ParameterSource.DEFAULT, ParameterSource.DEFAULT_MAP}:  # click passes over empty ones
            for name in self.envvar if isinstance(self.envvar, list) else ():
                if name in os.environ:
                    raise _empty(name)
        if source is ParameterSource.DEFAULT:
            return value, source
        parts = value if isinstance(value, list | tuple) else [value]
        if not parts or any(isinstance(part, str) and not part.strip() for part in parts):
            raise _empty(self.opts[0])
        return value, source


def _empty(name: str) -> ConfigError:
    return ConfigError(f"{name} is empty, and would leave nothing out: give it a value, or leave it out")
