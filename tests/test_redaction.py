"""What a lake is told not to hold is in no row, no ``extra`` and no record in quarantine."""

import hmac
import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.datasets import CALLS, DATASETS, Content, Dataset, Field, Kind
from harvester.number_key import NumberKey
from harvester.records.decode import Decoder
from harvester.records.redaction import Redaction
from harvester.records.salvage import split
from tests.test_decode import SAMPLE, page, sample, with_value
from tests.test_decode_anything import STEADY, objects

SECRET = b"0123456789abcdef0123456789abcdef"
KEY = NumberKey(SECRET)
NUMBER = "79991234567"
URL = "https://storage.example/very-beautiful-link?sign=79991234567"
BOTH = Redaction.of(CALLS, urls=True, key=KEY)
assert BOTH is not None


def hashed(number: str) -> str:
    """As the manual says."""
    return hmac.new(SECRET, number.encode(), "sha256").hexdigest()[:32]


def hidden(fields: tuple[Field, ...], value: Any, *, urls: bool, numbers: bool) -> Any:
    """A row as it is to be, decided one value at a time."""
    if value is None:
        return None
    row = {}
    for field in fields:
        inner = value[field.name]
        match field.kind, field.content:
            case Kind.LIST, _ if inner is not None:
                inner = [hidden(field.fields, one, urls=urls, numbers=numbers) for one in inner]
            case Kind.OBJECT, _:
                inner = hidden(field.fields, inner, urls=urls, numbers=numbers)
            case _, Content.URL if urls and inner:
                inner = None
            case _, Content.NUMBER if numbers and inner:
                inner = hashed(inner)
        row[field.name] = inner
    return row


@pytest.mark.large
@pytest.mark.parametrize(("urls", "numbers"), [(True, False), (False, True), (True, True)])
@STEADY
@given(records=st.lists(objects(CALLS.fields, strange=False), max_size=2))
def test_each_documented_field_is_hidden_at_every_level(
    records: list[dict[str, object]], *, urls: bool, numbers: bool
) -> None:
    """URLs become null, numbers their hash; null and empty stay, and so does every other value."""
    moment = {CALLS.time_field: "2024-05-29 15:05:26"}
    records = [sample(), *({**one, CALLS.key: row, **moment} for row, one in enumerate(records))]
    text = orjson.dumps({"result": records})
    redaction = Redaction.of(CALLS, urls=urls, key=KEY if numbers else None)
    plain = Decoder(CALLS).decode(records, text).batch.drop_columns("extra").to_pylist()
    rows = Decoder(CALLS, redaction).decode(records, text).batch.drop_columns("extra").to_pylist()
    assert rows == [hidden(CALLS.fields, row, urls=urls, numbers=numbers) for row in plain]
    if urls:
        assert rows[0]["log_file_url"] is rows[0]["records"][0]["transcription_url"] is None
    if numbers:
        assert rows[0]["calls"][0]["remote_number"] == hashed("42027877410")


def test_nothing_is_hidden_unless_asked_for() -> None:
    """Without either option there is nothing that could."""
    assert Redaction.of(CALLS, urls=False, key=None) is None
    records = orjson.loads(SAMPLE)["result"]
    (row,) = Decoder(CALLS).decode(records, SAMPLE).batch.to_pylist()
    assert row["records"][0]["record_url"] == records[0]["records"][0]["record_url"]


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ({"new_url": "x"}, {"new_url": None}),
        ({"new": URL}, {"new": None}),
        ({"new": ["a", {"deep": [URL]}]}, {"new": ["a", {"deep": [None]}]}),
        ({"NewURL": ["x", 1, ""]}, {"NewURL": [None, None, ""]}),
        ({"new": NUMBER}, {"new": hashed(NUMBER)}),
        ({"new": "+" + NUMBER}, {"new": hashed("+" + NUMBER)}),
        ({"new": "sip:bob@example.com"}, {"new": hashed("sip:bob@example.com")}),
        ({"new_phone": 79991234567}, {"new_phone": hashed(NUMBER)}),
        ({"fax_numbers": ["12", {"a": 13}]}, {"fax_numbers": [hashed("12"), {"a": hashed("13")}]}),
        ({"calls": {"10000": {NUMBER: 1}}}, {"calls": {"10000": {hashed(NUMBER): 1}}}),
        ({"remote_number": {"e164": ["x"]}}, {"remote_number": {"e164": [hashed("x")]}}),
        ({"record_url": {"a": 5}, "b": 5}, {"record_url": {"a": None}, "b": 5}),
        ({"new": [79991234567, True, None, 1.5]}, {"new": [79991234567, True, None, 1.5]}),
        ({"custom_data": NUMBER, "duration": 79991234567}, {"custom_data": NUMBER, "duration": 79991234567}),
        ({"custom_data": [NUMBER]}, {"custom_data": [hashed(NUMBER)]}),
        ({"new": "2024-05-29 15:05:26", "a": "12:30"}, {"new": "2024-05-29 15:05:26", "a": "12:30"}),
        ({"remote_number_type": "sip"}, {"remote_number_type": "sip"}),
        ({"new": ""}, {"new": ""}),
    ],
    ids=str,
)
def test_in_json_text_the_key_tells_or_else_the_value(text: object, plain: object) -> None:
    """Of unknown keys: by the key's name, by ``://``, by digits that could be dialled; at every level."""
    assert BOTH is not None
    assert orjson.loads(BOTH.text(orjson.dumps(text))) == plain


def test_each_option_hides_its_own() -> None:
    """URLs stay when numbers are hashed, and the other way round."""
    text = orjson.dumps({"a": URL, "b": NUMBER})
    urls, numbers = (Redaction.of(CALLS, urls=urls, key=None if urls else KEY) for urls in (True, False))
    assert urls is not None
    assert numbers is not None
    assert orjson.loads(urls.text(text)) == {"a": None, "b": NUMBER}
    assert orjson.loads(numbers.text(text)) == {"a": URL, "b": hashed(NUMBER)}
    assert urls.path(f"calls[].{NUMBER}") == f"calls[].{NUMBER}"


def test_extra_and_the_names_of_unknown_keys_are_hidden_too() -> None:
    """``extra`` stays the JSON text of an object; the summary does not name a number that was a key."""
    record = sample(new=URL, **{NUMBER: 1})
    record["calls"][0] |= {"peer_number": NUMBER, "fine": 1}
    result = Decoder(CALLS, BOTH).decode([record], page(orjson.dumps(record)))
    (row,) = result.batch.to_pylist()
    assert orjson.loads(row["extra"]) == {
        "new": None,
        hashed(NUMBER): 1,
        "calls": {"0": {"peer_number": hashed(NUMBER), "fine": 1}},
    }
    assert set(result.unknown) == {"new", hashed(NUMBER), "calls[].peer_number", "calls[].fine"}


@pytest.mark.parametrize(
    "raw",
    [
        with_value("calls[].remote_number", b"79991234567"),
        with_value("calls[].remote_number", b'["79991234567"]'),
        with_value("calls[].remote_number", rb'"7999123\u0034567"').replace(b"1.1.1.1", b"\xff"),
        with_value("calls[].remote_number", b'"79991234567').replace(b"}", b'"}', 1),
        with_value("calls[].remote_number", b'"79991234567\\ud800"'),
        with_value("calls[].record_url", b'"https:\\/\\/79991234567"').replace(
            b'"duration":6', b'"duration":NaN'
        ),
        with_value("new", b"0.1234567890123456789").replace(b"42027877410", b"79991234567"),
        with_value("new", b'{"79991234567": 0.1234567890123456789}'),
        b"{'remote_number': '79991234567', \"duration\": 5 'x': 79991234567}".replace(
            b"'x'", b"remote_number"
        ),
        b'{"duration": 5, remote_number: 79991234567, "b": \'tel 79991234567\'}',
        b'"https://79991234567"',
        b'["79991234567", NaN]',
    ],
    ids=lambda raw: repr(raw[:40]),
)
def test_a_record_in_quarantine_tells_nothing_either(raw: bytes) -> None:
    """Even one that does not parse: numbers and links are gone, the rest of its bytes is as received."""
    assert BOTH is not None
    text = BOTH.text(raw)
    assert b"79991234567" not in text
    assert b"beautiful" not in text
    assert text.count(b"{") == raw.count(b"{")
    if b"initiator_address" in raw:
        assert b'"initiator_address":"' in text
        assert b'"call_session_history_id":4202753936' in text


@STEADY
@given(
    record=objects(CALLS.fields, strange=True),
    edits=st.lists(
        st.tuples(st.integers(0, 900), st.sampled_from([b"NaN", b"'", b"\\", b"\xff", b" ", b"1e"]))
    ),
)
def test_no_number_of_a_documented_field_slips_through(
    record: dict[str, Any], edits: list[tuple[int, bytes]]
) -> None:
    """Whatever comes beside them, and whatever damage: a number and a link are in nothing that is kept."""
    record["calls"] = [{"remote_number": "7\u042f9991234567", "record_url": URL, "new_number": NUMBER}]
    raw = json.dumps(record, ensure_ascii=False).encode()  # orjson writes no integer beyond 64 bits
    clean = Decoder(CALLS, BOTH).decode([orjson.loads(raw)], page(raw))
    kept = [orjson.dumps(clean.batch.drop_columns("extra").to_pylist(), default=str)]
    kept += [str(text).encode() for text in clean.batch["extra"].to_pylist()]
    assert BOTH is not None
    kept += [BOTH.text(item.raw) for item in clean.quarantined]
    kept += [",".join(clean.unknown).encode()]
    assert not any(b"9991234567" in text for text in kept)
    for place, piece in edits:  # outside of the list, which stands last and stays whole
        raw = raw[: min(place, raw.rindex(b'"calls"'))] + piece + raw[min(place, raw.rindex(b'"calls"')) :]
    salvaged = split(page(raw))
    if salvaged is not None and len(salvaged.records) == 1:
        assert b"9991234567" not in BOTH.text(raw)


@pytest.mark.parametrize("dataset", DATASETS.values(), ids=lambda dataset: dataset.name)
def test_hiding_takes_nothing_that_the_harvest_needs(dataset: Dataset) -> None:
    """Only texts are hidden, and neither key nor time nor what a dense second is narrowed by."""
    contents = {name for name, content in dataset.contents.items() if content is not None}
    assert not contents & {dataset.key, dataset.time_field, dataset.running, *dataset.narrowing}
    assert all(field.kind is Kind.TEXT for field in _scalars(dataset.fields) if field.content is not None)
    by_name = {(field.name, field.content) for field in _scalars(dataset.fields)}
    assert len(by_name) == len(dataset.contents), "one name, two contents"


def test_every_url_and_every_number_of_the_reference_is_marked() -> None:
    """Fields that are called so hold them; ``remote_number_type`` says which kind a number is."""
    marked = {name: content for name, content in CALLS.contents.items() if content is not None}
    assert marked == {
        **dict.fromkeys(["log_file_url", "record_url", "transcription_url"], Content.URL),
        **dict.fromkeys(["local_number", "remote_number", "diversion_number"], Content.NUMBER),
    }
    suspicious = {name for name in CALLS.contents if "url" in name or "number" in name}
    assert suspicious == {*marked, "remote_number_type"}


def _scalars(fields: tuple[Field, ...]) -> list[Field]:
    return [one for field in fields for one in (_scalars(field.fields) if field.fields else [field])]
