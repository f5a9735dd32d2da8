import pytest

from harvester.cli.exit_codes import ExitCode, exit_code, first_failure
from harvester.errors import (
    ConfigError,
    CredentialsError,
    HarvestError,
    LakeError,
    LakeLockedError,
    MalformedAnswerError,
    RangeTooWideError,
    RateLimitedError,
    RefusedError,
    RequestError,
    TokenError,
    TransportError,
    UnavailableError,
    ZoneError,
)

DISK_FULL = OSError(28, "No space left on device")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError("x"), 2),
        (CredentialsError("x"), 2),
        (LakeError("x"), 2),
        (RequestError(101, "x"), 2),
        (RefusedError(104, "x", "y"), 4),
        (TokenError(455, "x"), 4),
        (ZoneError("x"), 4),
        (LakeLockedError("x"), 5),
        (UnavailableError("x"), 1),
        (TransportError("x"), 1),
        (MalformedAnswerError("x"), 1),
        (RateLimitedError("x"), 1),
        (RangeTooWideError(31), 1),
        (HarvestError("x"), 1),
    ],
    ids=lambda value: type(value).__name__,
)
def test_every_class_of_error_has_its_code(error: HarvestError, code: int) -> None:
    """A class decides, never a text; what has no code of its own is a failure all the same."""
    assert exit_code(error) == code


def test_the_codes_are_those_of_the_table() -> None:
    """Callers rely on the numbers."""
    assert {code.name: int(code) for code in ExitCode} == {
        "COMPLETE": 0,
        "UNEXPECTED": 1,
        "USAGE": 2,
        "GAPS": 3,
        "REFUSED": 4,
        "LOCKED": 5,
        "SIGNAL": 128,
    }


@pytest.mark.parametrize(
    "whole",
    [
        DISK_FULL,
        ExceptionGroup("one", [DISK_FULL]),
        ExceptionGroup("outer", [ExceptionGroup("inner", [DISK_FULL, ValueError()]), KeyError()]),
    ],
    ids=["alone", "group", "nested"],
)
def test_the_first_failure_of_nested_groups_is_found(whole: BaseException) -> None:
    """However deep the task groups that wrapped it."""
    assert first_failure(whole) is DISK_FULL
