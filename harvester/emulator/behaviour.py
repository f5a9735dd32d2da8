"""Everything about the vendor's server that is unknown, or differs from day to day, as switches."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from harvester.emulator.refusals import Code

HTTP_STATUSES: Mapping[int, int] = MappingProxyType(
    {
        Code.AUTHORIZATION_FAILED: 401,
        Code.FORBIDDEN_COMMAND: 403,
        Code.INVALID_ACCOUNT_ID: 401,
        Code.CONCURRENT_RESOURCE_LIMIT_EXCEEDED: 429,
        Code.RATE_LIMIT_EXCEED: 429,
        Code.INVALID_KEY_ID: 401,
        Code.INVALID_TOKEN_FORMAT: 401,
        Code.INVALID_TOKEN_TTL: 401,
        Code.TOKEN_ISSUED_IN_FUTURE: 401,
        Code.TOKEN_EXPIRED: 401,
    }
)
"""Statuses a server might send beside its error codes; the vendor's sends 200, as far as is known."""


@dataclass(frozen=True, slots=True)
class ReportBehaviour:
    """How reports are made; hardly anything of it is documented.

    Attributes:
        seconds: How long one takes.
        failing: The first so many of the server's life fail (code 357).
        failed_look: What the list says of a failed one: an ``error``, or nothing, as of one that is pending.
        kept: Seconds after which a finished one is thrown away (code 355); ``None`` for never.
        repeat_after: Seconds within which the same order again is refused (code 515).
        most_rows: Records of one report at most; the others are left out.
        compressed: By ``Content-Encoding``, as a ``.gz`` file, or not at all.
        bom: Whether a byte order mark comes first.
        decimal_mark: By the account's locale.
        zoned: Whether the names of columns with a time end with ``(UTC)``.
        order: Lines by time, or in no order at all.
        counted: Whether ``calculated_data`` says how many records there are.
        miscounted: How many more than there are.
        inclusive: Whether the bounds of the range belong to it, if not as they do for pages.
        empty: What a report without records holds.
        lacking: Columns left out.
        further: Columns that no page knows, and the text in all their lines.
    """

    seconds: float = 0.0
    failing: int = 0
    failed_look: Literal["error", "pending"] = "error"
    kept: float | None = None
    repeat_after: float = 0.0
    most_rows: int | None = None
    compressed: Literal["encoding", "file", "no"] = "encoding"
    bom: bool = False
    decimal_mark: Literal[".", ","] = "."
    zoned: bool = True
    order: Literal["time", "none"] = "time"
    counted: bool = True
    miscounted: int = 0
    inclusive: tuple[bool, bool] | None = None
    empty: Literal["header", "nothing"] = "header"
    lacking: frozenset[str] = frozenset()
    further: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How the server behaves; the defaults are the documented or the likelier reading.

    Attributes:
        from_inclusive: Whether a session of the second ``from_date`` is in the answer.
        to_inclusive: Whether a session of the second ``to_date`` is in the answer.
        missing_dates: Refuse a question without dates (code 134), or answer for the last 30 days.
        beyond_cap: Refuse a ``count`` or ``offset`` above its cap, or lower it to the cap.
        range_code: The code of that refusal: 497, 496 or 101; which of them is not documented.
        page_size: Cap on ``count``; if ``None``, the documented one, or where none is, what is tried.
        max_offset: Cap on ``offset``; likewise.
        account_ids: How a transaction names its account: as text, which is documented, or as a number.
        audit_values: Arguments and results in the audit log: JSON objects, or their text.
        order: Within a second by id, or in another order for every request.
        statuses: HTTP status that accompanies an error code, where it is not 200.
        latency: Median of the seconds an answer takes.
        latency_sigma: Spread of the latency: the standard deviation of its logarithm.
        gzip: Whether answers are compressed for clients that accept it.
        max_days: Widest range accepted, in days (code 569 beyond it).
        requests_per_second: Most requests served in any second; more are refused.
        most_in_flight: Most requests served at once; more are refused.
        refuse_by: What a refusal of those limits is: HTTP 429, or an envelope with code 340 or 314.
        retry_after: Seconds named by the ``Retry-After`` header of such a refusal, if it has one.
        clock_offset: Seconds the server's clock is ahead of the emulator's ``now``.
        reports: How reports are made.
        activated: Whether the account is (code 131 for every request if not).
        includes_children: Whether a parent that names no children is answered with theirs too.
        refused_children: Children that are refused, whether by their token or by parameter.
        children_only_ignores_ids: Whether the parent's own records are left out, and the ids with it.
        seed: Of latencies and orders.
        file_bytes: Size of every file in the storage; drawn from its path if ``None``.
        ranges: Whether the storage knows ranges.
        etags: Whether it names the state of a file, so that a client may go on with it.
        lengths: Whether it says how large a file is, or sends it in chunks.
        recording_days: How many days after its own a recording is kept; for ever if ``None``.
        log_days: Likewise of a log.
        gone_status: HTTP status in place of a file that is not kept any more.
    """

    from_inclusive: bool = True
    to_inclusive: bool = True
    missing_dates: Literal["error", "month"] = "error"
    beyond_cap: Literal["error", "clamp"] = "error"
    page_size: int | None = None
    max_offset: int | None = None
    order: Literal["id", "shuffled"] = "id"
    range_code: int = Code.INVALID_RANGE
    account_ids: Literal["text", "number"] = "text"
    audit_values: Literal["object", "text"] = "object"
    statuses: Mapping[int, int] = field(default_factory=lambda: MappingProxyType({}), hash=False)
    latency: float = 0.0
    latency_sigma: float = 0.0
    gzip: bool = True
    max_days: int | None = None
    requests_per_second: int | None = None
    most_in_flight: int | None = None
    refuse_by: Literal["http", "code"] = "http"
    retry_after: float | None = None
    clock_offset: float = 0.0
    reports: ReportBehaviour = ReportBehaviour()
    activated: bool = True
    includes_children: bool = False
    refused_children: frozenset[int] = frozenset()
    children_only_ignores_ids: bool = False
    seed: int = 0
    file_bytes: int | None = None
    ranges: bool = True
    etags: bool = True
    lengths: bool = True
    recording_days: int | None = None
    log_days: int | None = None
    gone_status: int = 404

    def status(self, code: int) -> int:
        """HTTP status of an envelope with this error code."""
        return self.statuses.get(code, 200)
