"""Bars that show how far a look at many files has come."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress


def bars(*, quiet: bool) -> "Progress":
    """Bars on a terminal's stderr, elsewhere nothing: not even the empty line that rich ends with.

    Args:
        quiet: Whether nothing is to be shown there either.
    """
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    return Progress(console=console, transient=True, disable=quiet or not console.is_terminal)
