"""Decoding whatever may come: against a specification that decides one value at a time, and damaged bytes."""

import json
import re
from collections.abc import Iterable
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harvester.datasets import CALLS, Field, Kind
from harvester.records.decode import Decoder
from harvester.records.salvage import Damaged, slices, split
from tests.test_schema import SMALL

pytestmark = pytest.mark.large

STEADY = settings(deadline=None, derandomize=True)  # the same examples every time, and no clock

ANY = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**64), 2**64)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["", "2024-05-29", "2024-05-29 15:05", "2024-05-29T15:05:26", "2024-05-29 15:05:26"])
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
FITTING = {
    Kind.INTEGER: st.integers(-(2**63), 2**63 - 1),
    Kind.NUMBER: st.integers(-(2**53), 2**53) | st.floats(-(2.0**53), 2.0**53),
    Kind.BOOLEAN: st.booleans(),
    Kind.TEXT: st.text(max_size=5),
    Kind.INSTANT: st.datetimes().map(lambda moment: moment.replace(microsecond=0).isoformat(" ")),
    Kind.DATE: st.dates().map(date.isoformat),
}


def objects(fields: Iterable[Field], *, strange: bool) -> st.SearchStrategy[dict[str, object]]:
    """Objects with ``fields``, each of which may be absent or null; if ``strange``, or anything else."""
    optional = {}
    for field in fields:
        value: st.SearchStrategy[object]
        match field.kind:
            case Kind.OBJECT:
                value = objects(field.fields, strange=strange)
            case Kind.LIST:
                value = st.lists(st.none() | objects(field.fields, strange=strange), max_size=3)
            case _:
                value = FITTING[field.kind]
        optional[field.name] = odd(st.none() | value) if strange else st.none() | value
    if strange:
        optional["new"] = ANY
    return st.fixed_dictionaries({}, optional=optional)


def odd(value: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    """Once in twelve times anything: so that records that fit are as frequent as others."""
    return st.integers(0, 11).flatmap(lambda die: ANY if die == 7 else value)


def fit(field: Field, value: Any) -> tuple[Any, Any]:
    """What a row says of ``value``, and its unknown keys: the specification, one value at a time.

    Raises:
        ValueError: It does not fit.
    """
    match field.kind, value:
        case _, None:
            return None, {}
        case Kind.OBJECT, dict():
            return fit_object(field.fields, value)
        case Kind.LIST, list():
            element = Field("", Kind.OBJECT, field.fields)
            pairs = [fit(element, item) for item in value]
            return [row for row, _ in pairs], {str(i): extra for i, (_, extra) in enumerate(pairs) if extra}
        case _:
            return fit_scalar(field.kind, value), {}


def fit_scalar(kind: Kind, value: Any) -> object:
    """What a column says of ``value``.

    Raises:
        ValueError: It does not fit.
    """
    result: object
    match kind, value:
        case ((Kind.INSTANT | Kind.DATE), ""):
            result = None
        case Kind.INSTANT, str() if re.fullmatch(r"[0-9]{4}(-[0-9]{2}){2} [0-9]{2}(:[0-9]{2}){2}", value):
            result = datetime.fromisoformat(value).replace(tzinfo=ZoneInfo("UTC"))
        case Kind.DATE, str() if re.fullmatch(r"[0-9]{4}(-[0-9]{2}){2}", value):
            result = date.fromisoformat(value)
        case (Kind.BOOLEAN, bool()) | (Kind.TEXT, str()):
            result = value
        case Kind.INTEGER, int() if type(value) is int and -(2**63) <= value < 2**63:
            result = value
        case Kind.NUMBER, int() | float() if type(value) is not bool and abs(value) <= 2**53:
            result = float(value)
        case _:
            raise ValueError(kind.name)
    return result


def fit_object(fields: Iterable[Field], value: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The row and the unknown keys of an object.

    Raises:
        ValueError: It does not fit.
    """
    extra = dict(value)
    row: dict[str, Any] = {}
    for field in fields:
        row[field.name], below = fit(field, extra.pop(field.name, None))
        if below:
            extra[field.name] = below
    if any(isinstance(number, float) and abs(number) > 2**53 for number in leaves(extra)):
        raise ValueError("extra")
    return row, extra


def leaves(value: object) -> list[object]:
    """The values in ``value`` that hold no others."""
    if isinstance(value, dict | list):
        inner = value.values() if isinstance(value, dict) else value
        return [leaf for item in inner for leaf in leaves(item)]
    return [value]


@STEADY
@given(records=st.lists(objects(CALLS.fields, strange=False), max_size=2))
def test_records_of_the_schema_come_back_from_arrow(records: list[dict[str, object]]) -> None:
    """From documented values to JSON to Arrow to Python nothing changes, and nothing is quarantined."""
    records = [
        {**one, CALLS.key: row, CALLS.time_field: "2024-05-29 15:05:26"} for row, one in enumerate(records)
    ]
    text = orjson.dumps({"result": records})
    result = Decoder(CALLS).decode(orjson.loads(text)["result"], text)
    assert (result.quarantined, result.unknown) == ((), {})
    rows = [fit_object(CALLS.fields, record)[0] | {"extra": None} for record in records]
    assert repr(result.batch.to_pylist()) == repr(rows)


@STEADY
@given(records=st.lists(objects(SMALL.fields, strange=True), max_size=6), fitting=st.booleans())
def test_rows_and_quarantine_are_what_the_specification_says(
    records: list[dict[str, object]], *, fitting: bool
) -> None:
    """Whatever comes: the same rows, in the same order, as by deciding one value at a time."""
    if fitting:
        records = [{**record, "id": row, "at": "2024-05-29 15:05:26"} for row, record in enumerate(records)]
    text = json.dumps({"result": records}).encode()
    rows, extras, misfits = [], [], []
    for record, raw in zip(orjson.loads(text)["result"], slices(text) or (), strict=True):
        try:
            row, extra = fit_object(SMALL.fields, record)
        except ValueError:
            row, extra = {"id": None}, {}
        if row["id"] is None or row["at"] is None:
            misfits.append(raw)
        else:
            rows.append(row)
            extras.append(extra or None)
    result = Decoder(SMALL).decode(orjson.loads(text)["result"], text)
    assert [item.raw for item in result.quarantined] == misfits
    assert [extra and orjson.loads(extra) for extra in result.batch["extra"].to_pylist()] == extras
    assert repr(result.batch.drop_columns("extra").to_pylist()) == repr(rows)


@STEADY
@given(
    edits=st.lists(
        st.tuples(
            st.integers(0, 400),
            st.integers(0, 3),
            st.sampled_from(
                [b"", b"0", b".", b"1" * 9, b"e", b"-", b'"', b"\\", b"{", b"}", b"[", b"]", b",", b"null"]
            )
            | st.binary(max_size=3),
        ),
        max_size=4,
    )
)
def test_damaged_bytes_never_raise_and_never_lose_a_record(edits: list[tuple[int, int, bytes]]) -> None:
    """Of what still is an answer after some bytes changed, each record is a row or in quarantine."""
    record = {"id": 1, "at": "2024-05-29 15:05:26", "day": "", "amount": 0.5, "done": True, "name": 'a"b'}
    record |= {"end": {"code": 1}, "legs": [{"at": "2024-05-29 15:05:26", "end": {}}, None], "new": 1.5}
    text = json.dumps({"result": [record, record, record]}).encode()
    for place, length, bytes_ in edits:
        text = text[:place] + bytes_ + text[place + length :]
    try:
        answer = orjson.loads(text)
    except orjson.JSONDecodeError:
        salvaged = split(text)
        records = salvaged.records if salvaged else None
        assert records is None or any(isinstance(one, Damaged) for one in records)
    else:
        records = answer.get("result") if isinstance(answer, dict) else None
    if isinstance(records, list):
        result = Decoder(SMALL).decode(records, text)
        result.batch.validate(full=True)
        assert result.batch.num_rows + len(result.quarantined) == len(records)
        assert {item.raw for item in result.quarantined} <= set(slices(text) or ())
