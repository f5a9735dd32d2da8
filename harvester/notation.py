"""How users write ranges, instants, durations and rates."""

import re
from datetime import UTC, datetime

from harvester.errors import ConfigError
from harvester.limits import check_duration, check_rate
from harvester.window import Window

# Years have four digits in the names of folders, and in questions, which may begin a minute before the range.
_FIRST = datetime(1000, 1, 2, tzinfo=UTC)
_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def span(start: str, end: str) -> Window:
    """The range between two instants as the user writes them.

    Raises:
        ConfigError: One is malformed, or the range is reversed or empty.
    """
    first, last = instant("--from", start), instant("--to", end)
    if first >= last:
        order = "the range is empty" if first == last else "the range is reversed"
        raise ConfigError(f"{order}: --from {start} must be before --to {end} (the end is exclusive)")
    return Window(first, last)


def instant(option: str, text: str) -> int:
    """Unix seconds of an ISO 8601 day or second; UTC unless it has an offset.

    Raises:
        ConfigError: It is something else, has fractions of a second, or lies too early to be asked for.
    """
    try:
        moment = datetime.fromisoformat(text)
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ConfigError(
            f"{option} {text!r} is no date: write 2024-05-29 or 2024-05-29T15:05:26, with +02:00 if not UTC"
        ) from error
    if moment.microsecond:
        raise ConfigError(f"{option} {text!r} has fractions of a second; the API knows whole seconds only")
    if moment < _FIRST:
        raise ConfigError(f"{option} {text!r} is too early: nothing before {_FIRST.date()} can be asked for")
    return int(moment.timestamp())


def duration(option: str, text: str) -> int:
    """Seconds of ``90s``, ``15m``, ``1h``, ``2d`` or a plain number of seconds.

    Raises:
        ConfigError: It is something else, or longer than can be meant.
    """
    match = re.fullmatch(r"(\d{1,18})([smhd]?)", text)  # Python refuses to read thousands of digits
    if match is None:
        raise ConfigError(f"{option} {text!r} is not a duration: write 90s, 15m, 1h or 2d")
    seconds = int(match[1]) * _UNITS[match[2] or "s"]
    check_duration(f"{option} {text!r}", seconds)
    return seconds


def rate(option: str, text: str) -> float | None:
    """Requests per second, or ``None`` for ``none``.

    Raises:
        ConfigError: It is neither a number that can be meant nor ``none``.
    """
    if text.lower() == "none":
        return None
    try:
        number = float(text)
    except ValueError as error:
        raise ConfigError(
            f"{option} {text!r} is neither a number of requests per second nor 'none'"
        ) from error
    check_rate(f"{option} {text!r}", number)
    return number
