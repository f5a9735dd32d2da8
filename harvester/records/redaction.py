"""What a lake is told not to hold: signed URLs are dropped, phone numbers replaced by their keyed hash.

In columns it goes by the field. In JSON text, which is ``extra`` and the records in quarantine, it goes by
the key, and where no column is documented for a key, by what its value looks like. What is dropped is null;
what was null or empty stays.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from harvester.datasets import Content, Dataset
from harvester.number_key import NumberKey
from harvester.records.salvage import STRING

# Possessive, as in salvage: each byte is looked at once, whatever comes.
_TOKENS = re.compile(rb"(" + STRING + rb'?+|[^][{}",:\s]++)(\s*+:)?+|[][{},]', re.DOTALL)
_LITERALS = {b"null", b"true", b"false", b"NaN", b"Infinity", b"-Infinity"}
_JSON_NUMBER = re.compile(rb"-?[0-9]++(?:\.[0-9]++)?+(?:[eE][-+]?+[0-9]++)?+")
_DIALLED = re.compile(r"\+?[0-9]{8,15}|(?:sips?|tel):.*", re.DOTALL | re.IGNORECASE)  # as the vendor has them
_IN_A_PATH = re.compile(r"\+?\b[0-9]{8,15}\b")
_PLAIN = object()  # a documented scalar that is neither: it is kept, as in its column


@dataclass(frozen=True, slots=True)
class Redaction:
    """What to drop, and what to hash.

    Attributes:
        known: What the documented scalars hold, by name, at whatever level.
        urls: Drop signed URLs.
        key: Hash phone numbers with it; keep them if it is ``None``.
    """

    known: Mapping[str, Content | None]
    urls: bool
    key: NumberKey | None

    @classmethod
    def of(cls, dataset: Dataset, *, urls: bool, key: NumberKey | None) -> "Redaction | None":
        """That of a dataset; ``None`` if nothing is to be hidden."""
        return cls(dataset.contents, urls, key) if urls or key is not None else None

    def column(self, texts: pa.Array, content: Content) -> pa.Array:
        """A column of texts that hold ``content``; each different number is hashed once."""
        if content is Content.URL and self.urls:
            return pc.if_else(pc.equal(texts, ""), texts, pa.scalar(None, pa.string()))
        if content is Content.URL or self.key is None:
            return texts
        encoded = texts.dictionary_encode()
        hashes = [number and self.key.hashed(number.encode()) for number in encoded.dictionary.to_pylist()]
        return pa.array(hashes, pa.string()).take(encoded.indices)

    def text(self, text: bytes) -> bytes:
        """JSON text, or what was to be some: a record that does not parse is gone through all the same."""
        return _TOKENS.sub(_Pass(self), text)

    def path(self, path: str) -> str:
        """The path of an unknown key, which may itself be a number."""
        key = self.key
        return path if key is None else _IN_A_PATH.sub(lambda found: key.hashed(found[0].encode()), path)


class _Pass:
    """One pass over JSON text; what a key says of its value holds for all that is nested in it."""

    def __init__(self, redaction: Redaction) -> None:
        self._to = redaction
        self._around: list[object] = [None]  # what is said of the open lists and objects
        self._content: object = None  # of the next value

    def __call__(self, token: re.Match[bytes]) -> bytes:
        value, colon = token.groups()
        if value is None:
            self._step(token[0])
            return token[0]
        if colon is None:
            return self._value(value)
        name = _text(value)
        self._content = self._said(name)
        if name is not None and self._to.key is not None and _IN_A_PATH.fullmatch(name):
            return self._hashed(name.encode()) + colon
        return value + colon

    def _step(self, sign: bytes) -> None:
        if sign in b"[{":
            self._around.append(None if self._content is _PLAIN else self._content)
        elif sign != b"," and len(self._around) > 1:
            self._around.pop()
        self._content = self._around[-1]

    def _said(self, name: str | None) -> object:
        """What a key says of its value; ``None`` if nothing."""
        if (around := self._around[-1]) is not None or name is None:
            return around
        if name in self._to.known:
            return self._to.known[name] or _PLAIN
        lower = name.lower()
        if lower.endswith("url"):
            return Content.URL
        return Content.NUMBER if "number" in lower or "phone" in lower else None

    def _value(self, value: bytes) -> bytes:
        text = _text(value) if value.startswith(b'"') else None
        if value in _LITERALS or text == "":
            return value
        is_number = _JSON_NUMBER.fullmatch(value) is not None
        if text is None and not is_number:  # what cannot be read cannot be judged
            return value if self._content is _PLAIN and value.startswith(b'"') else b"null"
        content = self._content
        if content is None and text is not None:
            content = self._looks_like(text)
        if content is Content.URL and self._to.urls:
            return b"null"
        if content is Content.NUMBER and self._to.key is not None:
            return self._hashed(value if text is None else text.encode())
        return value

    def _looks_like(self, text: str) -> Content | None:
        if "://" in text:
            return Content.URL
        return Content.NUMBER if _DIALLED.fullmatch(text) else None

    def _hashed(self, number: bytes) -> bytes:
        assert self._to.key is not None  # noqa: S101  (tells the type checker what both callers have asked)
        return b'"' + self._to.key.hashed(number).encode() + b'"'


def _text(token: bytes) -> str | None:
    """What a string says; the token itself if it has no quotes, as in what only resembles JSON."""
    if not token.startswith(b'"'):
        return token.strip(b"'").decode(errors="replace")
    try:
        text: str = orjson.loads(token)
    except orjson.JSONDecodeError:
        return None
    return text
