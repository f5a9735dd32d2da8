"""What the process tells its caller. Exit 0 is earned: complete, and proven."""

from enum import IntEnum

from harvester.errors import (
    ConfigError,
    HarvestError,
    LakeLockedError,
    RefusedError,
    RequestError,
    TokenError,
    ZoneError,
)


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
        case ConfigError() | RequestError():
            return ExitCode.USAGE
        case RefusedError() | TokenError() | ZoneError():
            return ExitCode.REFUSED
        case LakeLockedError():
            return ExitCode.LOCKED
        case _:
            return ExitCode.UNEXPECTED


def first_failure(error: BaseException) -> BaseException:
    """The failure inside nested groups: the first one; task groups leave out those they cancelled for it."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
