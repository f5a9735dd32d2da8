"""From parsed records to Arrow: what fits is a row unaltered, what does not is in quarantine with its bytes."""

import json
import re
from collections.abc import Iterable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harvester.datasets import CALLS, Field, Kind
from harvester.records.decode import Decoded, Decoder
from harvester.records.salvage import Damaged, slices, split
from harvester.records.schema import arrow_schema
from tests.test_schema import SMALL

STEADY = settings(deadline=None, derandomize=True)  # the same examples every time, and no clock

SAMPLE = (Path(__file__).parent / "samples" / "GetCallHistory.json").read_bytes()
SECOND = int(datetime(2024, 5, 29, 15, 5, 26, tzinfo=UTC).timestamp())


def decoded(text: bytes, decoder: Decoder) -> Decoded:
    """The answer ``text`` decoded as the protocol does it: by the parser, or else salvaged."""
    try:
        records = orjson.loads(text)["result"]
    except orjson.JSONDecodeError:
        salvaged = split(text)
        assert salvaged is not None
        records = salvaged.records
    result = decoder.decode(records, text)
    result.batch.validate(full=True)
    assert result.batch.schema == arrow_schema(SMALL if "legs" in result.batch.schema.names else CALLS)
    assert result.batch.num_rows + len(result.quarantined) == len(records)
    return result


def sample(**changes: object) -> dict[str, Any]:
    """The vendor's example record; ``None`` takes a key out."""
    record: dict[str, Any] = orjson.loads(SAMPLE)["result"][0] | changes
    return {key: value for key, value in record.items() if value is not None}


def with_value(path: str, value: bytes) -> bytes:
    """The vendor's example record with JSON text ``value`` at ``path``, such as ``calls[].cost``."""
    record = sample()
    place: Any = record
    *steps, key = path.replace("[]", ".0").split(".")
    for step in steps:
        place = place[int(step) if step == "0" else step]
    place[key if isinstance(place, dict) else int(key)] = "@@"
    return orjson.dumps(record).replace(b'"@@"', value)


def page(*records: bytes) -> bytes:
    """An answer with these records."""
    return b'{"result": [' + b", ".join(records) + b'], "count": %d}' % len(records)


def test_the_vendor_s_example_fits() -> None:
    """The record of the reference page becomes one row with every documented value and nothing in ``extra``."""
    result = decoded(SAMPLE, Decoder(CALLS))
    assert (result.quarantined, result.unknown) == ((), {})
    (row,) = result.batch.to_pylist()
    assert row["extra"] is None
    assert row["start_date"] == datetime(2024, 5, 29, 15, 5, 26, tzinfo=UTC)
    assert row["calls"][0]["end_reason"] == {"code": 200, "details": "Normal call clearing"}
    assert row["calls"][0]["media_server_address"] is None
    assert [usage["cost"] for usage in row["other_resource_usage"]] == [0.0096, 0.108]
    assert row["records"][0]["expiration_date"] == date(2024, 8, 27)
    assert row["records"][0]["media_parameters"] == '{"audio_codec" : "mp3" , "container" : "mp3"}'


def test_no_records_are_an_empty_batch() -> None:
    """An empty page has the full schema."""
    assert decoded(page(), Decoder(CALLS)).batch.num_rows == 0


# --- what fits -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("user_id", b"null", None),
        ("user_id", b"-9223372036854775808", -(2**63)),
        ("user_id", b"9223372036854775807", 2**63 - 1),
        ("user_id", b"-0", 0),
        ("finish_reason", b'""', ""),
        ("finish_reason", rb'"\u0000\ud83d\ude00"', "\0\N{GRINNING FACE}"),
        ("active", b"null", None),
        ("calls", b"null", None),
        ("calls", b"[]", []),
        ("calls[]", b"null", None),
        ("calls[].cost", b"0", 0.0),
        ("calls[].cost", b"-0.0", -0.0),
        ("calls[].cost", b"1e5", 100000.0),
        ("calls[].cost", b"1.5E-7", 1.5e-7),
        ("calls[].cost", b"0.30000000000000004", 0.30000000000000004),
        ("calls[].cost", b"0.500000000000000000000000000000", 0.5),
        ("calls[].cost", b"12345678.25", 12345678.25),
        ("calls[].cost", b"9007199254740992", 2.0**53),
        ("calls[].end_reason", b"null", None),
        ("calls[].end_reason", b"{}", {"code": None, "details": None}),
        ("calls[].start_time", b'""', None),
        ("calls[].start_time", b'"0001-01-01 00:00:00"', datetime(1, 1, 1, tzinfo=UTC)),
        ("calls[].start_time", b'"9999-12-31 23:59:59"', datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("records[].expiration_date", b'""', None),
        ("records[].expiration_date", b'"2024-02-29"', date(2024, 2, 29)),
        ("records[].file_size", b"16", 16.0),
    ],
)
def test_a_value_that_fits_is_kept(path: str, value: bytes, expected: object) -> None:
    """Nulls, empty lists, empty texts, exponents, bounds: as sent, beside a record that has other values."""
    result = decoded(page(with_value(path, value), orjson.dumps(sample())), Decoder(CALLS))
    assert result.quarantined == ()
    assert result.batch["extra"].null_count == 2
    found: Any = result.batch.to_pylist()[0]
    for step in path.replace("[]", ".0").split("."):
        found = found[int(step) if step == "0" else step]
    assert repr(found) == repr(expected)


def test_the_last_of_equal_keys_counts() -> None:
    """An object that holds a key twice says what the parser takes it to say."""
    record = orjson.dumps(sample(duration=None))[:-1] + b', "duration": 1, "duration": 2}'
    assert decoded(page(record), Decoder(CALLS)).batch["duration"].to_pylist() == [2]


# --- what does not fit -----------------------------------------------------------------------------------

MISFITS = [
    ("duration", b"1.5", "duration: a decimal (or an integer beyond 64 bits) where INTEGER is documented"),
    ("duration", b"6.0", "duration: a decimal"),
    ("duration", b"0.0", "duration: a decimal"),
    ("duration", b"1e3", "duration: a decimal"),
    ("duration", b"true", "duration: a boolean where INTEGER is documented"),
    ("duration", b'"6"', "duration: a text where INTEGER is documented"),
    ("duration", b"[]", "duration: a list where INTEGER is documented"),
    ("duration", b"{}", "duration: an object where INTEGER is documented"),
    ("duration", b"9223372036854775808", "duration: an integer beyond what int64 holds exactly"),
    ("duration", b"18446744073709551616", "duration: a decimal (or an integer beyond 64 bits)"),
    ("call_session_history_id", b"4202753936.0", "call_session_history_id: a decimal"),
    ("call_session_history_id", b"null", "call_session_history_id: missing"),
    ("start_date", b"null", "start_date: missing"),
    ("start_date", b'""', "start_date: missing"),
    ("start_date", b"1716995126", "start_date: an integer where INSTANT is documented"),
    ("start_date", b'"2024-05-29"', "start_date: a text that is not YYYY-MM-DD HH:MM:SS"),
    ("start_date", b'"2024-05-29 15:05"', "start_date: a text that is not"),
    ("start_date", b'"2024-05-29T15:05:26"', "start_date: a text that is not"),
    ("start_date", b'"2024-05-29 15:05:26Z"', "start_date: a text that is not"),
    ("start_date", b'"2024-05-29 15:05+01"', "start_date: a text that is not"),
    ("start_date", b'"2024-05-29 15:05:60"', "start_date: a text that is not"),
    ("start_date", b'"2024-02-30 15:05:26"', "start_date: a text that is not"),
    ("start_date", b'"0000-01-01 00:00:00"', "start_date: a text that is not"),
    ("start_date", b'"0000-00-00 00:00:00"', "start_date: a text that is not"),
    ("start_date", b'" 2024-05-29 15:05:26"', "start_date: a text that is not"),
    (
        "records[].expiration_date",
        b'"2024-08-27 00:00:00"',
        "records[].expiration_date: a text that is not YYYY",
    ),
    (
        "records[].expiration_date",
        b'"0000-08-27"',
        "records[].expiration_date: a text that is not YYYY-MM-DD",
    ),
    (
        "records[].expiration_date",
        b'"2024/08/27"',
        "records[].expiration_date: a text that is not YYYY-MM-DD",
    ),
    ("finish_reason", b"5", "finish_reason: an integer where TEXT is documented"),
    ("finish_reason", b"[]", "finish_reason: a list where TEXT is documented"),
    ("active", b"0", "active: an integer where BOOLEAN is documented"),
    ("active", b'"true"', "active: a text where BOOLEAN is documented"),
    ("calls", b'""', "calls: a text where LIST is documented"),
    ("calls", b"{}", "calls: an object where LIST is documented"),
    ("calls", b"[[]]", "calls[]: a list where OBJECT is documented"),
    ("calls", b'[{}, [["call_id", 1]]]', "calls[]: a list where OBJECT is documented"),
    ("calls", b'["", 1]', "calls[]: a text and an integer where OBJECT is documented"),
    ("calls[].cost", b"true", "calls[].cost: a boolean where NUMBER is documented"),
    ("calls[].cost", b'"0.5"', "calls[].cost: a text where NUMBER is documented"),
    ("calls[].cost", b"9007199254740993", "calls[].cost: an integer beyond what double holds exactly"),
    ("calls[].cost", b"9007199254740993.0", "a decimal with more digits than a float holds"),
    ("calls[].cost", b"-18446744073709551617", "calls[].cost: a number beyond 2**53"),
    (
        "calls[].cost",
        b"0.1234567890123456789012345678901234567890",
        "a decimal with more digits than a float holds",
    ),
    ("calls[].cost", b"-123456789.12345678", "a decimal with more digits than a float holds"),
    ("calls[].cost", b"1e400", "not JSON: "),
    ("calls[].end_reason", b'"Normal"', "calls[].end_reason: a text where OBJECT is documented"),
    ("calls[].end_reason", b"[]", "calls[].end_reason: a list where OBJECT is documented"),
    ("calls[].end_reason.code", b"200.5", "calls[].end_reason.code: a decimal"),
    ("calls[].end_reason.details", b"{}", "calls[].end_reason.details: an object where TEXT is documented"),
    ("new", b"0.1234567890123456789", "a decimal with more digits than a float holds"),
    ("new", b"18446744073709551616", "(unknown key): a number beyond 2**53"),
    ("calls[].new", b'[{"a": -1e300}]', "calls[].(unknown key): a number beyond 2**53"),
    ("new", b"[" * 300 + b"]" * 300, "(unknown key): nested more than 200 levels deep"),
    ("new", b'{"a":' * 1000 + b"1" + b"}" * 1000, "(unknown key): nested more than 200 levels deep"),
    ("duration", b"[" * 1000 + b"]" * 1000, "duration: a list where INTEGER is documented"),
    ("active", b"[" * 1000 + b"]" * 1000, "active: a list where BOOLEAN is documented"),
    ("new", b"[" * 1100 + b"]" * 1100, "not JSON: "),
    ("custom_data", rb'"\ud800"', "not JSON: "),
    ("custom_data", b'"\xff"', "not JSON: "),
    ("calls[].cost", b"NaN", "not JSON: "),
]


@pytest.mark.parametrize(("path", "value", "reason"), MISFITS, ids=[f"{p}={v[:24]!r}" for p, v, _ in MISFITS])
@pytest.mark.parametrize("before", [0, 1, 2])
def test_a_value_that_does_not_fit_is_quarantined(path: str, value: bytes, reason: str, before: int) -> None:
    """Its record is set aside with its own bytes and a reason; the page's others stay, in their order."""
    others = [orjson.dumps(sample(call_session_history_id=number)) for number in range(3)]
    raw = with_value(path, value)
    result = decoded(page(*others[:before], raw, *others[before:]), Decoder(CALLS))
    assert result.batch["call_session_history_id"].to_pylist() == [0, 1, 2]
    assert result.batch["extra"].null_count == 3
    (item,) = result.quarantined
    assert item.raw == raw
    assert item.reason.startswith(reason)
    assert item.key == (None if path == "call_session_history_id" else 4202753936)
    assert item.second == (None if path == "start_date" else SECOND)


@pytest.mark.parametrize(
    "element", [b"null", b"1", b'"]"', b"[]", b"true", b'[["call_session_history_id", 1]]']
)
def test_an_element_that_is_no_object_is_quarantined(element: bytes) -> None:
    """Neither key nor time can be read of it."""
    result = decoded(page(orjson.dumps(sample()), element), Decoder(CALLS))
    (item,) = result.quarantined
    assert (item.raw, item.reason, item.second, item.key) == (element, "not an object", None, None)


@pytest.mark.parametrize(
    ("raw", "second", "key"),
    [
        (b'{"call_session_history_id": true, "start_date": 5}', None, None),
        (b'{"call_session_history_id": 9223372036854775808, "start_date": "yesterday"}', None, None),
        (b'{"call_session_history_id": NaN, "start_date": "2024-05-29 15:05:26", "x": 1}', SECOND, None),
        (b'{"call_session_history_id": 7, "start_date": "", "x": NaN}', None, 7),
        (b'{"x": NaN}', None, None),
        (b"{}", None, None),
    ],
)
def test_key_and_time_in_quarantine_are_those_that_can_be_read(
    raw: bytes, second: int | None, key: int | None
) -> None:
    """A key that is no 64-bit integer and a time that is not in the vendor's form are not guessed."""
    (item,) = decoded(page(raw), Decoder(CALLS)).quarantined
    assert (item.raw, item.second, item.key) == (raw, second, key)


def test_all_wrong_fields_of_texts_and_booleans_are_named() -> None:
    """Arrow's own message would have the value, and not the field."""
    (item,) = decoded(page(orjson.dumps(sample(active="no", rule_name=5))), Decoder(CALLS)).quarantined
    assert item.reason == (
        "rule_name: an integer where TEXT is documented; active: a text where BOOLEAN is documented"
    )


def test_records_of_another_answer_are_refused() -> None:
    """Bytes of one record must not be put into quarantine for another."""
    with pytest.raises(ValueError, match="not those of the text"):
        Decoder(CALLS).decode([5], b'{"result": [5, 5]}')
    with pytest.raises(ValueError, match="not those of the text"):
        Decoder(CALLS).decode([5], b"[5]")


# --- unknown keys ----------------------------------------------------------------------------------------


def test_unknown_keys_land_in_extra_where_they_were() -> None:
    """Every level, every element: the path of known keys and indexes leads to them, and they are counted."""
    record = sample(new={"a": [1, 2.5, None]}, extra="x")
    record["calls"] = [None, {}, {"new": True, "end_reason": {"code": 1, "more": None}}, {"new": ""}]
    record["records"] = [{"new": -0.0}]
    records = [sample(calls=[{"new": 1}]), sample(), record]
    result = decoded(page(*map(orjson.dumps, records)), Decoder(CALLS))
    assert result.quarantined == ()
    assert [text and orjson.loads(text) for text in result.batch["extra"].to_pylist()] == [
        {"calls": {"0": {"new": 1}}},
        None,
        {
            "new": {"a": [1, 2.5, None]},
            "extra": "x",
            "calls": {"2": {"end_reason": {"more": None}, "new": True}, "3": {"new": ""}},
            "records": {"0": {"new": -0.0}},
        },
    ]
    assert result.unknown == {
        "new": 1,
        "extra": 1,
        "calls[].new": 3,
        "calls[].end_reason.more": 1,
        "records[].new": 1,
    }
    assert result.batch["calls"].to_pylist()[2][0] is None


def test_unknown_keys_of_quarantined_records_are_not_counted() -> None:
    """The counts are of the rows, so that each of them is found in ``extra``."""
    result = decoded(page(*(orjson.dumps(sample(new=1, duration=n)) for n in (1, 1.5, 2))), Decoder(CALLS))
    assert (len(result.quarantined), result.unknown) == (1, {"new": 2})


# --- anything at all -------------------------------------------------------------------------------------

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
    optional: dict[str, st.SearchStrategy[object]] = {}
    for field in fields:
        value: st.SearchStrategy[object]
        match field.kind:
            case Kind.OBJECT:
                value = objects(field.fields, strange=strange)
            case Kind.LIST:
                value = st.lists(st.none() | objects(field.fields, strange=strange), max_size=3)
            case _:
                value = FITTING[field.kind]
        optional[field.name] = st.none() | value
        if strange:  # one in twelve, so that records with none are as frequent as those with some
            odd = optional[field.name]
            optional[field.name] = st.integers(0, 11).flatmap(lambda die, odd=odd: ANY if die == 7 else odd)
    if strange:
        optional["new"] = ANY
    return st.fixed_dictionaries({}, optional=optional)


def fit(field: Field, value: Any) -> tuple[Any, Any]:  # noqa: ANN401 (JSON)
    """What a row says of ``value``, and its unknown keys: the specification, one value at a time.

    Raises:
        ValueError: It does not fit.
    """
    match field.kind, value:
        case Kind.OBJECT, dict():
            return fit_object(field.fields, value)
        case Kind.LIST, list():
            element = Field("", Kind.OBJECT, field.fields)
            pairs = [(None, {}) if item is None else fit(element, item) for item in value]
            return [row for row, _ in pairs], {str(i): extra for i, (_, extra) in enumerate(pairs) if extra}
        case ((Kind.INSTANT | Kind.DATE), ""):
            return None, {}
        case Kind.INSTANT, str() if re.fullmatch(r"[0-9]{4}(-[0-9]{2}){2} [0-9]{2}(:[0-9]{2}){2}", value):
            return datetime.fromisoformat(value).replace(tzinfo=UTC), {}
        case Kind.DATE, str() if re.fullmatch(r"[0-9]{4}(-[0-9]{2}){2}", value):
            return date.fromisoformat(value), {}
        case (Kind.BOOLEAN, bool()) | (Kind.TEXT, str()):
            return value, {}
        case Kind.INTEGER, int() if type(value) is int and -(2**63) <= value < 2**63:
            return value, {}
        case Kind.NUMBER, int() | float() if type(value) is not bool and abs(value) <= 2**53:
            return float(value), {}
        case _:
            raise ValueError(field.name)


def fit_object(fields: Iterable[Field], value: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The row and the unknown keys of an object.

    Raises:
        ValueError: It does not fit.
    """
    extra = dict(value)
    row = {}
    for field in fields:
        found = extra.pop(field.name, None)
        row[field.name], below = (None, {}) if found is None else fit(field, found)
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
@given(records=st.lists(objects(SMALL.fields, strange=True), max_size=6), fitting=st.booleans())
def test_rows_and_quarantine_are_what_the_specification_says(
    records: list[dict[str, object]], *, fitting: bool
) -> None:
    """Fast, slow or nested, whatever comes: the same rows as deciding one value at a time, in the same order."""
    if fitting:
        records = [{**record, "id": row, "at": "2024-05-29 15:05:26"} for row, record in enumerate(records)]
    text = json.dumps({"result": records}).encode()
    rows, extras, misfits = [], [], []
    for record, raw in zip(orjson.loads(text)["result"], slices(text) or (), strict=True):
        try:
            row, extra = fit_object(SMALL.fields, record)
        except ValueError:
            misfits.append(raw)
        else:
            if row["id"] is None or row["at"] is None:
                misfits.append(raw)
            else:
                rows.append(row)
                extras.append(extra or None)
    result = decoded(text, Decoder(SMALL))
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
    """Whatever still looks like an answer after some bytes changed has all its records as rows or in quarantine."""
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
