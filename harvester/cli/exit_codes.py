"""What the process tells its caller. Exit 0 is earned: complete, and proven."""

from enum import IntEnum

from harvester.errors import (
    ClockError,
    ConfigError,
    ForeignRecordsError,
    HarvestError,
    LakeLockedError,
    RefusedError,
    RequestError,
    TokenError,
    ZoneError,
    first_failure,
)

__all__ = ["ExitCode", "exit_code", "first_failure"]


class ExitCode(IntEnum):
    """The codes of the README's table; a signal adds its number to 128."""

    COMPLETE = 0
    UNEXPECTED = 1
    USAGE = 2
    GAPS = 3
    REFUSED = 4
    LOCKED = 5
    SIGNAL = 128


def exit_code(error: HarvestError) -> ExitCode:
    """The code of a run that ended with ``error``."""
    match error:
        case ConfigError() | RequestError() | ClockError():
            return ExitCode.USAGE
        case RefusedError() | TokenError() | ZoneError() | ForeignRecordsError():
            return ExitCode.REFUSED
        case LakeLockedError():
            return ExitCode.LOCKED
        case _:
            return ExitCode.UNEXPECTED
