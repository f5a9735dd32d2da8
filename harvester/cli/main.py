"""The ``harvester`` command: finds the subcommand, and turns every failure into an exit code."""

import io
from collections.abc import Sequence

import click

from harvester import __version__
from harvester.cli.config_file import COMMANDS, command_named
from harvester.cli.exit_codes import ExitCode
from harvester.cli.explanation import explain, say
from harvester.cli.streams import standing


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  (click's signature)
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        return command_named(cmd_name) if cmd_name in COMMANDS else None


@click.group(
    cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(__version__, prog_name="harvester")
def harvester() -> None:
    """Move the history of a Voximplant account into partitioned Parquet, and prove that nothing is missing.

    \b
    Examples:
      harvester check --credentials key.json --lake ./lake
      harvester plan --from 2024-01-01 --to 2025-01-01 --lake ./lake
      harvester backfill --from 2024-01-01 --to 2025-01-01 --lake ./lake
      harvester status --lake ./lake
      harvester verify --lake ./lake --against-api
      harvester recover --lake ./lake
      harvester recordings --lake ./lake
    """  # noqa: D301  (\b keeps click from joining the lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code.

    Raises:
        SystemExit: Whoever read stdout went away; click says so with code 1.
    """
    with standing():
        return _ended(arguments)


def _ended(arguments: Sequence[str] | None) -> int:
    """Run it; returns the exit code."""
    try:
        result = harvester.main(args=arguments, standalone_mode=False)
    except click.ClickException as error:
        error.show(shown := io.StringIO())
        say(shown.getvalue(), end="")  # it quotes what was typed, which may be a key in a wrong place
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return ExitCode.SIGNAL + 2
    except Exception as error:  # noqa: BLE001  (the one place: every failure gets an exit code)
        return explain(error)
    return int(result or 0)
