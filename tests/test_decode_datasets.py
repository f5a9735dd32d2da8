"""The histories beside the calls: values become columns as sent, however the vendor sends them."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from harvester.datasets import ACD, AUDIT, DATASETS, TRANSACTIONS, Dataset
from harvester.number_key import NumberKey
from harvester.records.decode import Decoded, Decoder
from harvester.records.redaction import Redaction

SAMPLES = Path(__file__).parent / "samples"


def decoded(dataset: Dataset, text: bytes, redaction: Redaction | None = None) -> Decoded:
    """The answer ``text`` decoded."""
    result = Decoder(dataset, redaction).decode(orjson.loads(text)["result"], text)
    result.batch.validate(full=True)
    return result


def rows(dataset: Dataset) -> list[dict[str, Any]]:
    """The rows of the dataset's sample, all of which fit."""
    result = decoded(dataset, (SAMPLES / f"{dataset.method}.json").read_bytes())
    assert result.quarantined == ()
    return list(result.batch.to_pylist())


def at(second: int) -> datetime:
    """A second of the minute the samples are about."""
    return datetime(2024, 5, 29, 15, 5, second, tzinfo=UTC)


@pytest.mark.parametrize("dataset", DATASETS.values(), ids=lambda dataset: dataset.name)
def test_every_dataset_has_a_sample(dataset: Dataset) -> None:
    """And each documented key comes in one of its records, but for two that no sample of the vendor's has."""
    sample = orjson.loads((SAMPLES / f"{dataset.method}.json").read_bytes())
    known = {key for record in sample["result"] for key in record}
    assert {item.name for item in dataset.fields} - known <= {"user_id", "custom_data", "audio_quality"}


def test_transactions() -> None:
    """The account is a number, sent as text or not; what has no column is in ``extra``."""
    first, second = rows(TRANSACTIONS)
    assert first == {
        "transaction_id": 42027707220008,
        "account_id": 4714487,
        "performed_at": at(32),
        "amount": -0.530625,
        "currency": "USD",
        "transaction_type": "resource_charge",
        "transaction_description": "Outgoing call",
        "payment_reference": None,
        "extra": '{"application_id":10733204,"resource_type":"PSTN_OUT"}',
    }
    assert (second["account_id"], second["amount"], second["extra"]) == (4714487, 100.0, None)
    assert second["payment_reference"] == "invoice 17"


def test_acd_sessions() -> None:
    """Events are structs with their times; a session that was not asked for them has none."""
    first, second = rows(ACD)
    assert first["begin_time"] == at(26)
    assert (first["waiting_duration"], first["in_service_duration"], first["after_service_duration"]) == (
        9,
        61,
        0,
    )
    assert first["events"] == [
        {
            "acd_session_event_id": 18001,
            "time": at(26),
            "type": "ENQUEUE",
            "user_id": None,
            "custom_data": "vip",
        },
        {
            "acd_session_event_id": 18002,
            "time": at(35),
            "type": "ANSWERED",
            "user_id": 2300104,
            "custom_data": None,
        },
    ]
    assert (second["events"], second["acd_queue_id"], second["extra"]) == (None, None, None)


def test_audit_entries() -> None:
    """Arguments and results are the JSON text of whatever they are."""
    first, second = rows(AUDIT)
    assert (first["requested"], first["ip"], first["subuser_name"]) == (at(26), "127.0.0.1", "Анна")
    assert first["cmd_args"] == (
        '{"user_name":"anna","user_active":true,"skills":[{"skill_id":7,"level":2.5}]}'
    )
    assert orjson.loads(first["cmd_result"]) == {"result": 1, "user_id": 42027707220008}
    assert orjson.loads(second["cmd_args"]) == '{"user_id":17}'
    assert second["cmd_result"] is None


def _transaction(account: bytes) -> bytes:
    record = b'{"transaction_id":1,"performed_at":"2024-05-29 15:05:26","account_id":%b}' % account
    return b'{"result":[%b]}' % record


@pytest.mark.parametrize(
    ("sent", "stored"),
    [(b'"0"', 0), (b'"-7"', -7), (b"7", 7), (b'"9223372036854775807"', 2**63 - 1), (b"null", None)],
)
def test_digits_are_their_number(sent: bytes, stored: int | None) -> None:
    """To the last one that fits."""
    (row,) = decoded(TRANSACTIONS, _transaction(sent)).batch.to_pylist()
    assert row["account_id"] == stored


@pytest.mark.parametrize(
    "sent",
    [
        b'""',
        b'"007"',
        b'"+7"',
        b'" 7"',
        b'"7.0"',
        b'"9223372036854775808"',
        b'"\xd9\xa7"',
        b"7.5",
        b"true",
        b"[7]",
    ],
    ids=repr,
)
def test_what_is_not_an_integer_s_digits_is_set_aside(sent: bytes) -> None:
    """Another spelling would come back as another text; it is quarantined, never guessed."""
    result = decoded(TRANSACTIONS, _transaction(sent))
    assert result.batch.num_rows == 0
    assert result.quarantined[0].reason.startswith("account_id: ")


def _entry(arguments: bytes) -> bytes:
    record = b'{"audit_log_id":1,"requested":"2024-05-29 15:05:26","cmd_args":%b}' % arguments
    return b'{"result":[%b]}' % record


@pytest.mark.parametrize("sent", [b"{}", b"[]", b'""', b"0", b"false", b'{"a":[null,{"b":1e-7}]}'], ids=repr)
def test_any_json_is_kept(sent: bytes) -> None:
    """Not only objects: what is read back from the column is what was sent."""
    (row,) = decoded(AUDIT, _entry(sent)).batch.to_pylist()
    assert orjson.loads(row["cmd_args"]) == orjson.loads(sent)


@pytest.mark.parametrize(
    "sent", [b'{"n":36893488147419103232}', b'{"n":0.12345678901234567}', b"[" * 201 + b"]" * 201], ids=len
)
def test_json_that_would_be_altered_is_set_aside(sent: bytes) -> None:
    """An integer or a decimal beyond a float, and what is nested too deep to be written again."""
    assert decoded(AUDIT, _entry(sent)).batch.num_rows == 0


def test_numbers_within_arguments_are_hidden_too() -> None:
    """A lake that is told to hold no phone number holds none in the audit log either."""
    key = NumberKey(b"k" * 32)
    text = _entry(b'{"phone_number":"79991234567","note":"https://a.example/x","user_id":5}')
    (row,) = decoded(AUDIT, text, Redaction.of(AUDIT, urls=True, key=key)).batch.to_pylist()
    assert orjson.loads(row["cmd_args"]) == {
        "phone_number": key.hashed(b"79991234567"),
        "note": None,
        "user_id": 5,
    }
