"""Log lines on stderr: for people or for machines, without control characters and without secrets."""

import re
import sys
from collections.abc import MutableMapping
from typing import Any

_SECRETS = re.compile(r"eyJ[\w-]+(?:\.[\w-]*)*|-----BEGIN[^-]*-----.*?(?:-----END[^-]*-----|\Z)", re.DOTALL)


def configure(*, form: str, level: str) -> None:
    """Set up logging for the process.

    Args:
        form: ``console`` or ``json``.
        level: The least that is logged: ``debug``, ``info`` or ``warning``.
    """
    import structlog

    renderer: Any = structlog.processors.JSONRenderer()
    if form == "console":
        renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=0)
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


def scrub(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Mask tokens and keys, and whatever could forge a line or move a terminal's cursor."""
    for name, value in event.items():
        if isinstance(value, str):
            masked = _SECRETS.sub("(secret)", value)
            event[name] = "".join(sign if sign.isprintable() else " " for sign in masked)
    return event
