"""Answers on their way out, and the memory of those already made."""

from collections import OrderedDict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import orjson

from harvester.emulator.refusals import Refusal

JSON = "application/json"
HTML = "text/html"


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent: the body as it leaves, compressed or not.

    Attributes:
        body: Bytes as sent.
        status: The HTTP status.
        rows: Records in the body.
        error: Code of the error envelope in the body, if it is one.
        gzip: Whether the body is compressed.
        content_type: The media type.
        headers: Further headers.
        sent: How many bytes of the body are sent before the connection ends; all if ``None``.
        stalls: Whether it hangs there instead of ending.
    """

    body: bytes
    status: int = 200
    rows: int = 0
    error: int | None = None
    gzip: bool = False
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    sent: int | None = None
    stalls: bool = False


def refused(refusal: Refusal, status: int, headers: Mapping[str, str]) -> Answer:
    """Answer with an error envelope; it is short, and never compressed."""
    body = orjson.dumps({"error": {"code": refusal.code, "msg": refusal.message}})
    return Answer(body, status, error=refusal.code, headers=headers)


def retry_after(seconds: float | None) -> Mapping[str, str]:
    """Headers that ask for a pause, if one is asked for."""
    return {} if seconds is None else {"Retry-After": f"{seconds:g}"}


class AnswerCache:
    """Answers by question, bounded by the bytes of their bodies; the least recently asked for goes first."""

    def __init__(self, limit: int) -> None:
        """Hold at most ``limit`` bytes; 0 holds nothing."""
        self._limit = limit
        self._size = 0
        self._answers: OrderedDict[Hashable, Answer] = OrderedDict()

    def get(self, key: Hashable) -> Answer | None:
        """Return the answer, if it is held."""
        answer = self._answers.get(key)
        if answer is not None:
            self._answers.move_to_end(key)
        return answer

    def put(self, key: Hashable, answer: Answer) -> None:
        """Hold an answer from now on, in place of the oldest ones; one larger than the limit is not held."""
        known = self._answers.pop(key, None)
        self._size += len(answer.body) - (len(known.body) if known else 0)
        self._answers[key] = answer
        while self._size > self._limit:
            _, dropped = self._answers.popitem(last=False)
            self._size -= len(dropped.body)
