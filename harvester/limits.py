"""How much of a thing can be meant: a figure beyond is a slip of the keyboard, or somebody's malice.

They are far from what is of use, and near enough that nothing which a run makes for each request in flight,
or adds to a moment, ends in want of memory, in a date that no calendar has, or in a wait of centuries.
"""

from harvester.errors import ConfigError

MOST_SIDE_BY_SIDE = 256
"""Processes, or files that are looked at: each takes memory, and few machines have as many cores."""

_MOST_CONCURRENCY = 10_000  # each is a task, and may be a connection
_LEAST_RATE = 1e-5  # a request in 28 hours
_MOST_RATE = 1e6
_DAY = 86_400
_MOST_DAYS = 36_500  # before that there is no history, and a date of the year 1 is not far


def check_concurrency(option: str, number: int) -> None:
    """Refuse a number of requests in flight that cannot be meant.

    Raises:
        ConfigError: It is below 1, or too large.
    """
    if not 1 <= number <= _MOST_CONCURRENCY:
        raise ConfigError(f"{option} must be at least 1, and {_MOST_CONCURRENCY:,} at most")


def check_rate(said: str, rate: float | None) -> None:
    """Refuse a number of requests per second that cannot be meant.

    Args:
        said: The option, and what it said if that is not a plain number.
        rate: The number; ``None`` for no limit.

    Raises:
        ConfigError: It is too small, too large, or no number.
    """
    if rate is not None and not _LEAST_RATE <= rate <= _MOST_RATE:  # also refuses nan
        raise ConfigError(
            f"{said} must be from {_LEAST_RATE:.5f} (one a day, about) to {_MOST_RATE:,.0f} requests per"
            " second, or 'none'"
        )


def check_duration(said: str, seconds: int) -> None:
    """Refuse a time span that cannot be meant.

    Args:
        said: The option, and what it said.
        seconds: How long it is, not negative.

    Raises:
        ConfigError: It is too long.
    """
    if seconds > _MOST_DAYS * _DAY:
        raise ConfigError(f"{said} is too long: {_MOST_DAYS}d at most")
