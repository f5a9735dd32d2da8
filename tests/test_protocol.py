"""What of a body is a page, what is an error, and what is no answer at all."""

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.api import envelope
from harvester.api.envelope import Answer
from harvester.api.protocol import Page, parse
from harvester.errors import HarvestError, MalformedAnswerError, RefusedError, RequestError
from harvester.records.salvage import Damaged
from tests.answers import GOOD, TEXT, ZIPPED, plain, zipped


@pytest.mark.parametrize("answer", [plain(GOOD), zipped(ZIPPED)])
def test_a_page_is_read(answer: Answer) -> None:
    """Records in order, the total, the zone, and the JSON text they came in."""
    assert parse(answer) == Page(
        records=[{"call_session_history_id": 1}, {"call_session_history_id": 2}],
        text=TEXT,
        total=17,
        timezone="Etc/GMT",
        warnings=(),
    )


def test_all_but_the_result_may_be_missing() -> None:
    """``with_total_count=false`` leaves the total out; the zone is not always echoed."""
    page = parse(plain({"result": []}))
    assert (page.records, page.total, page.timezone, page.warnings) == ([], None, None, ())


def test_remarks_of_the_vendor_are_kept_printable() -> None:
    """Warnings come beside a result and are shown to the user."""
    assert parse(plain(GOOD | {"warnings": ["a\x1b[31m\nb", {"c": 1}]})).warnings == (
        "a [31m b",
        "{'c': 1}",
    )
    assert parse(plain(GOOD | {"warnings": "odd"})).warnings == ()


def test_an_error_of_null_is_none() -> None:
    """A field without a value says nothing."""
    assert parse(plain(GOOD | {"error": None, "errors": []})).total == 17


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is not JSON"),
        (b"<html><body>Bad gateway</body></html>", "is not JSON"),
        (b"\xef\xbb\xbf" + TEXT, "is not JSON"),
        (TEXT[:-1], "is not JSON"),
        (TEXT[:40], "is not JSON"),
        (TEXT + b"x", "is not JSON"),
        ([GOOD], "is not a JSON object"),
        (b"null", "is not a JSON object"),
        (b'"result"', "is not a JSON object"),
        ({}, "no list of results"),
        ({"result": None}, "no list of results"),
        ({"result": 1}, "no list of results"),
        ({"result": {"a": []}}, "no list of results"),
        (GOOD | {"count": 1}, "2 records but counts otherwise"),
        (GOOD | {"count": 3}, "2 records but counts otherwise"),
        (GOOD | {"count": "2"}, "2 records but counts otherwise"),
        (GOOD | {"count": 2.0}, "2 records but counts otherwise"),
        ({"result": [{}], "count": True}, "1 records but counts otherwise"),
        (GOOD | {"total_count": -1}, "total_count is not a count"),
        (GOOD | {"total_count": "17"}, "total_count is not a count"),
        (GOOD | {"total_count": 17.0}, "total_count is not a count"),
        (GOOD | {"total_count": True}, "total_count is not a count"),
        (GOOD | {"timezone": 3}, "timezone is not a name"),
        ({"error": "no"}, "an error without a code"),
        ({"error": {}}, "an error without a code"),
        ({"error": {"code": "340"}}, "an error without a code"),
        ({"error": {"code": 34.0}}, "an error without a code"),
        ({"errors": [7]}, "an error without a code"),
    ],
)
def test_what_is_not_the_envelope_is_malformed(content: object, reason: str) -> None:
    """Proxies, cuts and contradictions: worth another try, never taken as data."""
    with pytest.raises(MalformedAnswerError, match=reason):
        parse(plain(content))


@pytest.mark.parametrize(
    "content",
    [
        {"error": {"code": 104, "msg": "no role"}},
        {"errors": [{"code": 104, "msg": "no role"}, {"code": 1, "msg": "fault"}]},
        {"error": {"code": 104, "msg": "no role"}, "errors": [{"code": 1, "msg": "fault"}]},
        GOOD | {"error": {"code": 104, "msg": "no role"}},
        GOOD | {"errors": [{"code": 104, "msg": "no role"}]},
        b'{"error": {"code": 104, "msg": "no role"}, "result": [{"a": NaN}]}',
    ],
)
def test_an_error_beside_a_result_is_an_error(content: object) -> None:
    """Alone, in a list, or beside data, even beside data that does not parse."""
    with pytest.raises(RefusedError, match="code 104: no role"):
        parse(plain(content))


def test_an_error_without_a_text_counts_by_its_code() -> None:
    """The code decides, with or without words."""
    with pytest.raises(RequestError, match="code 101: without a message"):
        parse(plain({"error": {"code": 101, "msg": None}}))


def test_one_damaged_record_does_not_cost_the_others() -> None:
    """What the parser refuses is taken apart; the rest of the envelope is checked as ever."""
    text = b'{"result": [{"a": 1}, {"a": NaN}, {"a": 3}], "count": 3, "total_count": 9}'
    page = parse(plain(text))
    first, second, third = page.records
    assert (first, third, page.total, page.text) == ({"a": 1}, {"a": 3}, 9, text)
    assert isinstance(second, Damaged)
    assert second.raw == b'{"a": NaN}'
    with pytest.raises(MalformedAnswerError, match="3 records but counts otherwise"):
        parse(plain(text.replace(b'"count": 3', b'"count": 2')))


@pytest.mark.parametrize("odd", [b"7", b"null", b"[1]", b'"x"', b"18446744073709551616"])
@pytest.mark.parametrize("other", [b'{"a": 1}', b'{"a": NaN}'])
def test_what_is_no_object_is_a_damaged_record(odd: bytes, other: bytes) -> None:
    """It keeps its bytes, whether the rest of the page parses or not."""
    records = parse(plain(b'{"result": [' + other + b", " + odd + b"]}")).records
    assert len(records) == 2
    assert records[1] == Damaged(odd, "not a JSON object")


def test_a_page_whose_records_cannot_be_told_apart_is_malformed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Should the parser and the cutter ever disagree, nothing is guessed."""
    monkeypatch.setattr(envelope, "slices", lambda _: [b"{}"])
    with pytest.raises(MalformedAnswerError, match="something else than records"):
        parse(plain({"result": [7, {}]}))


@given(st.binary() | st.text().map(str.encode) | st.builds(lambda cut: TEXT[:cut], st.integers(0, len(TEXT))))
def test_no_bytes_break_the_parser(body: bytes) -> None:
    """Any body is a page or one of the program's errors."""
    for answer in (plain(body), zipped(body), zipped(gzip.compress(body))):
        try:
            page = parse(answer)
        except HarvestError:
            continue
        assert isinstance(page.records, list)
