"""``--config FILE``: options from a TOML file, by their long names."""

import tomllib
from collections.abc import Mapping
from datetime import date, datetime
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


_TYPES: dict[str, tuple[tuple[type, ...], str]] = {
    "boolean": ((bool,), "true or false"),
    "path": ((), "a path in quotes"),
    "integer": ((int,), "a whole number"),
    "integer range": ((int,), "a whole number"),
    "float": ((int, float), "a number"),
    "float range": ((int, float), "a number"),
}
_ANY: tuple[tuple[type, ...], str] = ((int, float, date, datetime), "text, a number or a date")
"""TOML's types beside text that an option takes, by click's name of its own, and in words."""

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
        ConfigError: The file cannot be read, is not TOML, has a key that no command knows, or says a
            switch twice.
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
    ctx.default_map = _defaults(ctx.command, path, content)


def _defaults(command: click.Command, path: Path, content: Mapping[str, Any]) -> dict[str, Any]:
    names = _long_names(command)
    defaults: dict[str, Any] = {}
    for key in sorted(content.keys() & names.keys()):
        parameter = names[key]
        where = f"--config {path}: {key}"
        value = _default(where, content[key], parameter)
        if f"--{key}" in parameter.secondary_opts:
            value = _denied(where, value)
        if parameter.name in defaults:
            both = " and ".join(
                one.removeprefix("--") for one in (*parameter.opts, *parameter.secondary_opts)
            )
            raise ConfigError(f"--config {path} says both {both}: leave one out")
        defaults[str(parameter.name)] = value
    return defaults


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read --config {path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:  # no TOML, no text, endless digits, or brackets without end
        raise ConfigError(f"--config {path} is not TOML: {error}") from error


def _long_names(command: click.Command) -> dict[str, click.Option]:
    """A command's options by long name, as users write them in the file; a file names no other file."""
    return {
        flag.removeprefix("--"): parameter
        for parameter in command.params
        if isinstance(parameter, click.Option)
        for flag in (*parameter.opts, *parameter.secondary_opts)
        if flag.startswith("--") and flag != "--config"
    }


def _denied(where: str, value: object) -> bool:
    """What a switch is, if its negative name has this value."""
    if not isinstance(value, bool):
        raise ConfigError(f"{where} takes true or false")
    return not value


def _default(where: str, value: Any, parameter: click.Option) -> Any:  # noqa: ANN401  (whatever TOML holds)
    if parameter.multiple:
        return [
            _plain(where, one, parameter.type.name) for one in (value if isinstance(value, list) else [value])
        ]
    return _plain(where, value, parameter.type.name)


def _plain(where: str, value: Any, kind: str) -> bool | str:  # noqa: ANN401  (whatever TOML holds)
    """One value as a flag or the environment would say it; its text, too, is looked at as theirs is.

    Raises:
        ConfigError: Its type is not the option's, whose text may look like a value: a folder called True.
    """
    if isinstance(value, list | Mapping):
        raise ConfigError(f"{where} takes one value, and holds a list or a table")
    allowed, wanted = _TYPES.get(kind, _ANY)
    if not isinstance(value, str) and type(value) not in allowed:
        raise ConfigError(f"{where} takes {wanted}")
    match value:
        case bool():
            return value
        case date():  # a datetime too
            return value.isoformat()
        case _:
            return str(value)
