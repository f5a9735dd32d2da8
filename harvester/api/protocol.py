"""From an HTTP reply to a page of records, or to the one error that says what to do about it. Pure.

The vendor's envelope: ``{"result": [...], "count": n, "total_count": n, "timezone": "..."}``, or
``{"error": {"code": n, "msg": "..."}}`` with whatever HTTP status, 200 included.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TypeVar

import pyarrow as pa

from harvester.api.envelope import (
    DECODED_LIMIT,
    LARGE,
    Answer,
    answer_of,
    check_marks,
    digest_of,
    envelope_of,
    records_in,
    unpack,
)
from harvester.api.failures import one_line
from harvester.api.reply import Reply, check_status, is_busy, retry_after
from harvester.errors import MalformedAnswerError, RequestError, TransientError
from harvester.records.orderly import Orderly

T = TypeVar("T")

Quick = Callable[[bytes], Orderly | None]
"""Reads a JSON text in which all is as documented, and no other."""


@dataclass(frozen=True, slots=True)
class Page:
    """What an answer says.

    Attributes:
        records: JSON objects in the order received; a ``salvage.Damaged`` stands for one that is not. Empty
            if there is a batch.
        text: The JSON text, decompressed.
        total: Sessions the question selects in all; ``None`` if the answer does not say.
        timezone: The zone of its times; ``None`` if the answer does not say.
        warnings: The vendor's remarks.
        batch: The records, decoded already, of an answer that was orderly.
    """

    records: list[object]
    text: bytes = field(repr=False)
    total: int | None
    timezone: str | None
    warnings: tuple[str, ...]
    batch: pa.RecordBatch | None = field(default=None, repr=False)


def read(reply: Reply, server_now: float, quick: Quick | None = None) -> tuple[Answer, Page]:
    """The answer of a reply and what it says.

    Args:
        reply: From the API, or from whatever stands before it.
        server_now: The server's Unix time, for a ``Retry-After`` that names a moment.
        quick: Tried first.

    Raises:
        HarvestError: What ``answer_of``, ``parse`` and ``check_status`` raise. A transient one knows of the
            reply's ``Retry-After``, a malformed one of its digest.
    """

    def content(good: Reply) -> tuple[Answer, Page]:
        answer = answer_of(good)
        try:
            return answer, parse(answer, quick=quick)
        except MalformedAnswerError as error:
            error.digest = digest_of(answer)
            raise

    return judged(reply, server_now, content)


def confirm(reply: Reply, server_now: float) -> None:
    """Make sure that a command was carried out: its answer has ``result: 1``, and nothing else will do.

    Raises:
        HarvestError: As ``read``.
    """
    judged(reply, server_now, _check_done)


def judged(reply: Reply, server_now: float, content: Callable[[Reply], T]) -> T:
    """What ``content`` says of a reply with status 200; of any other, the error that it is.

    Raises:
        HarvestError: As ``read``, or what ``content`` raises.
    """
    try:
        if reply.status == HTTPStatus.OK:
            return content(reply)
        # An error of the API says more than the status it came with; a gateway's page says less.
        # Some gateways write theirs in the same form, with a code that is none of the API's.
        void = (MalformedAnswerError, RequestError) if is_busy(reply) else (MalformedAnswerError,)
        with suppress(*void):
            envelope_of(answer_of(reply))
        check_status(reply, server_now)
        raise MalformedAnswerError(f"the HTTP status {reply.status} is not one the API uses")
    except TransientError as error:
        asked = retry_after(reply.headers, server_now)
        if asked is not None:
            error.retry_after = max(asked, error.retry_after or 0.0)
        raise


def _check_done(reply: Reply) -> None:
    if envelope_of(answer_of(reply)).get("result") != 1:
        raise MalformedAnswerError("the answer does not say that it was done")


def parse(answer: Answer, *, quick: Quick | None = None, limit: int = DECODED_LIMIT) -> Page:
    """What an answer says; at most ``limit`` bytes of JSON are read, by ``quick`` if it can.

    Raises:
        HarvestError: The error that the answer holds, by the table in ``failures``; an error beside a result
            counts.
        MalformedAnswerError: The body is not the documented envelope, or contradicts itself.
    """
    text = unpack(answer, limit)
    check_marks(text, beyond=LARGE)  # to count those of every page would cost a tenth of its time
    if quick is not None and (orderly := quick(text)) is not None:
        return Page([], text, orderly.total, orderly.timezone, (), orderly.batch)
    envelope, records = records_in(text)
    count, total, timezone = (envelope.get(name) for name in ("count", "total_count", "timezone"))
    if count is not None and (type(count) is not int or count != len(records)):
        raise MalformedAnswerError(f"the answer holds {len(records)} records but counts otherwise")
    if total is not None and (type(total) is not int or total < 0):
        raise MalformedAnswerError("the answer's total_count is not a count")
    if not isinstance(timezone, str | None):
        raise MalformedAnswerError("the answer's timezone is not a name")
    warnings = envelope.get("warnings")
    remarks = warnings if isinstance(warnings, list) else []
    return Page(records, text, total, timezone, tuple(one_line(str(remark)) for remark in remarks))
