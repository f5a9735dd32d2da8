"""Log lines on stderr: for people or for machines, without control characters and without secrets."""

import os
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any

from harvester.secret import printable

_DEPTH = 8  # levels of a value that are looked into one by one


def configure(*, form: str, level: str) -> None:
    """Set up logging for the process.

    Args:
        form: ``console`` or ``json``.
        level: The least that is logged: ``debug``, ``info`` or ``warning``.
    """
    import structlog

    renderer: Any = structlog.processors.JSONRenderer()
    if form == "console":
        renderer = structlog.dev.ConsoleRenderer(colors=_takes_colours(), pad_event_to=0)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            scrub,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        # Looked up for each line: the live display puts its own stream in the place of stderr.
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
        cache_logger_on_first_use=False,
    )


def _takes_colours() -> bool:
    """Whether stderr is a terminal whose user wants colours, and that knows them (https://no-color.org)."""
    return sys.stderr.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def scrub(_logger: object, _method: str, event: MutableMapping[str, Any]) -> dict[str, Any]:
    """Mask tokens and keys, and whatever could forge a line or move a terminal's cursor.

    Wherever they stand: in keys, nested values, bytes, exceptions, and the text form of anything else.
    """
    return {printable(str(name)): _scrubbed(value, _DEPTH) for name, value in event.items()}


def _scrubbed(value: object, depth: int) -> object:
    match value:
        case None | bool() | int() | float():
            return value
        case str():
            return printable(value)
        case bytes() | bytearray():
            return printable(bytes(value).decode(errors="replace"))
        case Mapping() if depth:
            return {printable(str(name)): _scrubbed(inner, depth - 1) for name, inner in value.items()}
        case list() | tuple() | set() | frozenset() if depth:
            return [_scrubbed(inner, depth - 1) for inner in value]
        case _:  # a path, an exception, an object of ours, or nested beyond what a line shows
            return printable(str(value))
