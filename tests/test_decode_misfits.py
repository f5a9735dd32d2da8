"""Records that do not fit: each goes to quarantine with its own bytes, and no other record suffers."""

from datetime import UTC, datetime

import orjson
import pytest

from tests.test_decode import DECODER, decoded, page, sample, with_value

SECOND = int(datetime(2024, 5, 29, 15, 5, 26, tzinfo=UTC).timestamp())  # of the sample

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
    ("calls[].cost", b"9876543.123456789", "a decimal with more digits than a float holds"),
    ("calls[].cost", b"-9007199254740994.0", "calls[].cost: a number beyond 2**53"),
    ("calls[].cost", b"-18446744073709551617", "calls[].cost: a number beyond 2**53"),
    (
        "calls[].cost",
        b"0.1234567890123456789012345678901234567890",
        "a decimal with more digits than a float holds",
    ),
    ("calls[].cost", b"-1234567890.12345678", "a decimal with more digits than a float holds"),
    ("calls[].cost", b"12345678.123456781e-3", "a decimal with more digits than a float holds"),
    ("calls[].cost", b"12345671234567800001e-13", "a decimal with more digits than a float holds"),
    ("calls[].cost", b"-1234567812345678901E-18 ", "a decimal with more digits than a float holds"),
    ("calls[].cost", b"1e-400", "a decimal with more digits than a float holds"),
    ("new", b"[[1234567812345678901e-18]]", "a decimal with more digits than a float holds"),
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
    ("calls[].cost", b"-Infinity", "not JSON: "),
    ("custom_data", b'"a\x00b"', "not JSON: "),
    ("custom_data", b'\xef\xbb\xbf""', "not JSON: "),
    ("calls", b"[" + b"0," * 1_000_000 + b"0]", "calls[]: an integer where OBJECT is documented"),
    ("duration", b"9" * 200_000, "not JSON: "),
]


@pytest.mark.large
@pytest.mark.parametrize(("path", "value", "reason"), MISFITS, ids=[f"{p}={v[:24]!r}" for p, v, _ in MISFITS])
@pytest.mark.parametrize("before", [0, 1, 2])
def test_a_value_that_does_not_fit_is_quarantined(path: str, value: bytes, reason: str, before: int) -> None:
    """Its record is set aside with its own bytes and a reason; the page's others stay, in their order."""
    others = [orjson.dumps(sample(call_session_history_id=number)) for number in range(3)]
    raw = with_value(path, value)
    result = decoded(page(*others[:before], raw, *others[before:]))
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
    result = decoded(page(orjson.dumps(sample()), element))
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
    (item,) = decoded(page(raw)).quarantined
    assert (item.raw, item.second, item.key) == (raw, second, key)


def test_all_wrong_fields_of_texts_and_booleans_are_named() -> None:
    """Arrow's own message would have the value, and not the field."""
    (item,) = decoded(page(orjson.dumps(sample(active="no", rule_name=5)))).quarantined
    assert item.reason == (
        "rule_name: an integer where TEXT is documented; active: a text where BOOLEAN is documented"
    )


def test_records_of_another_answer_are_refused() -> None:
    """Bytes of one record must not be put into quarantine for another."""
    with pytest.raises(ValueError, match="not those of the text"):
        DECODER.decode([5], b'{"result": [5, 5]}')
    with pytest.raises(ValueError, match="not those of the text"):
        DECODER.decode([5], b"[5]")
