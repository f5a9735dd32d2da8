"""``harvester completion``: tab completion for the user's shell."""

import click
from click.shell_completion import BashComplete, FishComplete, ZshComplete

_SHELLS = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}


@click.command("completion")
@click.argument("shell", type=click.Choice(list(_SHELLS)))
def command(shell: str) -> None:
    """Print the completion script of a shell.

    \b
    Examples:
      eval "$(harvester completion bash)"
      harvester completion zsh > ~/.zfunc/_harvester
      harvester completion fish > ~/.config/fish/completions/harvester.fish
    """  # noqa: D301  (\b keeps click from joining the lines)
    from harvester.cli.main import harvester

    click.echo(_SHELLS[shell](harvester, {}, "harvester", "_HARVESTER_COMPLETE").source())
