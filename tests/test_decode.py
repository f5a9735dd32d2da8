"""From parsed records to Arrow: each value that fits is in its column as sent, unknown keys in ``extra``."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest

from harvester.datasets import CALLS
from harvester.records.decode import Decoded, Decoder
from harvester.records.salvage import split
from harvester.records.schema import arrow_schema

ZONE = ZoneInfo("UTC")  # Arrow's, whose text the tests compare
SAMPLE = (Path(__file__).parent / "samples" / "GetCallHistory.json").read_bytes()
DECODER = Decoder(CALLS)


def decoded(text: bytes) -> Decoded:
    """The answer ``text`` decoded as the protocol does it: by the parser, or else salvaged."""
    try:
        records = orjson.loads(text)["result"]
    except orjson.JSONDecodeError:
        salvaged = split(text)
        assert salvaged is not None
        records = salvaged.records
    result = DECODER.decode(records, text)
    result.batch.validate(full=True)
    assert result.batch.schema == arrow_schema(CALLS)
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
    """The record of the reference page becomes one row with every documented value and no ``extra``."""
    result = decoded(SAMPLE)
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
    assert decoded(page()).batch.num_rows == 0


@pytest.mark.large
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
        ("calls[].cost", b"123456789012345e-14", 1.23456789012345),
        ("calls[].cost", b"-17", -17.0),
        ("finish_reason", b'"7e-5]"', "7e-5]"),
        ("finish_reason", b'"' + b"x" * 200_000 + b'"', "x" * 200_000),
        ("calls", b"[" + b"null," * 999_999 + b"null]", [None] * 1_000_000),
        ("calls[].cost", b"0.30000000000000004", 0.30000000000000004),
        ("calls[].cost", b"0.500000000000000000000000000000", 0.5),
        ("calls[].cost", b"12345678.25", 12345678.25),
        ("calls[].cost", b"9007199254740992", 2.0**53),
        ("calls[].end_reason", b"null", None),
        ("calls[].end_reason", b"{}", {"code": None, "details": None}),
        ("calls[].start_time", b'""', None),
        ("calls[].start_time", b'"0001-01-01 00:00:00"', datetime(1, 1, 1, tzinfo=ZONE)),
        ("calls[].start_time", b'"9999-12-31 23:59:59"', datetime(9999, 12, 31, 23, 59, 59, tzinfo=ZONE)),
        ("records[].expiration_date", b'""', None),
        ("records[].expiration_date", b'"2024-02-29"', date(2024, 2, 29)),
        ("records[].file_size", b"16", 16.0),
    ],
)
def test_a_value_that_fits_is_kept(path: str, value: bytes, expected: object) -> None:
    """Nulls, empty lists, empty texts, exponents, bounds: as sent, beside a record that has other values."""
    result = decoded(page(with_value(path, value), orjson.dumps(sample())))
    assert result.quarantined == ()
    assert result.batch["extra"].null_count == 2
    found: Any = result.batch.to_pylist()[0]
    for step in path.replace("[]", ".0").split("."):
        found = found[int(step) if step == "0" else step]
    assert repr(found) == repr(expected)


def test_the_last_of_equal_keys_counts() -> None:
    """An object that holds a key twice says what the parser takes it to say."""
    record = orjson.dumps(sample(duration=None))[:-1] + b', "duration": 1, "duration": 2}'
    assert decoded(page(record)).batch["duration"].to_pylist() == [2]


def test_an_unknown_list_of_a_million_elements_is_kept() -> None:
    """What no column bounds is bounded by the size of an answer alone, and costs its neighbours nothing."""
    large = list(range(1_000_000))
    result = decoded(page(orjson.dumps(sample()), orjson.dumps(sample(new=large))))
    assert result.quarantined == ()
    first, second = result.batch["extra"].to_pylist()
    assert first is None
    assert orjson.loads(second) == {"new": large}


def test_unknown_keys_land_in_extra_where_they_were() -> None:
    """Every level, every element: the path of known keys and indexes leads to them, and they are counted."""
    record = sample(new={"a": [1, 2.5, None]}, extra="x")
    record["calls"] = [None, {}, {"new": True, "end_reason": {"code": 1, "more": None}}, {"new": ""}]
    record["records"] = [{"new": -0.0}]
    records = [sample(calls=[{"new": 1}]), sample(), record]
    result = decoded(page(*map(orjson.dumps, records)))
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
    result = decoded(page(*(orjson.dumps(sample(new=1, duration=n)) for n in (1, 1.5, 2))))
    assert (len(result.quarantined), result.unknown) == (1, {"new": 2})
