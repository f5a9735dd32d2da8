"""JSON below the parser: where the records of an answer lie in its bytes, and which numbers a float rounds.

orjson takes an answer whole or refuses it whole. When one record is broken (a lone surrogate, ``NaN``, a raw
control character, invalid UTF-8, nesting beyond 1024), ``split`` cuts the answer by brackets and commas
alone, so that the other records survive. Everything here is linear in the length and never recurses.
"""

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

import orjson
import pyarrow as pa
import pyarrow.compute as pc

_SPACE = b" \t\n\r"
# Possessive throughout: hostile bytes would make a regular expression that tries again quadratic.
STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
"""Matches a string of JSON in one pass; with ``?+`` behind it, also one that does not close."""
_BRACKET = re.compile(rb'[^][{}"]*+(?:' + STRING + rb'[^][{}"]*+)*+([][{}])', re.DOTALL)
_BRACKET_OR_COMMA = re.compile(rb'[^][{},"]*+(?:' + STRING + rb'[^][{},"]*+)*+([][{},])', re.DOTALL)
_KEY = re.compile(rb"\s*+(" + STRING + rb")\s*+:", re.DOTALL)
# Strings match as well, outside the group, so that no number is found inside one; an open one to the end, or
# the search would begin anew at each quote in it.
_NUMBER = re.compile(STRING + rb"?+|([0-9]++(?:\.[0-9]++)?+(?:[eE][-+]?+[0-9]++)?+)", re.DOTALL)
_SURE = 16  # characters: at most 15 digits and a point, which survive being a float, unless with an exponent


@dataclass(frozen=True, slots=True)
class Damaged:
    """One record that is not JSON.

    Attributes:
        raw: Its bytes as received, without the white space around them.
        reason: What the parser says of them.
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
        ``None`` when the damage is not within records: brackets or strings that do not close, anything after
        the answer, a broken envelope, no array named ``result``, nothing between two commas.
    """
    raws, found = slices(text), member(text, "result")
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
        ``None`` when ``text`` is not an object with an array of that name, or does not close, or has nothing
        between two commas of the array.
    """
    found = member(text, "result")
    spans = _spans(text, found, b"[") if found else None
    if spans is None:
        return None
    raws = [text[span].strip(_SPACE) for span in spans]
    if raws == [b""]:
        return []
    return raws if all(raws) else None


def member(text: bytes, name: str) -> slice | None:
    """Where the value of the object's key ``name`` lies, with white space; the last, if there are several.

    Returns:
        ``None`` when ``text`` is not an object, does not close, or has no such key.
    """
    found = None
    for span in _spans(text, slice(0, len(text)), b"{") or ():
        key = _KEY.match(text, span.start, span.stop)
        if key and _parsed(key[1]) == name:
            found = slice(key.end(), span.stop)
    return found


def rounds(text: bytes) -> bool:
    """Whether a decimal in ``text`` becomes another number as a float.

    It does not if it is the shortest text of its float, which is how programs print floats, or all digits of
    its float's exact value. Integers are not looked at: the parser keeps those of 64 bits as they are.
    """
    tokens = filter(None, _NUMBER.findall(text))
    return any(_rounded(token) for token in tokens if len(token) > _SURE or b"e" in token or b"E" in token)


def may_round(text: bytes) -> bool:
    """Whether a decimal of less than eight digits before its point may have over 15, or vanish, as a float.

    It has nine behind its point, or an exponent below zero: with eight on either side, any other exponent
    leaves eight before the point.
    """
    # Arrow's regular expressions jump from point to point, and from minus to minus: a quarter of the time of
    # ``re``. An exponent's digits end its number; only where some digits do is a look for exponents worth it.
    offsets = pa.array([0, len(text)], pa.int64()).buffers()[1]
    whole = pa.Array.from_buffers(pa.large_binary(), 1, [None, offsets, pa.py_buffer(text)])
    if _found(whole, r"\.[0-9]{9}"):
        return True
    return _found(whole, r"-[0-9]+[ \t\n\r]*[],}]") and _found(whole, r"[0-9][eE]-[0-9]")


def _rounded(token: bytes) -> bool:
    value = float(token)
    try:
        return not token.isdigit() and Decimal(token.decode()) not in (Decimal(value), Decimal(repr(value)))
    except InvalidOperation:  # an exponent beyond even Decimal's
        return True


def _found(whole: pa.Array, pattern: str) -> bool:
    return bool(pc.match_substring_regex(whole, pattern)[0].as_py())


def _parsed(raw: bytes) -> object:
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        return Damaged(raw, f"not JSON: {error}")


def _spans(text: bytes, within: slice, opening: bytes) -> list[slice] | None:
    """What lies between the commas of the object or array that fills ``within``."""
    inside = text[within]
    start = within.start + len(inside) - len(inside.lstrip(_SPACE))
    end = within.start + len(inside.rstrip(_SPACE))
    if text[start : start + 1] != opening:
        return None
    spans = []
    depth = 1
    begin = position = start + 1
    # Commas count at the outermost level only; passing over the others makes this several times faster.
    while found := (_BRACKET_OR_COMMA if depth == 1 else _BRACKET).match(text, position):
        position = found.end()
        if found[1] in b"[{":
            depth += 1
            continue
        depth -= found[1] != b","
        if depth == 0 or found[1] == b",":
            spans.append(slice(begin, position - 1))
            begin = position
        if depth == 0:
            return spans if position == end else None
    return None
