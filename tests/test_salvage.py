"""Taking an answer apart that the parser refuses, and telling which decimals a float would round."""

import json
from decimal import Decimal

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harvester.records.salvage import Damaged, Salvaged, member, rounds, slices, split

STEADY = settings(deadline=None, derandomize=True)  # the same examples every time, and no clock

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=10,
)
TEXT = st.text(alphabet=r'{}[],:"\ ab', max_size=12)


@pytest.mark.large
@STEADY
@given(
    records=st.lists(JSON),
    envelope=st.dictionaries(st.text().filter(lambda key: key != "result"), JSON, max_size=4),
    place=st.integers(0, 4),
    indent=st.sampled_from([None, 0, 3]),
    ascii_only=st.booleans(),
)
def test_an_intact_answer_comes_back_whole(
    records: list[object], envelope: dict[str, object], place: int, indent: int | None, *, ascii_only: bool
) -> None:
    """Whatever JSON the records and the envelope are, and wherever ``result`` stands, nothing changes."""
    members = list(envelope.items())
    members.insert(place, ("result", records))
    text = json.dumps(dict(members), indent=indent, ensure_ascii=ascii_only).encode()
    expected = orjson.loads(text)
    assert split(text) == Salvaged({k: v for k, v in expected.items() if k != "result"}, expected["result"])


@STEADY
@given(records=st.lists(st.dictionaries(TEXT, TEXT | st.lists(TEXT)) | TEXT))
def test_brackets_quotes_and_commas_in_strings_are_text(records: list[object]) -> None:
    """Each slice parses to its record, whatever its strings hold."""
    found = slices(orjson.dumps({"a": "]}", "result": records, "b": "{["}))
    assert found is not None
    assert [orjson.loads(raw) for raw in found] == records


@pytest.mark.parametrize(
    "raw",
    [
        rb'{"id": 1, "name": "\ud800"}',
        b'{"id": 1, "name": "\xff\xfe"}',
        b'{"id": 1, "name": "a\nb"}',
        b'{"id": 1, "cost": NaN}',
        b'{"id": 1, "cost": -Infinity}',
        b'{"id": 1, "cost": 1e400}',
        b'{"id": 1, "cost": 01}',
        b'{"id": 1 "name": 2}',
        b'{"id": 1} {"id": 2}',
        b"{'id': 1}",
        b"undefined",
        b'{"id": ' + b"[" * 1100 + b"]" * 1100 + b"}",
    ],
    ids=lambda raw: repr(raw[:24]),
)
def test_a_broken_record_spares_the_others(raw: bytes) -> None:
    """One record that the parser refuses is handed over as bytes, in its place, with what the parser said."""
    salvaged = split(b'{"result": [{"id": 0}, ' + raw + b' , {"id": 2, "s": "]"}], "count": 3}')
    assert salvaged is not None
    first, broken, last = salvaged.records
    assert (first, last) == ({"id": 0}, {"id": 2, "s": "]"})
    assert isinstance(broken, Damaged)
    assert broken.raw == raw
    assert broken.reason.startswith("not JSON: ")
    assert salvaged.envelope == {"count": 3}


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"null",
        b'"result"',
        b"<html>",
        b"{}",
        b'{"count": 1}',
        b'{"result": {"0": 1}}',
        b'{"result": "[]"}',
        b'{"result": null}',
        b'{"result": [1, 2]',
        b'{"result": [1, {"a": 2]}',
        b'{"result": [1, "2]}',
        b'{"result": [1, 2]} {}',
        b'{"result": [1, 2] 3}',
        b'{"result": [1, , 2]}',
        b'{"result": [1, ]}',
        b'{"result": [NaN], "count": NaN}',
        b'{"result": [NaN], count: 1}',
        b'\xef\xbb\xbf{"result": []}',
        b'{"result": [' + b"[" * 100_000,
        b'{"result": [' + b'"\\' * 100_000,
    ],
    ids=lambda text: repr(text[:32]),
)
def test_damage_outside_the_records_is_not_salvaged(text: bytes) -> None:
    """An answer that does not close, or whose envelope is broken, may lack records: it is given up whole."""
    assert split(text) is None


def test_no_records_are_no_slices() -> None:
    """White space alone between the brackets is no record."""
    assert slices(b' { "result" : [ \n ] } ') == []


def test_the_last_of_several_members_counts() -> None:
    """As in the parser, also when a key is written with escapes."""
    assert slices(rb'{"result": [1, 2], "res\u0075lt": [3]}') == [b"3"]
    assert member(b'{"id": 1, "id": 2}', "id") == slice(15, 17)


def test_a_member_is_found_in_a_broken_object() -> None:
    """Keys that are no JSON themselves, and members without one, are passed over."""
    raw = rb'{"\ud800": 1, junk, "inner": {"id": 3}, "id" : 7, "cost": NaN}'
    span = member(raw, "id")
    assert span is not None
    assert raw[span] == b" 7"
    assert member(raw, "key") is None


@pytest.mark.parametrize(
    ("number", "rounded"),
    [
        ("0.530625", False),
        ("0.30000000000000004", False),
        ("0.10000000000000000", False),
        ("0.1000000000000000055511151231257827021181583404541015625", False),
        ("0.100000000000000005551115123125782702118158340454101562", True),
        ("0.1234567890123456789012345678901234567890", True),
        ("-0.1234567890123456789012345678901234567890", True),
        ("123456789.123456789", True),
        ("12345678901234567890", False),
        ("12345678901234567890e-18", True),
        ("1e5", False),
        ("1E5", False),
        ("1e-400", True),
        ("1E-400", True),
        ("5e-324", False),
        ("1e-99999999999999999999", True),
        ("-0.0", False),
    ],
)
def test_a_decimal_is_kept_if_its_float_says_the_same(number: str, *, rounded: bool) -> None:
    """The shortest text of a float survives, and so does its exact value; every other decimal is rounded."""
    assert rounds(f'{{"cost": {number}, "s": ""}}'.encode()) is rounded


@pytest.mark.parametrize(
    "text",
    [
        b'"0.1234567890123456789"',
        rb'"\"cost\": 0.1234567890123456789"',
        rb'["\\", "0.1234567890123456789"]',
        b'"0.1234567890123456789',
    ],
)
def test_a_number_in_a_string_is_text(text: bytes) -> None:
    """Text is kept as it is, however many digits it has, even if it does not close."""
    assert not rounds(text)


@STEADY
@given(st.decimals(allow_nan=False, allow_infinity=False, places=15, min_value=-10, max_value=10))
def test_rounding_is_told_from_the_value(value: Decimal) -> None:
    """A decimal is rounded exactly if neither text of its float equals it."""
    near = float(value)
    assert rounds(f"[{value:f}]".encode()) is (value not in {Decimal(near), Decimal(repr(near))})
