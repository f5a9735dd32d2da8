"""Decoding JSON as text, which no parser has smoothed: odd numbers, escapes, keys twice, broken records."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.api.envelope import Answer
from harvester.api.protocol import parse
from harvester.datasets import Kind
from harvester.records.decode import Decoder
from harvester.records.salvage import slices
from tests.test_decode_anything import FITTING, STEADY, fit_object, objects
from tests.test_schema import SMALL

pytestmark = pytest.mark.large

ODD_NUMBERS = st.sampled_from(
    [
        b"0",
        b"-0",
        b"-0.0",
        b"1e5",
        b"1.5E-7",
        b"12345678.123456781e-3",
        b"12345671234567800001e-13",
        b"1e-400",
        b"5e-324",
        b"0.1234567890123456789012345678901234567890",
        b"9007199254740993",
        b"9007199254740993.0",
        b"18446744073709551615",
        b"18446744073709551616",
        b"9" * 40,
        b"-1E+2",
    ]
) | st.from_regex(rb"-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,20})?([eE][-+]?[0-9]{1,2})?", fullmatch=True)
SHORT_NUMBERS = st.from_regex(rb"-?(0|[1-9][0-9]{0,5})(\.[0-9]{1,6})?([eE][-+]?[0-5])?", fullmatch=True)
NUMBERS = SHORT_NUMBERS | SHORT_NUMBERS | ODD_NUMBERS
BROKEN = st.sampled_from(
    [
        b"NaN",
        b"-Infinity",
        b"1e400",
        b"01",
        b"+1",
        b".5",
        b"1.",
        b"'x'",
        b"undefined",
        rb'"\ud800"',
        rb'"\x41"',
        b'"\xff"',
        b'"a\x00b"',
        b'"a\nb"',
        b"\xef\xbb\xbf1",
        b"[" * 1100 + b"]" * 1100,
    ]
)
TEXTS = st.text(max_size=6) | st.sampled_from(
    ["", "2024-05-29", "2024-05-29 15:05:26", "]}", '"', "\\", "\0", "1e-5]"]
)
SPACE = st.sampled_from([b"", b" ", b"\n\t"])


@st.composite
def strings(draw: st.DrawFn) -> bytes:
    """A string, with escapes or without, and with every character escaped."""
    text = draw(TEXTS)
    if draw(st.integers(0, 3)) == 0:
        units = text.encode("utf-16-be")
        return (
            b'"'
            + b"".join(rb"\u%04x" % int.from_bytes(units[i : i + 2]) for i in range(0, len(units), 2))
            + b'"'
        )
    return json.dumps(text, ensure_ascii=draw(st.booleans())).encode()


def arrays(elements: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """An array, with white space about."""
    return st.tuples(SPACE, st.lists(elements, max_size=3)).map(
        lambda drawn: b"[" + drawn[0] + (drawn[0] + b",").join(drawn[1]) + drawn[0] + b"]"
    )


def mappings(values: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """An object, with white space about; a key may come twice."""
    names = st.sampled_from([b'"x"', b'"at"', b'"end"', b'"code"', rb'"\u0063ode"'])
    pairs = st.lists(st.tuples(names, values), max_size=3, unique_by=lambda pair: pair[0])
    return st.tuples(SPACE, pairs).map(
        lambda drawn: (
            b"{" + b",".join(drawn[0] + key + drawn[0] + b":" + value for key, value in drawn[1]) + b"}"
        )
    )


SCALARS = st.sampled_from([b"null", b"true", b"false"]) | NUMBERS | strings()
VALUES = st.recursive(SCALARS, lambda inner: arrays(inner) | mappings(inner), max_leaves=4)


@st.composite
def records(draw: st.DrawFn) -> bytes:
    """A record: mostly documented values, sometimes anything, rarely what is no JSON."""
    pairs = [(b'"name"', draw(strings()))] if draw(st.booleans()) else []  # it may come again below
    for field in SMALL.fields:
        die = draw(st.integers(0, 59))
        if die < 2:
            value = draw(BROKEN if die else VALUES)
        elif field.kind is Kind.NUMBER:
            value = draw(NUMBERS)
        elif field.kind is Kind.LIST:
            value = json.dumps(draw(st.lists(objects(field.fields, strange=die < 4), max_size=2))).encode()
        elif field.kind is Kind.OBJECT:
            value = json.dumps(draw(objects(field.fields, strange=die < 4))).encode()
        else:
            value = json.dumps(draw(FITTING[field.kind])).encode()
        pairs.append((b'"%s"' % field.name.encode(), value))
    if draw(st.booleans()):
        pairs.append((b'"new"', draw(VALUES)))
    space = draw(SPACE)
    return b"{" + (b"," + space).join(key + b":" + space + value for key, value in pairs) + b"}"


class NotKeptError(ValueError):
    """A float says another number than the text."""


def exact(text: str) -> float:
    """A float that says what its text says, by the specification."""
    value = float(text)
    if value in {float("inf"), float("-inf")} or Decimal(text) not in {Decimal(value), Decimal(repr(value))}:
        raise NotKeptError
    return value


def whole(text: str) -> float:
    """An integer as the parser has it: a float beyond 64 bits."""
    value = int(text)
    return value if -(2**63) <= value < 2**64 else float(value)


def refuse(_constant: str) -> None:
    """``NaN`` and its like are no JSON."""
    raise ValueError


def row_of(raw: bytes) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """The row and the unknown keys of one record, decided alone; ``None`` if it does not fit."""
    try:
        record = json.loads(raw.decode(), parse_float=exact, parse_int=whole, parse_constant=refuse)
        json.dumps(record, ensure_ascii=False).encode()  # a lone surrogate is no character
        row, extra = fit_object(SMALL.fields, record)
    except (ValueError, RecursionError):
        return None
    return (row, extra) if row["id"] is not None and row["at"] is not None else None


@STEADY
@given(raws=st.lists(records(), max_size=4))
def test_each_record_is_decided_alone_from_its_text(raws: list[bytes]) -> None:
    """Row, ``extra`` or quarantine: as by one record at a time, with exact decimals; no neighbour matters."""
    text = b'{"result": [' + b", ".join(raws) + b'], "total_count": %d}' % len(raws)
    assert slices(text) == raws
    found = parse(Answer(text, "identity"))
    result = Decoder(SMALL).decode(found.records, found.text)
    expected = [row_of(raw) for raw in raws]
    assert [item.raw for item in result.quarantined] == [
        raw for raw, row in zip(raws, expected, strict=True) if row is None
    ]
    fitting = [row for row in expected if row is not None]
    assert repr(result.batch.drop_columns("extra").to_pylist()) == repr([row for row, _ in fitting])
    extras = [text and json.loads(text) for text in result.batch["extra"].to_pylist()]
    assert extras == [extra or None for _, extra in fitting]
