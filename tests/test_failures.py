"""What an error of the API means: which kind it is, how long to wait, what to do, what to print."""

import pytest

from harvester.api.failures import failure, one_line, refusal
from harvester.errors import (
    HarvestError,
    RangeTooWideError,
    RateLimitedError,
    RefusedError,
    RequestError,
    TokenError,
    TransientError,
    UnknownCodeError,
)

TRANSIENT = [1, 2, 4, 5, 13]
LIMITED = [162, 314, 340, 416, 484, 515]
TOKEN = [100, 455, 456]
REFUSED = [104, 115, 127, 131, 135, 137, 161, 281, 282, 317, 320, 321, 322, 323, 433, 447, 454, 527, 536]
REJECTED = [
    101,
    102,
    103,
    105,
    107,
    111,
    116,
    117,
    123,
    134,
    150,
    156,
    194,
    195,
    197,
    209,
    218,
    356,
    357,
    371,
]
REJECTED += [376, 401, 429, 430, 458, 459, 477, 485, 492, 496, 497, 499, 557, 558]
UNKNOWN = [0, -1, 6, 15, 112, 999, 9999]


@pytest.mark.parametrize(
    ("codes", "kind"),
    [
        (TRANSIENT, TransientError),
        (LIMITED, RateLimitedError),
        (TOKEN, TokenError),
        (REFUSED, RefusedError),
        (REJECTED, RequestError),
        (UNKNOWN, UnknownCodeError),
        ([569], RangeTooWideError),
    ],
)
def test_each_code_has_its_class(codes: list[int], kind: type[HarvestError]) -> None:
    """The table of the vendor's codes; 401 and 429 are about filters; an unknown code is no success."""
    for code in codes:
        error = failure(code, "Some text.")
        assert type(error) is kind, code
        assert kind is RangeTooWideError or (f"code {code}" in str(error) and "Some text." in str(error))


@pytest.mark.parametrize("code", REFUSED)
def test_each_refusal_says_what_to_do(code: int) -> None:
    """A remedy is a whole sentence."""
    error = failure(code, "No.")
    assert isinstance(error, RefusedError)
    assert error.code == code
    assert error.remedy.endswith(".")


def test_a_missing_role_is_answered_with_the_roles() -> None:
    """The user learns which roles may read which history."""
    assert "calls need Owner, Admin, Developer, Supervisor, Support." in str(failure(104, "No."))


@pytest.mark.parametrize("code", [100, 455, 456, 401])
def test_a_refused_fresh_token_becomes_a_refusal(code: int) -> None:
    """The vendor's code and text stay, a remedy joins them; 401 is the HTTP status here."""
    error = refusal(TokenError(code, "No."))
    assert (error.code, error.message) == (code, "No.")
    assert error.remedy.endswith(".")


@pytest.mark.parametrize(
    ("code", "message", "pause"),
    [
        (416, "Please repeat the request in 30 seconds.", 30),
        (416, "Later.", 1),
        (416, "Repeat in 0 seconds.", 1),
        (416, "Repeat in 99999999999999 seconds.", 999_999_999),
        (340, "Limit of 30 requests exceeded.", 1),
        (484, "Rejected.", 5),
        (515, "Same operation.", 5),
    ],
)
def test_slowing_down_has_a_least_pause(code: int, message: str, pause: float) -> None:
    """416 says how long; a repeat that looks automatic waits longer than others."""
    error = failure(code, message)
    assert isinstance(error, RateLimitedError)
    assert error.retry_after == pause


@pytest.mark.parametrize(
    ("message", "days"), [("The range must be within 31 days.", 31), ("Too wide.", None), ("0 days", None)]
)
def test_the_widest_range_is_read_from_the_text(message: str, days: int | None) -> None:
    """569 carries its number of days in words."""
    error = failure(569, message)
    assert isinstance(error, RangeTooWideError)
    assert error.days == days


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("two\r\nlines", "two lines"),
        ("\x1b[31mred\x07", "[31mred"),
        ("right\u202eto left", "right to left"),
        ("got eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiIyMCJ9.c2ln-_8, no", "got (secret), no"),
        ("eyJhbGciOiJSUzI1NiJ9", "(secret)"),
        ("-----BEGIN PRIVATE KEY-----\nMIIEvQ\n-----END PRIVATE KEY----- x", "(secret) x"),
        ("x" * 1000, "x" * 300),
    ],
)
def test_foreign_text_is_made_fit_to_print(text: str, line: str) -> None:
    """No control characters, no token, no key, not long."""
    assert one_line(text) == line
    assert line in str(failure(101, text))
