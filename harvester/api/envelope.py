"""What every answer of the vendor is wrapped in, and the errors that it may hold instead. Pure.

``{"result": ..., ...}``, or ``{"error": {"code": n, "msg": "..."}}``.
"""

import zlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256

import orjson

from harvester.api.failures import failure, one_line
from harvester.api.gunzip import gunzip, too_large
from harvester.api.reply import Reply
from harvester.errors import HarvestError, MalformedAnswerError
from harvester.records.salvage import Damaged, slices, split

DECODED_LIMIT = 64 << 20  # bytes; a full page has 2 to 5 MiB
LARGE = 8 << 20
_RECORDS_LIMIT = 10_000  # ten times the most that can be asked for
_MARKS_LIMIT = 2 << 20  # thirty full pages
_MARKS = (b"{", b"[", b",")
_GZIP_MAGIC = b"\x1f\x8b"
_GZIP_HEADER = 10  # bytes, of which some tell when it was packed
_HEAD = 1 << 10  # bytes; the key ``result`` comes before the records


@dataclass(frozen=True, slots=True)
class Answer:
    """The part of a reply that is worth keeping.

    Attributes:
        body: The bytes as received.
        encoding: ``gzip`` or ``identity``.
    """

    body: bytes = field(repr=False)
    encoding: str


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


def digest_of(answer: Answer) -> bytes | None:
    """What tells an answer with records from others, whether or not it can be read.

    Returns:
        ``None`` when it does not begin as the API's do: whoever stands before it says the same to everyone.
    """
    packed, head = answer.encoding == "gzip", answer.body[:_HEAD]
    if packed:
        with suppress(zlib.error):
            head = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS).decompress(head, _HEAD)
    if not head.lstrip().startswith(b"{") or b'"result"' not in head:
        return None
    return sha256(answer.body[_GZIP_HEADER:] if packed else answer.body).digest()


def check_marks(text: bytes, *, beyond: int = _MARKS_LIMIT) -> None:
    """Refuse a text that is little but brackets and commas: a few KiB of gzip make hours of work of it.

    Args:
        text: The JSON text of an answer.
        beyond: Bytes; a text that is not larger passes unseen.

    Raises:
        MalformedAnswerError: It has more of them than any page.
    """
    if len(text) > beyond and sum(map(text.count, _MARKS)) > _MARKS_LIMIT:
        raise MalformedAnswerError(f"the answer holds more than {_MARKS_LIMIT} brackets and commas")


def envelope_of(answer: Answer) -> dict[str, object]:
    """The object that an answer is, whatever its result.

    Raises:
        HarvestError: The error that the answer holds.
        MalformedAnswerError: It is no JSON object.
    """
    text = unpack(answer, DECODED_LIMIT)
    check_marks(text)
    try:
        envelope = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise MalformedAnswerError("the answer is not JSON") from None
    if not isinstance(envelope, dict):
        raise MalformedAnswerError("the answer is not a JSON object")
    _raise_error(envelope)
    return envelope


def records_in(text: bytes) -> tuple[dict[str, object], list[object]]:
    """The object that the JSON text of a page is, and its records.

    ``salvage.Damaged`` stands for a record that is none.

    Raises:
        HarvestError: The error that the answer holds.
        MalformedAnswerError: It is no JSON object with a list of results, or far more than a page.
    """
    check_marks(text)
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
    if len(records) > _RECORDS_LIMIT:
        raise MalformedAnswerError(f"the answer holds more than {_RECORDS_LIMIT} records")
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
