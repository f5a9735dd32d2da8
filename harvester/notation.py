"""How users write ranges, instants, durations and rates."""

import re
from datetime import UTC, date, datetime

from harvester.bounds import check_duration, check_rate
from harvester.errors import ConfigError
from harvester.window import Window

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
        ConfigError: It is something else, or has fractions of a second.
    """
    try:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
            day = date.fromisoformat(text)
            return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
        moment = datetime.fromisoformat(text)
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ConfigError(
            f"{option} {text!r} is no date: write 2024-05-29 or 2024-05-29T15:05:26, with +02:00 if not UTC"
        ) from error
    if moment.microsecond:
        raise ConfigError(f"{option} {text!r} has fractions of a second; the API knows whole seconds only")
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
