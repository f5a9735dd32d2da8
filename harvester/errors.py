"""The one exception tree. Whether a failure is worth another try is a class, never a text.

Foreign errors are translated at one door each: aiohttp's in ``api.transport``, orjson's in ``api.protocol``,
sqlite3's in ``lake.database``. ``OSError`` is not translated: it already says what happened to which file.
"""

from collections.abc import Sequence
from pathlib import Path


class HarvestError(Exception):
    """Anything the program refuses or cannot do; its text is one sentence for the user."""


class ConfigError(HarvestError):
    """The command, its configuration or its files are not usable; nothing was asked of the API."""


class CredentialsError(ConfigError):
    """The key file is missing, unreadable, or not what the vendor hands out."""


class LakeError(ConfigError):
    """The lake cannot serve this command: other account, other filters, other format, not writable."""


class LedgerDamagedError(LakeError):
    """The ledger is lost or damaged; it can be rebuilt from what is published."""

    def __init__(self, ledger: Path, finding: str) -> None:
        """Say which, what is wrong with it, and what mends it."""
        super().__init__(
            f"the ledger {ledger} is lost or damaged: {finding};"
            " harvester recover rebuilds it from the published files"
        )


class DatasetError(LakeError):
    """One dataset cannot be served so: it was started otherwise, or a file of it is damaged; others may."""


class FileDamagedError(DatasetError):
    """A file of the lake is not what was published; its seconds can be read anew."""

    def __init__(self, path: Path) -> None:
        """Say which, and what mends it."""
        super().__init__(
            f"the file {path} of the lake is damaged or gone; harvester verify and repair mend it"
        )


class ReportUnusableError(ConfigError):
    """A report has no column for what places its records; pages may do."""


class LakeLockedError(HarvestError):
    """Another run owns the lake, or has taken it over."""


class RefusedError(HarvestError):
    """The API will not serve this key, role or account; asking again changes nothing."""

    def __init__(self, code: int, message: str, remedy: str) -> None:
        """Keep the vendor's code and text beside what the user can do about it."""
        super().__init__(f"the API refused the request with code {code}: {message} {remedy}".rstrip())
        self.code = code
        self.message = message
        self.remedy = remedy


class ZoneError(HarvestError):
    """The API answers in another time zone than UTC; nothing is written rather than shifted."""


class ClockError(HarvestError):
    """By the API's clock, seconds have not settled that have by this machine's: they would count as empty."""

    def __init__(self, ahead: float) -> None:
        """Say by how many seconds this machine is ahead."""
        super().__init__(
            f"this machine's clock is {ahead:,.0f} s ahead of the API's: what has not settled there would be"
            " taken for history; set the clock right, and run again"
        )


class ForeignRecordsError(HarvestError):
    """The API answers with records of others than the one account that was asked for; none is taken."""

    def __init__(self, account_id: int, foreign: Sequence[int]) -> None:
        """Name the account, and some of the others."""
        others = ", ".join(map(str, foreign[:3]))
        super().__init__(
            f"account {account_id} was asked for, and the API answers with records of {others}: nothing of it"
            " is taken; try the other way of --children-by"
        )


class RequestError(HarvestError):
    """The API calls the request itself wrong (a filter's value, a parameter): a usage error found late."""

    def __init__(self, code: int, message: str) -> None:
        """Keep the vendor's code and text."""
        super().__init__(f"the API rejected the request with code {code}: {message}")
        self.code = code
        self.message = message


class UnknownCodeError(RequestError):
    """A code that does not say what is wrong with a request: it may be one question that the API fails at."""


class RangeTooWideError(HarvestError):
    """Code 569: the range must be within ``days`` days (``None`` when the message does not say how many)."""

    def __init__(self, days: int | None) -> None:
        """Keep the number of days."""
        super().__init__(f"the API accepts ranges of at most {days or 'an unstated number of'} days")
        self.days = days


class TokenError(HarvestError):
    """Codes 100, 455 and 456: a freshly signed token may be accepted; if not, it is a refusal."""

    def __init__(self, code: int, message: str) -> None:
        """Keep the vendor's code and text."""
        super().__init__(f"the API did not accept the token (code {code}: {message})")
        self.code = code
        self.message = message


class TransientError(HarvestError):
    """Worth another try after a pause."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        """Keep the pause the server asked for, in seconds, if it did."""
        super().__init__(message)
        self.retry_after = retry_after


class TransportError(TransientError):
    """The connection failed, timed out, or ended early."""


class MalformedAnswerError(TransientError):
    """The body is not the documented envelope (a proxy's page, a cut answer).

    Attributes:
        digest: Tells the body from others; ``None`` if nothing shows that it is the API's own.
    """

    digest: bytes | None = None


class RateLimitedError(TransientError):
    """The API asks everyone to slow down: HTTP 429, or codes 162, 314, 340, 416, 484, 515."""


class UnavailableError(HarvestError):
    """The last of the allowed attempts failed too; the run ends, and what is published stays."""


class UnansweredError(UnavailableError):
    """All tries of one question failed, and none of them for a pause: another may be answered."""


class UnreadableError(UnansweredError):
    """The API's own answer to one question is malformed, and the same each time: more tries mend nothing."""


class WorkerLostError(HarvestError):
    """A worker process ended before its work did."""

    def __init__(self, code: int) -> None:
        """Say how: ``code`` is its exit code, or the negative number of the signal that ended it."""
        how = f"signal {-code} (is there enough memory?)" if code < 0 else f"exit code {code}"
        super().__init__(f"a worker process was ended by {how}; what is published stays, run again to go on")


def is_of_all(failure: BaseException) -> bool:
    """Whether no other dataset of the lake can be served either: lake, command or key file are at fault."""
    return isinstance(failure, ConfigError | LakeLockedError) and not isinstance(failure, DatasetError)


def first_failure(error: BaseException) -> BaseException:
    """The failure inside nested groups: the first one; task groups leave out those they cancelled for it."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
