"""From an HTTP reply to a page of records, or to the one error that says what to do about it. Pure.

The vendor's envelope: ``{"result": [...], "count": n, "total_count": n, "timezone": "..."}``, or
``{"error": {"code": n, "msg": "..."}}`` with whatever HTTP status, 200 included.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TypeVar

import orjson
import pyarrow as pa

from harvester.api.failures import failure, one_line
from harvester.api.gunzip import gunzip, too_large
from harvester.api.reply import Reply, check_status, retry_after
from harvester.errors import HarvestError, MalformedAnswerError, TransientError
from harvester.records.orderly import Orderly
from harvester.records.salvage import Damaged, slices, split

__all__ = [
    "Answer",
    "Page",
    "Quick",
    "Reply",
    "answer_of",
    "check_status",
    "confirm",
    "envelope_of",
    "failure",
]
__all__ += ["judged", "parse", "read", "retry_after", "unpack"]

T = TypeVar("T")

Quick = Callable[[bytes], Orderly | None]
"""Reads a JSON text in which all is as documented, and no other."""

_DECODED_LIMIT = 64 << 20  # bytes; a full page has 2 to 5 MiB

_GZIP_MAGIC = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class Answer:
    """The part of a reply that is worth keeping.

    Attributes:
        body: The bytes as received.
        encoding: ``gzip`` or ``identity``.
    """

    body: bytes = field(repr=False)
    encoding: str


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
            reply's ``Retry-After``.
    """

    def content(good: Reply) -> tuple[Answer, Page]:
        answer = answer_of(good)
        return answer, parse(answer, quick=quick)

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
        with suppress(MalformedAnswerError):
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


def answer_of(reply: Reply) -> Answer:
    """The body and how it is compressed: by its ``Content-Encoding``, or by its first bytes without one.

    Raises:
        MalformedAnswerError: It is compressed in a way that was not asked for.
    """
    encoding = reply.headers.get("content-encoding", "").strip().lower()
    if encoding in {"", "identity"}:
        encoding = "gzip" if reply.body.startswith(_GZIP_MAGIC) else "identity"
    if encoding not in {"gzip", "identity"}:
        raise MalformedAnswerError(
            f"the answer is encoded as {one_line(encoding)!r}, which was not asked for"
        )
    return Answer(reply.body, encoding)


def unpack(answer: Answer, limit: int) -> bytes:
    """The JSON text of an answer, of at most ``limit`` bytes.

    Raises:
        MalformedAnswerError: It is larger than ``limit``, or what ``gunzip`` raises.
    """
    if answer.encoding == "gzip":
        return gunzip(answer.body, limit)
    if len(answer.body) > limit:
        raise too_large(limit)
    return answer.body


def parse(answer: Answer, *, quick: Quick | None = None, limit: int = _DECODED_LIMIT) -> Page:
    """What an answer says; at most ``limit`` bytes of JSON are read, by ``quick`` if it can.

    Raises:
        HarvestError: The error that the answer holds, by the table in ``failures``; an error beside a result
            counts.
        MalformedAnswerError: The body is not the documented envelope, or contradicts itself.
    """
    text = unpack(answer, limit)
    if quick is not None and (orderly := quick(text)) is not None:
        return Page([], text, orderly.total, orderly.timezone, (), orderly.batch)
    envelope, records = _records(text)
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


def envelope_of(answer: Answer) -> dict[str, object]:
    """The object that an answer is, whatever its result.

    Raises:
        HarvestError: The error that the answer holds.
        MalformedAnswerError: It is no JSON object.
    """
    try:
        envelope = orjson.loads(unpack(answer, _DECODED_LIMIT))
    except orjson.JSONDecodeError:
        raise MalformedAnswerError("the answer is not JSON") from None
    if not isinstance(envelope, dict):
        raise MalformedAnswerError("the answer is not a JSON object")
    _raise_error(envelope)
    return envelope


def _records(text: bytes) -> tuple[dict[str, object], list[object]]:
    try:
        envelope = orjson.loads(text)
    except orjson.JSONDecodeError:
        return _salvaged(text)
    if not isinstance(envelope, dict):
        raise MalformedAnswerError("the answer is not a JSON object")
    _raise_error(envelope)
    records = envelope.get("result")
    if not isinstance(records, list):
        raise MalformedAnswerError("the answer holds no list of results")
    return envelope, _objects(text, records)


def _salvaged(text: bytes) -> tuple[dict[str, object], list[object]]:
    """One damaged record must not cost the others of its page."""
    salvaged = split(text)
    if salvaged is None:
        raise MalformedAnswerError("the answer is not JSON")
    _raise_error(salvaged.envelope)
    return salvaged.envelope, _objects(text, salvaged.records)


def _objects(text: bytes, records: list[object]) -> list[object]:
    """A number or a list among the records is as damaged as one that does not parse."""
    if all(type(record) is dict for record in records):
        return records
    raws = slices(text)
    if raws is None or len(raws) != len(records):
        raise MalformedAnswerError("the answer holds something else than records")
    return [
        record if isinstance(record, dict | Damaged) else Damaged(raw, "not a JSON object")
        for record, raw in zip(records, raws, strict=True)
    ]


def _raise_error(envelope: Mapping[str, object]) -> None:
    error, errors = envelope.get("error"), envelope.get("errors")
    if error is None and isinstance(errors, list) and errors:
        error = errors[0]
    if error is not None:
        raise _error(error)


def _error(error: object) -> HarvestError:
    match error:
        case {"code": int(code), "msg": str(message)}:
            return failure(code, message)
        case {"code": int(code)}:
            return failure(code, "without a message")
        case _:
            return MalformedAnswerError("the answer holds an error without a code")
