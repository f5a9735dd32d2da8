"""The quick way: whatever it accepts, it reads as the decoder does; whatever else comes, it leaves alone."""

import json
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.api.envelope import Answer
from harvester.api.protocol import parse
from harvester.datasets import ACD, AUDIT, CALLS, DATASETS, TRANSACTIONS, Dataset
from harvester.records.decode import Decoder
from harvester.records.orderly import OrderlyReader
from harvester.records.redaction import Redaction
from tests.test_decode_anything import STEADY, objects
from tests.test_decode_grammar import records
from tests.test_schema import SMALL

SAMPLES = Path(__file__).parent / "samples"
RECORD = {"id": 1, "at": "2024-05-29 15:05:26", "day": "2024-05-29", "amount": 0.5, "done": True, "name": "é"}
WHOLE = RECORD | {"end": {"code": 1}, "legs": [{"at": "2024-05-29 15:05:26", "end": {}}, None]}
READERS = {dataset.name: OrderlyReader(dataset) for dataset in (*DATASETS.values(), SMALL)}


def accepted(text: bytes, dataset: Dataset = SMALL, redaction: Redaction | None = None) -> bool:
    """Whether the quick way takes ``text``; then the slow way must say the same of it."""
    reader = READERS[dataset.name] if redaction is None else OrderlyReader(dataset, redaction)
    quick = reader.read(text)
    if quick is None:
        return False
    page = parse(Answer(text, "identity"))
    slow = Decoder(dataset, redaction).decode(page.records, text)
    quick.batch.validate(full=True)
    assert (slow.quarantined, slow.unknown, page.warnings) == ((), {}, ())
    assert (quick.total, quick.timezone) == (page.total, page.timezone)
    assert quick.batch.schema == slow.batch.schema
    assert repr(quick.batch.to_pylist()) == repr(slow.batch.to_pylist())
    return True


def answer(*raws: bytes) -> bytes:
    """An answer with these records."""
    return b'{"result":[%s],"count":%d,"total_count":9,"timezone":"UTC"}' % (b",".join(raws), len(raws))


def with_value(key: str, value: bytes) -> bytes:
    """A good record with JSON text ``value`` under ``key``."""
    return orjson.dumps(WHOLE | {key: "@@"}).replace(b'"@@"', value)


@pytest.mark.parametrize("dataset", [CALLS, ACD], ids=lambda dataset: dataset.name)
def test_the_vendor_s_examples_are_orderly(dataset: Dataset) -> None:
    """What the vendor shows on its reference pages goes the quick way, hidden values included."""
    text = (SAMPLES / f"{dataset.method}.json").read_bytes()
    assert accepted(text, dataset)
    assert accepted(text, dataset, Redaction.of(dataset, urls=True, key=None))


def test_a_dataset_with_values_of_any_kind_has_no_quick_way() -> None:
    """Arrow's parser wants to know the type of each value, and arguments of the audit log have none."""
    assert not accepted((SAMPLES / "GetAuditLog.json").read_bytes(), AUDIT)


@pytest.mark.parametrize(
    ("sent", "orderly"),
    [(b'"4714487"', True), (b'"-9223372036854775808"', True), (b"null", True), (b"4714487", False)]
    + [(text, False) for text in (b'"9223372036854775808"', b'"007"', b'" 7"', b'"7\\n"', b'""')],
)
def test_integers_sent_as_text_are_orderly(sent: bytes, *, orderly: bool) -> None:
    """The form that the vendor documents goes the quick way; any other is left alone."""
    record = b'{"transaction_id":1,"performed_at":"2024-05-29 15:05:26","account_id":%s}' % sent
    assert accepted(answer(record), TRANSACTIONS) is orderly


@STEADY
@given(drawn=st.lists(objects(SMALL.fields, strange=False), max_size=4), spaced=st.booleans())
def test_documented_records_are_orderly(drawn: list[dict[str, object]], *, spaced: bool) -> None:
    """Any values of the documented kinds go the quick way, pretty-printed or not, but for two odd numbers."""
    rows = [{**one, "id": row, "at": "2024-05-29 15:05:26"} for row, one in enumerate(drawn)]
    text = json.dumps({"result": rows, "count": len(rows)}, indent=2 if spaced else None).encode()
    amounts = [float(str(row["amount"])) for row in rows if row.get("amount") is not None]
    assert accepted(text) or any(str(amount) == "-0.0" or abs(amount) >= 2**53 for amount in amounts)


@pytest.mark.large
@STEADY
@given(raws=st.lists(records(), max_size=3))
def test_odd_answers_are_read_alike_or_left_alone(raws: list[bytes]) -> None:
    """Numbers of every form, escapes, keys twice, unknown keys: never anything but what the decoder says."""
    accepted(answer(*raws))


@STEADY
@given(
    edits=st.lists(
        st.tuples(
            st.integers(0, 300),
            st.integers(0, 3),
            st.sampled_from([b"", b"0", b".", b"e", b"-", b'"', b"\\", b"{", b"}", b"[", b"]", b",", b"\n"])
            | st.binary(max_size=2),
        ),
        max_size=3,
    )
)
def test_damaged_answers_are_read_alike_or_left_alone(edits: list[tuple[int, int, bytes]]) -> None:
    """After some bytes changed, too."""
    text = answer(orjson.dumps(WHOLE), orjson.dumps(RECORD))
    for place, length, bytes_ in edits:
        text = text[:place] + bytes_ + text[place + length :]
    accepted(text)


LEFT_ALONE = {
    "an unknown key": answer(orjson.dumps(WHOLE | {"new": 1})),
    "an unknown key below": answer(orjson.dumps(WHOLE | {"end": {"new": 1}})),
    "a key twice": answer(b'{"id":1,"at":"2024-05-29 15:05:26","name":"a","name":"b"}'),
    "a null key": answer(with_value("id", b"null")),
    "no time": answer(b'{"id":1}'),
    "a text for an integer": answer(with_value("id", b'"1"')),
    "a decimal for an integer": answer(with_value("id", b"1.0")),
    "an integer beyond 64 bits": answer(with_value("id", b"9223372036854775808")),
    "a number beyond 2**53": answer(with_value("amount", b"9007199254740993")),
    "a decimal that is rounded": answer(with_value("amount", b"0.12345678901234567")),
    "a decimal that vanishes": answer(with_value("amount", b"1e-400")),
    "no number": answer(with_value("amount", b"NaN")),
    "infinity": answer(with_value("amount", b"-Infinity")),
    "a zero with a sign": answer(with_value("amount", b"-0")),
    "a moment in another form": answer(with_value("at", b'"2024-05-29T15:05:26"')),
    "no UTF-8": answer(with_value("name", b'"\xff"')),
    "UTF-8, cut": answer(with_value("name", b'"\xe2\x82"')),
    "UTF-8, longer than it need be": answer(with_value("name", b'"\xc0\xaf"')),
    "UTF-8 of half a pair": answer(with_value("name", b'"\xed\xa0\x80"')),
    "UTF-8 beyond Unicode": answer(with_value("name", b'"\xf4\x90\x80\x80"')),
    "half a character": answer(with_value("name", rb'"\ud800"')),
    "no object": answer(orjson.dumps(WHOLE), b"null"),
    "another count": answer(orjson.dumps(WHOLE)).replace(b'"count":1', b'"count":2'),
    "a total below zero": answer().replace(b":9", b":-9"),
    "an error": b'{"error":{"code":100,"msg":"no"}}',
    "an error beside": answer().replace(b'"timezone"', b'"error"'),
    "no result": b'{"count":0}',
    "a remark": b'{"result":[],"warnings":["soon"]}',
    "two answers": answer() + b"\n" + answer(),
    "something behind": answer() + b"]",
    "a mark in front": b"\xef\xbb\xbf" + answer(),
    "nothing": b"",
}


@pytest.mark.parametrize("text", LEFT_ALONE.values(), ids=LEFT_ALONE)
def test_what_is_not_orderly_is_left_to_the_decoder(text: bytes) -> None:
    """Whatever is in doubt is decided from the bytes, by the code that can set single records aside."""
    assert accepted(answer(orjson.dumps(WHOLE)))
    assert not accepted(text)
