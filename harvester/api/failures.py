"""What an error of the API means: one table from the vendor's codes to the program's errors.

Codes: https://voximplant.com/docs/references/httpapi/errors. The text that comes with a code varies, so it
decides nothing; only a number of seconds or days is read out of it. 401 and 429 are not the HTTP statuses.
"""

import re
from collections.abc import Mapping

from harvester.datasets import DATASETS
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
from harvester.report_methods import ROLES
from harvester.secret import printable

__all__ = ["failure", "one_line", "refusal"]

_FAULTS = frozenset({1, 2, 4, 5, 13})  # of the platform, its database, its billing
_TOO_WIDE = 569
# Of a request that is wrong in itself, whatever it asks about: a method, a parameter, a filter's value.
_USAGE = frozenset({
    101, 102, 103, 105, 107, 111, 116, 117, 123, 134, 147, 150, 156, 194, 195, 196, 197, 209, 218,
    233, 261, 341, 355, 356, 357, 371, 376, 401, 429, 430, 458, 459, 460, 461, 477, 485, 492, 496,
    497, 499, 501, 546, 557, 558,
})  # fmt: skip
_RETRY_LATER = 416  # the one whose text says how many seconds

# Seconds that all requests pause at least. 484 takes a quick repeat for a machine gone wild, and 515 asks for
# a wait without saying how long.
_PAUSES: Mapping[int, float] = {162: 1, 314: 1, 340: 1, _RETRY_LATER: 1, 484: 5, 515: 5}

_NEW_KEY = "Create a new key for the service account and use its file."
_CLOCK = "Check the clock of this machine."
_ACCOUNT = "Check the account in the control panel."
_ADDRESS = "Add this machine's address to the account's authorized addresses in the control panel."

_TOKEN_REMEDIES: Mapping[int, str] = {
    100: f"Check that the key still exists, and which account asks. {_NEW_KEY}",
    455: _CLOCK,
    456: _CLOCK,
}
_REMEDIES: Mapping[int, str] = {
    104: "Give the key a role that may read the history: "
    + ". ".join(f"{dataset.name} need {', '.join(dataset.roles)}" for dataset in DATASETS.values())
    + f". To download reports it needs one of {', '.join(ROLES)}.",
    115: "Check the account's number in the key file or the child account asked for.",
    127: _ACCOUNT,
    131: _ACCOUNT,
    135: _NEW_KEY,
    137: _NEW_KEY,
    161: _NEW_KEY,
    281: _ACCOUNT,
    282: _ACCOUNT,
    317: _ACCOUNT,
    320: _ADDRESS,
    321: _ADDRESS,
    322: _ADDRESS,
    323: _ADDRESS,
    433: f"The key was deleted. {_NEW_KEY}",
    447: _NEW_KEY,
    454: _CLOCK,
    527: "Use another way to the internet.",
    536: _ADDRESS,
}

_LONGEST_TEXT = 300


def failure(code: int, message: str) -> HarvestError:
    """The error for a code of the vendor; one that no table names is a failure too, never a success.

    Args:
        code: ``error.code``.
        message: ``error.msg``; made safe to print here.
    """
    message = one_line(message)
    if code in _FAULTS:
        return TransientError(f"the API has a fault of its own (code {code}: {message})")
    if code in _PAUSES:
        asked = _number(message) if code == _RETRY_LATER else None
        pause = max(_PAUSES[code], asked or 0)
        return RateLimitedError(f"the API asks to slow down (code {code}: {message})", retry_after=pause)
    if code == _TOO_WIDE:
        return RangeTooWideError(_number(message) or None)
    if code in _TOKEN_REMEDIES:
        return TokenError(code, message)
    if code in _REMEDIES:
        return RefusedError(code, message, _REMEDIES[code])
    return RequestError(code, message) if code in _USAGE else UnknownCodeError(code, message)


def refusal(error: TokenError) -> RefusedError:
    """What a token error becomes when a fresh token is not accepted either."""
    return RefusedError(error.code, error.message, _TOKEN_REMEDIES.get(error.code, _NEW_KEY))


def one_line(text: str) -> str:
    """Foreign text made fit for a message: no control or invisible character, no secret, not long."""
    return " ".join(printable(text[:_LONGEST_TEXT]).split())


def _number(message: str) -> int | None:
    found = re.search(r"\d{1,9}", message)
    return int(found[0]) if found else None
