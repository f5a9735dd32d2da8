"""``--config FILE``: options from a TOML file, by their long names."""

import tomllib
from collections.abc import Mapping
from datetime import date
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from harvester.errors import ConfigError

COMMANDS = (
    "backfill",
    "sync",
    "check",
    "plan",
    "status",
    "verify",
    "repair",
    "recover",
    "recordings",
    "datasets",
    "schema",
    "emulator",
    "completion",
)


FILE = "harvester.config"
"""Under this key a command's context knows its file."""


def command_named(name: str) -> click.Command:
    """A subcommand; imported when it is used, because ``--help`` should not wait for all of them."""
    command: click.Command = import_module(f"harvester.cli.{name}").command
    return command


def load_defaults(ctx: click.Context, _parameter: click.Parameter, path: Path | None) -> None:
    """Let the file's values stand where neither a flag nor the environment gives one.

    Keys that another command knows are passed over, so that one file serves all commands.

    Raises:
        ConfigError: The file cannot be read, is not TOML, or has a key that no command knows.
    """
    if path is None:
        return
    ctx.meta[FILE] = path
    content = _read(path)
    known = {key for name in COMMANDS for key in _long_names(command_named(name))}
    if unknown := sorted(set(content) - known):
        raise ConfigError(
            f"--config {path} has unknown keys: {', '.join(unknown)}; use the long option names"
        )
    names = _long_names(ctx.command)
    ctx.default_map = {
        parameter.name: _default(key, content[key], several=parameter.multiple)
        for key, parameter in names.items()
        if key in content and parameter.name is not None
    }


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read --config {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"--config {path} is not TOML: {error}") from error


def _long_names(command: click.Command) -> dict[str, click.Option]:
    """A command's options by long name, as users write them in the file; a file names no other file."""
    return {
        flag.removeprefix("--"): parameter
        for parameter in command.params
        if isinstance(parameter, click.Option)
        for flag in parameter.opts
        if flag.startswith("--") and flag != "--config"
    }


def _default(key: str, value: Any, *, several: bool) -> Any:  # noqa: ANN401  (whatever TOML holds)
    if several:
        return [_plain(key, one) for one in (value if isinstance(value, list) else [value])]
    return _plain(key, value)


def _plain(key: str, value: Any) -> bool | str:  # noqa: ANN401  (whatever TOML holds)
    match value:
        case bool():
            return value
        case date():  # a datetime too
            return value.isoformat()
        case list() | Mapping():
            raise ConfigError(f"--config: {key} takes one value, and holds a list or a table")
        case _:
            return str(value)
