"""The CSV of a report becomes the records that pages would have brought, or is set aside with a reason."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from harvester.datasets import AUDIT, BRIEF_CALLS, CALLS, TRANSACTIONS, Dataset
from harvester.errors import ReportUnusableError
from harvester.number_key import NumberKey
from harvester.records.decode import Decoded
from harvester.records.redaction import Redaction
from harvester.records.report_columns import MalformedReportError, columns_of
from harvester.records.report_lines import ReportDecoder, ScatteredLinesError

HEAD = "session_id;session_start_date (UTC);session_duration;call_successful;call_cost;call_end_code"
LINE = '7;"2024-05-29 15:05:26";6;"yes";0,530625;200'


def decoded(dataset: Dataset, *lines: str, scattered: bool = False, step: int = 7) -> Decoded:
    """A file of these lines, a few bytes at a time."""
    text = "".join(f"{line}\r\n" for line in lines).encode(errors="surrogateescape")
    pieces = (text[start : start + step] for start in range(0, len(text), step))
    (page,) = ReportDecoder(dataset).decode(pieces, scattered=scattered)
    return page


def rows(dataset: Dataset, *lines: str, **more: bool) -> list[dict[str, object]]:
    """What is not null of each record."""
    page = decoded(dataset, *lines, **more)
    assert not page.quarantined
    return [
        {name: value for name, value in row.items() if value is not None} for row in page.batch.to_pylist()
    ]


def reasons(dataset: Dataset, *lines: str) -> list[str]:
    """Why records are set aside."""
    return [item.reason for item in decoded(dataset, *lines).quarantined]


def test_lines_of_a_session_are_its_calls() -> None:
    """Numbers with a decimal comma, yes and no, a reason of two columns; nothing where a cell is empty."""
    (session,) = rows(BRIEF_CALLS, HEAD, LINE, '7;"2024-05-29 15:05:26";6;"no";;')
    assert session["duration"] == 6
    calls: Any = session["calls"]
    said = [(call["successful"], call["cost"], call["end_reason"]) for call in calls]
    assert said == [(True, 0.530625, {"code": 200, "details": None}), (False, None, None)]


def test_a_session_without_calls_has_none() -> None:
    """Its one line has empty cells where a call would be."""
    (session,) = rows(BRIEF_CALLS, HEAD, '7;"2024-05-29 15:05:26";6;;;')
    assert session["calls"] == []


def test_lines_of_a_session_may_stand_apart() -> None:
    """That is noticed, and then they are gathered."""
    lines = (HEAD, LINE, LINE.replace("7;", "8;", 1), LINE)
    with pytest.raises(ScatteredLinesError):
        decoded(BRIEF_CALLS, *lines)
    assert [len(row["calls"]) for row in rows(BRIEF_CALLS, *lines, scattered=True)] == [2, 1]  # type: ignore[arg-type]


@pytest.mark.parametrize("scattered", [True, False])
def test_a_call_that_comes_twice_is_one(scattered: bool) -> None:  # noqa: FBT001
    """P2: by its id; without one, calls that look alike are as many as there are lines."""
    head = f"{HEAD};call_id"
    lines = [f"{LINE};{number}" for number in ("11", "12", "11", "12", "", "")]
    (session,) = rows(BRIEF_CALLS, head, *lines, scattered=scattered)
    calls: Any = session["calls"]
    assert [call["call_id"] for call in calls] == [11, 12, None, None]


@pytest.mark.parametrize("scattered", [True, False])
def test_sessions_of_two_accounts_may_have_one_id(scattered: bool) -> None:  # noqa: FBT001
    """Where accounts are kept apart they are two; else their lines contradict each other."""
    head = HEAD.replace(";", ";session_account_id;", 1)
    lines = [head, *(LINE.replace(";", f";{account};", 1) for account in (5, 5, 6))]
    text = [f"{line}\n".encode() for line in lines]
    (apart,) = ReportDecoder(BRIEF_CALLS, apart=True).decode(text, scattered=scattered)
    assert [(row["account_id"], len(row["calls"])) for row in apart.batch.to_pylist()] == [(5, 2), (6, 1)]
    (together,) = ReportDecoder(BRIEF_CALLS).decode(text, scattered=scattered)
    assert [item.reason for item in together.quarantined] == ["its lines contradict each other"]


def test_of_a_call_that_is_told_differently_nothing_is_taken() -> None:
    """Its session is set aside with all that was said of it, as one whose lines contradict each other."""
    other = LINE.replace("yes", "no")
    page = decoded(BRIEF_CALLS, f"{HEAD};call_id", f"{LINE};11", f"{LINE};12", f"{other};11")
    (item,) = page.quarantined
    assert (item.key, item.reason, page.batch.num_rows) == (7, "its lines contradict each other", 0)
    said = [(call["call_id"], call["successful"]) for call in json.loads(item.raw)["calls"]]
    assert said == [(11, True), (12, True), (11, False)]


def test_without_its_calls_a_session_has_no_list() -> None:
    """As in a page without them."""
    (session,) = rows(CALLS, "session_id;session_start_date", '7;"2024-05-29 15:05:26"')
    assert session.keys() == {"call_session_history_id", "start_date"}


def test_quotes_and_line_ends_within_a_text_are_the_texts() -> None:
    """And so are separators, byte order marks, and what only Python takes for a line's end."""
    text = 'a "b"; c\r\nd\u2028e\x0bf \ufeff'
    cell = text.replace('"', '""')
    head = "\ufefftransaction_id;performed_at;transaction_description"
    (row,) = rows(TRANSACTIONS, head, f'7;"2024-05-29 15:05:26";"{cell}"')
    assert row["transaction_description"] == text


@pytest.mark.parametrize(
    ("cell", "value"),
    [("1", 1.0), ("-0.5", -0.5), ("0,000001", 1e-06), ("1e-06", 1e-06), ("12345,67", 12345.67)],
)
def test_numbers(cell: str, value: float) -> None:
    """With a point or a comma."""
    (row,) = rows(TRANSACTIONS, "transaction_id;performed_at;amount", f'7;"2024-05-29 15:05:26";{cell}')
    assert row["amount"] == value


@pytest.mark.parametrize("cell", ["1.234,5", "1 234", "1,234,567", "0,", ",5", "abc", "0x10", "nan", "007"])
def test_what_is_no_number_is_set_aside(cell: str) -> None:
    """Nothing is guessed of groups of digits."""
    head = "transaction_id;performed_at;amount"
    (reason,) = reasons(TRANSACTIONS, head, f'7;"2024-05-29 15:05:26";"{cell}"')
    assert reason == "amount: a text where NUMBER is documented"


def test_the_first_decimal_mark_is_the_mark() -> None:
    """The other could be between groups of digits, and 1,234 could be a thousand."""
    lines = (f'{key};"2024-05-29 15:05:26";{cell}' for key, cell in ((7, "0.5"), (8, "1,234"), (9, "2.5")))
    page = decoded(TRANSACTIONS, "transaction_id;performed_at;amount", *lines)
    assert page.batch["amount"].to_pylist() == [0.5, 2.5]
    assert [item.key for item in page.quarantined] == [8]


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (['x;"2024-05-29 15:05:26";6;;;'], "call_session_history_id: a text where INTEGER is documented"),
        (['7;"2024-05-29T15:05:26";6;;;'], "start_date: a text that is not YYYY-MM-DD HH:MM:SS"),
        (['7;;6;"yes";;'], "start_date: missing"),
        ([";;;;;"], "call_session_history_id: missing"),
        (['7;"2024-05-29 15:05:26";6;"maybe";;'], "calls[].successful: a text where BOOLEAN is documented"),
        (['7;"2024-05-29 15:05:26"'], "a line of 2 cells under a header of 6"),
        ([LINE, '7;"2024-05-29 15:05:26";7;;;'], "its lines contradict each other"),
        ([LINE.replace(";6;", f";1{40 * '0'};")], "duration: a decimal (or an integer beyond 64 bits)"),
        (
            [LINE.replace("0,530625", "0,1234567890123456789")],
            "a decimal with more digits than a float holds",
        ),
        ([LINE.replace("0,530625", "1e999")], "number"),
    ],
)
def test_a_record_that_does_not_fit_is_set_aside(lines: list[str], reason: str) -> None:
    """With the reason; the others of the file are not affected."""
    good = LINE.replace("7;", "9;", 1)
    page = decoded(BRIEF_CALLS, HEAD, *lines, good)
    (item,) = page.quarantined
    assert reason in item.reason
    assert page.batch["call_session_history_id"].to_pylist() == [9]


def test_bytes_that_are_no_text_cost_their_record_alone() -> None:
    """They are kept as they came."""
    head = "transaction_id;performed_at;currency"
    lines = (f'{key};"2024-05-29 15:05:26";{cell}' for key, cell in ((7, '"\udcff"'), (8, '"USD"')))
    page = decoded(TRANSACTIONS, head, *lines)
    assert page.batch["transaction_id"].to_pylist() == [8]
    assert [(item.raw, item.reason) for item in page.quarantined] == [
        (
            b'[{"transaction_id": "7", "performed_at": "2024-05-29 15:05:26", "currency": "\\udcff"}]',
            "not UTF-8",
        )
    ]


def test_json_is_json() -> None:
    """Arguments as an object, and a text that is none as the text."""
    head = "audit_log_id;requested;cmd_args;cmd_result"
    (row,) = rows(AUDIT, head, '7;"2024-05-29 15:05:26";"{""a"": [1, null]}";"done"')
    assert (row["cmd_args"], row["cmd_result"]) == ('{"a":[1,null]}', '"done"')


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b'audit_log_id;requested\r\n7;"2024', "unexpected end of data"),
        (b'audit_log_id;requested\r\n7;"2024"x\r\n', "expected after"),
    ],
)
def test_what_is_no_csv_is_refused(text: bytes, reason: str) -> None:
    """As a whole: what a quote that does not close has swallowed cannot be told."""
    with pytest.raises(MalformedReportError, match=reason):
        list(ReportDecoder(AUDIT).decode(iter([text])))


@pytest.mark.parametrize("text", [b"", b"\xef\xbb\xbf", b"\r\n", b"audit_log_id;requested\r\n"])
def test_a_report_may_hold_nothing(text: bytes) -> None:
    """With its header, or without."""
    assert not list(ReportDecoder(AUDIT).decode(iter([text])))


def test_a_line_without_end_is_refused() -> None:
    """Before it fills the memory."""

    def endless() -> Iterator[bytes]:
        while True:
            yield b"a" * (1 << 20)

    with pytest.raises(MalformedReportError, match="a line has no end"):
        list(ReportDecoder(AUDIT).decode(endless()))


@pytest.mark.parametrize("header", ["requested;ip", "audit_log_id;ip", "audit_log_id,requested", "<html>"])
def test_key_and_time_must_be_there(header: str) -> None:
    """Else nothing could be counted or placed; what there is, is named."""
    with pytest.raises(ReportUnusableError, match=r"a report of audit has no column for .*, only "):
        columns_of(AUDIT, header.split(";"))


def test_columns_are_known_by_their_names() -> None:
    """By the vendor's own, by the field's, with a zone behind it, in capitals or apart; once each."""
    columns = columns_of(
        CALLS,
        ["Session ID", "session_start_date (Europe/Moscow)", "session_id", "duration", "active ", "active"],
    )
    assert columns.zones == {"Europe/Moscow"}
    assert columns.record.json(["7", "", "8", "5", "no", "yes"]) == (
        b'{"call_session_history_id":7,"session_id":"8","duration":5,"active":false,"active (2)":"yes"}'
    )
    assert "application_id" in columns.lacking
    assert "calls[].cost" not in columns.lacking, "no calls were asked for"
    assert "user_id" not in columns.lacking, "pages lack it as well"


def test_what_is_hidden_is_hidden_in_lines_that_do_not_fit() -> None:
    """By the columns' names, whatever the cells look like."""
    redaction = Redaction.of(BRIEF_CALLS, urls=True, key=NumberKey(b"k" * 32))
    head = "session_id;session_start_date;call_remote_number;call_record_url"
    text = f"{head}\r\n7;x;anna;y;z\r\n8;2024-05-29 15:05:26;anna;secret\r\n"
    (page,) = ReportDecoder(BRIEF_CALLS, redaction).decode(iter([text.encode()]))
    assert redaction is not None
    hidden = redaction.text(page.quarantined[0].raw)
    assert b"anna" not in hidden
    assert b'"call_record_url": null, "beyond the header": "z"' in hidden
    assert "anna" not in str(page.batch.to_pylist())
    assert "secret" not in str(page.batch.to_pylist())
