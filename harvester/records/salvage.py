"""JSON below the parser: where the records of an answer lie in its bytes, and which numbers a float would round.

orjson takes an answer whole or refuses it whole. When one record is broken (a lone surrogate, ``NaN``, a raw
control character, invalid UTF-8, nesting beyond 1024), ``split`` cuts the answer into records by brackets and
strings alone, so that the others survive. Everything here is linear in the length and never recurses.
"""

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

import orjson

_SPACE = b" \t\n\r"
_STRING = rb'"(?:[^"\\]++|\\.)*+"'
# Possessive: a failed match must not be tried again in other ways, hostile bytes would make that quadratic.
_BRACKET = re.compile(rb'(?:[^][{}"]++|' + _STRING + rb")*+([][{}])", re.DOTALL)
_BRACKET_OR_COMMA = re.compile(rb'(?:[^][{},"]++|' + _STRING + rb")*+([][{},])", re.DOTALL)
_KEY = re.compile(rb"\s*+(" + _STRING + rb")\s*+:", re.DOTALL)
# Strings match too, outside the group: what looks like a number inside one must be passed over. A decimal of up
# to 15 digits always survives a float, so only longer ones and those with an exponent are looked at.
_LONG_NUMBER = re.compile(
    _STRING
    + rb"|(-?(?=[0-9.]{17})[0-9]++\.[0-9]++(?:[eE][-+]?[0-9]++)?|-?[0-9]++(?:\.[0-9]++)?[eE][-+]?[0-9]++)",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Damaged:
    """The bytes of one record that is not JSON on its own.

    Attributes:
        raw: The record as received, without the white space around it.
        reason: What the parser said.
    """

    raw: bytes
    reason: str


@dataclass(frozen=True, slots=True)
class Salvaged:
    """An answer taken apart.

    Attributes:
        envelope: The answer's object without ``result``.
        records: The elements of ``result`` in the order received: JSON values, or ``Damaged``.
    """

    envelope: dict[str, object]
    records: list[object]


def split(text: bytes) -> Salvaged | None:
    """Take apart an answer that the parser refused as a whole.

    Returns:
        ``None`` when the damage is not inside a record: brackets or strings that do not close, anything
        after the answer, a broken envelope, no array named ``result``, nothing between two commas.
    """
    raws = slices(text)
    found = member(text, "result")
    if raws is None or found is None:
        return None
    try:
        envelope = orjson.loads(text[: found.start] + b"null" + text[found.stop :])
    except orjson.JSONDecodeError:
        return None
    del envelope["result"]
    return Salvaged(envelope, [_parsed(raw) for raw in raws])


def slices(text: bytes) -> list[bytes] | None:
    """The bytes of each element of ``result``, in the order received, without the white space around them.

    Returns:
        ``None`` when there is no array of that name, or ``text`` does not close.
    """
    found = member(text, "result")
    if found is None:
        return None
    array = text[found].strip(_SPACE)
    spans = _spans(array) if array.startswith(b"[") else None
    if spans is None:
        return None
    raws = [array[span].strip(_SPACE) for span in spans]
    if raws == [b""]:
        return []
    return raws if all(raws) else None


def member(text: bytes, name: str) -> slice | None:
    """Where the value of the object's member ``name`` lies; of several the last, as in orjson.

    Returns:
        ``None`` when ``text`` is no object, does not close, or has no such member.
    """
    start = len(text) - len(text.lstrip(_SPACE))
    spans = _spans(text, start) if text.startswith(b"{", start) else None
    found = None
    for span in spans or ():
        key = _KEY.match(text, span.start, span.stop)
        if key and _parsed(key[1]) == name:
            found = slice(key.end(), span.stop)
    return found


def rounds(text: bytes) -> bool:
    """Whether a decimal in ``text`` is another number once it is a float.

    A decimal survives when it is the shortest text of its float (what a float is printed as), or the float's
    exact value written out. Integers are not looked at: orjson keeps those of 64 bits exactly.
    """
    return any(_rounded(token.decode()) for token in _LONG_NUMBER.findall(text) if token)


def _rounded(token: str) -> bool:
    value = float(token)
    try:
        return Decimal(token) not in (Decimal(value), Decimal(repr(value)))
    except InvalidOperation:  # an exponent beyond what even Decimal holds
        return True


def _parsed(raw: bytes) -> object:
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        return Damaged(raw, f"not JSON: {error}")


def _spans(text: bytes, start: int = 0) -> list[slice] | None:
    """What lies between the commas of the object or array that opens at ``start`` and closes at the end."""
    spans = []
    depth = 1
    begin = position = start + 1
    # Commas count at the outermost level only; deeper, one match passes over them, which is five times faster.
    while found := (_BRACKET_OR_COMMA if depth == 1 else _BRACKET).match(text, position):
        position = found.end()
        if found[1] == b",":
            spans.append(slice(begin, position - 1))
            begin = position
            continue
        depth += 1 if found[1] in b"[{" else -1
        if depth == 0:
            spans.append(slice(begin, position - 1))
            return None if text[position:].strip(_SPACE) else spans
    return None
