import gzip
import json
import tracemalloc
import zlib
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.api import envelope
from harvester.api.envelope import Answer, answer_of, unpack
from harvester.api.failures import failure, one_line, refusal
from harvester.api.protocol import Page, parse, read
from harvester.api.reply import Reply, check_status, http_date, retry_after
from harvester.errors import (
    HarvestError,
    MalformedAnswerError,
    RangeTooWideError,
    RateLimitedError,
    RefusedError,
    RequestError,
    TokenError,
    TransientError,
)
from harvester.records.orderly import Orderly
from harvester.records.salvage import Damaged

NOW = 1_700_000_000.0
GOOD = {
    "result": [{"call_session_history_id": 1}, {"call_session_history_id": 2}],
    "count": 2,
    "total_count": 17,
    "timezone": "Etc/GMT",
}
TEXT = json.dumps(GOOD).encode()
ZIPPED = gzip.compress(TEXT)


def plain(content: object) -> Answer:
    """An answer that is not compressed."""
    return Answer(content if isinstance(content, bytes) else json.dumps(content).encode(), "identity")


def zipped(body: bytes) -> Answer:
    """An answer said to be compressed."""
    return Answer(body, "gzip")


# --- the envelope


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


# --- compression


@pytest.mark.parametrize(
    ("header", "body", "encoding"),
    [
        (None, TEXT, "identity"),
        ("identity", TEXT, "identity"),
        (" GZIP ", ZIPPED, "gzip"),
        ("gzip", TEXT, "gzip"),
        (None, ZIPPED, "gzip"),
        ("identity", ZIPPED, "gzip"),
        (None, b"", "identity"),
    ],
)
def test_the_encoding_is_named_or_seen(header: str | None, body: bytes, encoding: str) -> None:
    """By its header, else by the first bytes, which no JSON begins with."""
    headers = {} if header is None else {"content-encoding": header}
    assert answer_of(Reply(200, headers, body)) == Answer(body, encoding)


@pytest.mark.parametrize("header", ["br", "zstd", "deflate", "gzip,gzip", "x\x1b[31m"])
def test_an_encoding_that_was_not_asked_for_is_malformed(header: str) -> None:
    """Only gzip was offered."""
    with pytest.raises(MalformedAnswerError, match="which was not asked for") as caught:
        answer_of(Reply(200, {"content-encoding": header}, b""))
    assert str(caught.value).isprintable()


def flipped(data: bytes, place: int) -> bytes:
    """The same bytes but for one bit."""
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


@pytest.mark.parametrize("cut", range(len(ZIPPED)))
def test_a_cut_gzip_is_noticed(cut: int) -> None:
    """Wherever it is cut, its trailer included."""
    with pytest.raises(MalformedAnswerError, match="cut short"):
        unpack(zipped(ZIPPED[:cut]), 1000)


@pytest.mark.parametrize("place", [0, 1, 2, 15, 40, len(ZIPPED) - 8, len(ZIPPED) - 1])
def test_a_damaged_gzip_is_noticed(place: int) -> None:
    """In its header, its data, its checksum and its length."""
    with pytest.raises(MalformedAnswerError):
        unpack(zipped(flipped(ZIPPED, place)), 1000)


@pytest.mark.parametrize("tail", [b"\0", b"x" * 50_000, ZIPPED, gzip.compress(b"", mtime=0)])
def test_nothing_may_follow_a_gzip(tail: bytes) -> None:
    """Neither bytes nor a second member; not even where a slice of the input ends."""
    body = zlib.compress(TEXT, wbits=31)
    padded = gzip.compress(bytes(range(256)) * 64, 0)
    assert len(padded) > 16 << 10
    for whole in (body, padded):
        with pytest.raises(MalformedAnswerError, match="follows the end"):
            unpack(zipped(whole + tail), 1 << 20)


@given(st.binary(max_size=100_000), st.integers(0, 9))
def test_what_was_packed_is_unpacked(data: bytes, level: int) -> None:
    """Any bytes, at any level."""
    assert unpack(zipped(gzip.compress(data, level)), 100_000) == data


@pytest.mark.parametrize("encoding", ["gzip", "identity"])
def test_a_text_of_exactly_the_limit_passes(encoding: str) -> None:
    """The limit itself is allowed, one byte more is not."""
    text = b" " * 100_000
    answer = Answer(gzip.compress(text) if encoding == "gzip" else text, encoding)
    assert unpack(answer, 100_000) == text
    with pytest.raises(MalformedAnswerError, match="is larger than"):
        unpack(answer, 99_999)


@pytest.mark.large
@pytest.mark.parametrize("item", [b"{}", b"0", b"[]", b'{"a":{}}'])
def test_an_answer_of_brackets_alone_is_noticed_before_it_is_parsed(item: bytes) -> None:
    """Millions of records fit into a few KiB of gzip, and their parser into no patience."""
    text = b'{"result":[' + b",".join([item] * 2_200_000) + b"]}"
    with pytest.raises(MalformedAnswerError, match="more than 2097152 brackets and commas"):
        parse(plain(text))


def test_a_large_answer_of_brackets_is_not_read_quickly_either() -> None:
    """The quick way takes seconds for it, too."""

    def quick(text: bytes) -> Orderly | None:
        raise AssertionError(f"{len(text)} bytes were read")

    with pytest.raises(MalformedAnswerError, match="brackets and commas"):
        parse(plain(b'{"result":[' + b",".join([b"{}"] * 3_000_000) + b"]}"), quick=quick)


@pytest.mark.parametrize("more", [0, 1])
def test_far_more_records_than_a_page_has_are_malformed(more: int) -> None:
    """None of them is looked at; there are 10,000 at most, and 1,000 were asked for."""
    text = b'{"result":[' + b",".join([b"0"] * (10_000 + more)) + b"]}"
    if more:
        with pytest.raises(MalformedAnswerError, match="more than 10000 records"):
            parse(plain(text))
    else:
        assert len(parse(plain(text)).records) == 10_000


def test_a_bomb_is_noticed_before_it_is_in_memory() -> None:
    """A GiB in a MiB costs the limit and one slice."""
    packer = zlib.compressobj(9, wbits=31)
    first, second = (packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH) for _ in range(2))
    body = first + second * 1_023  # nothing in a block refers to the one before; the end is not reached
    assert len(body) < 2 << 20
    tracemalloc.start()
    try:
        with pytest.raises(MalformedAnswerError, match="is larger than 8 MiB"):
            unpack(zipped(body), 8 << 20)
        assert tracemalloc.get_traced_memory()[1] < 26 << 20
    finally:
        tracemalloc.stop()


# --- the vendor's codes

TRANSIENT = [1, 2, 4, 5, 13]
LIMITED = [162, 314, 340, 416, 484, 515]
TOKEN = [100, 455, 456]
REFUSED = [104, 115, 127, 131, 135, 137, 161, 281, 282, 317, 320, 321, 322, 323, 433, 447, 454, 527, 536]
REJECTED = [
    101,
    102,
    103,
    105,
    107,
    111,
    116,
    117,
    123,
    134,
    150,
    156,
    194,
    195,
    197,
    209,
    218,
    356,
    357,
    371,
]
REJECTED += [376, 401, 429, 430, 458, 459, 477, 485, 492, 496, 497, 499, 557, 558, 0, -1, 9999]


@pytest.mark.parametrize(
    ("codes", "kind"),
    [
        (TRANSIENT, TransientError),
        (LIMITED, RateLimitedError),
        (TOKEN, TokenError),
        (REFUSED, RefusedError),
        (REJECTED, RequestError),
        ([569], RangeTooWideError),
    ],
)
def test_each_code_has_its_class(codes: list[int], kind: type[HarvestError]) -> None:
    """The table of the vendor's codes; 401 and 429 are about filters; an unknown code is no success."""
    for code in codes:
        error = failure(code, "Some text.")
        assert type(error) is kind, code
        assert kind is RangeTooWideError or (f"code {code}" in str(error) and "Some text." in str(error))


@pytest.mark.parametrize("code", REFUSED)
def test_each_refusal_says_what_to_do(code: int) -> None:
    """A remedy is a whole sentence."""
    error = failure(code, "No.")
    assert isinstance(error, RefusedError)
    assert error.code == code
    assert error.remedy.endswith(".")


def test_a_missing_role_is_answered_with_the_roles() -> None:
    """The user learns which roles may read which history."""
    assert "calls need Owner, Admin, Developer, Supervisor, Support." in str(failure(104, "No."))


@pytest.mark.parametrize("code", [100, 455, 456, 401])
def test_a_refused_fresh_token_becomes_a_refusal(code: int) -> None:
    """The vendor's code and text stay, a remedy joins them; 401 is the HTTP status here."""
    error = refusal(TokenError(code, "No."))
    assert (error.code, error.message) == (code, "No.")
    assert error.remedy.endswith(".")


@pytest.mark.parametrize(
    ("code", "message", "pause"),
    [
        (416, "Please repeat the request in 30 seconds.", 30),
        (416, "Later.", 1),
        (416, "Repeat in 0 seconds.", 1),
        (416, "Repeat in 99999999999999 seconds.", 999_999_999),
        (340, "Limit of 30 requests exceeded.", 1),
        (484, "Rejected.", 5),
        (515, "Same operation.", 5),
    ],
)
def test_slowing_down_has_a_least_pause(code: int, message: str, pause: float) -> None:
    """416 says how long; a repeat that looks automatic waits longer than others."""
    error = failure(code, message)
    assert isinstance(error, RateLimitedError)
    assert error.retry_after == pause


@pytest.mark.parametrize(
    ("message", "days"), [("The range must be within 31 days.", 31), ("Too wide.", None), ("0 days", None)]
)
def test_the_widest_range_is_read_from_the_text(message: str, days: int | None) -> None:
    """569 carries its number of days in words."""
    error = failure(569, message)
    assert isinstance(error, RangeTooWideError)
    assert error.days == days


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("two\r\nlines", "two lines"),
        ("\x1b[31mred\x07", "[31mred"),
        ("right\u202eto left", "right to left"),
        ("got eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiIyMCJ9.c2ln-_8, no", "got (secret), no"),
        ("eyJhbGciOiJSUzI1NiJ9", "(secret)"),
        ("-----BEGIN PRIVATE KEY-----\nMIIEvQ\n-----END PRIVATE KEY----- x", "(secret) x"),
        ("x" * 1000, "x" * 300),
    ],
)
def test_foreign_text_is_made_fit_to_print(text: str, line: str) -> None:
    """No control characters, no token, no key, not long."""
    assert one_line(text) == line
    assert line in str(failure(101, text))


# --- HTTP


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (429, RateLimitedError),
        (408, TransientError),
        (425, TransientError),
        (500, TransientError),
        (502, TransientError),
        (503, TransientError),
        (520, TransientError),
        (599, TransientError),
        (401, TokenError),
        (403, RefusedError),
        (400, RequestError),
        (404, RequestError),
        (413, RequestError),
        (204, MalformedAnswerError),
        (206, MalformedAnswerError),
    ],
)
@pytest.mark.parametrize("body", [b"", b"<html>", TEXT, ZIPPED])
def test_a_status_decides_when_the_body_holds_no_error(
    status: int, kind: type[HarvestError], body: bytes
) -> None:
    """A gateway's page, an empty body and even data: with a status of failure none is taken as an answer."""
    with pytest.raises(HarvestError, match=f"HTTP status {status}|the HTTP status {status}") as caught:
        read(Reply(status, {}, body), NOW)
    assert type(caught.value) is kind


@pytest.mark.parametrize("status", [200, 400, 401, 403, 429, 500, 503])
def test_an_error_of_the_api_counts_more_than_the_status(status: int) -> None:
    """The vendor does not say which status comes with which code."""
    body = b'{"error": {"code": 456, "msg": "Token expired"}}'
    with pytest.raises(TokenError) as caught:
        read(Reply(status, {}, body), NOW)
    assert caught.value.code == 456


@pytest.mark.parametrize(
    ("status", "kind"), [(429, RateLimitedError), (500, TransientError), (502, TransientError)]
)
@pytest.mark.parametrize(
    "body",
    [
        b'{"error": {"code": 503, "message": "Service Unavailable", "status": "UNAVAILABLE"}}',
        b'{"error": {"code": 429, "message": "Too Many Requests"}}',
        b'{"errors": [{"code": 8, "msg": "upstream"}]}',
    ],
)
def test_a_code_that_is_none_of_the_apis_leaves_it_to_a_busy_status(
    status: int, kind: type[HarvestError], body: bytes
) -> None:
    """Gateways answer in the same form: the request is not to blame, and their pause is kept."""
    with pytest.raises(kind) as caught:
        read(Reply(status, {"retry-after": "30"}, body), NOW)
    assert type(caught.value) is kind
    assert isinstance(caught.value, TransientError)
    assert caught.value.retry_after == 30


@pytest.mark.parametrize("status", [200, 400, 404, 422])
def test_an_unknown_code_is_a_rejected_request_with_any_other_status(status: int) -> None:
    """Asked again, it would be rejected again."""
    with pytest.raises(RequestError, match="code 8888"):
        read(Reply(status, {}, b'{"error": {"code": 8888, "msg": "no"}}'), NOW)


def test_a_good_reply_is_an_answer_and_a_page() -> None:
    """The answer as received, and what it says; ``Retry-After`` of a good reply means nothing."""
    answer, page = read(Reply(200, {"content-encoding": "gzip", "retry-after": "9"}, ZIPPED), NOW)
    assert answer == Answer(ZIPPED, "gzip")
    assert page.total == 17


def test_what_came_back_does_not_show() -> None:
    """Records hold signed addresses, and headers what proxies put there: neither belongs in a log."""
    reply = Reply(200, {"x-proxy": "hunter2"}, b"hunter2")
    assert "hunter2" not in repr(reply)
    assert "hunter2" not in repr(answer_of(reply))


def test_a_success_has_no_verdict() -> None:
    """Nothing is raised for a status of success."""
    check_status(Reply(200, {}, b""), NOW)


@pytest.mark.parametrize("status", [429, 503])
def test_the_verdict_on_a_status_knows_the_pause(status: int) -> None:
    """``Retry-After`` comes with 429 and 503."""
    with pytest.raises(TransientError) as caught:
        check_status(Reply(status, {"retry-after": "7"}, b""), NOW)
    assert caught.value.retry_after == 7


@pytest.mark.parametrize(
    ("body", "header", "pause"),
    [
        (b'{"error": {"code": 340, "msg": ""}}', "90", 90),
        (b'{"error": {"code": 416, "msg": "in 90 s"}}', "5", 90),
        (b'{"error": {"code": 1, "msg": ""}}', "5", 5),
        (b'{"error": {"code": 1, "msg": ""}}', "soon", None),
        (b"<html>", "5", 5),
    ],
)
@pytest.mark.parametrize("status", [200, 503])
def test_the_longer_pause_of_code_and_header_counts(
    body: bytes, header: str, pause: float | None, status: int
) -> None:
    """Both the envelope and the header may ask for a pause."""
    with pytest.raises(TransientError) as caught:
        read(Reply(status, {"retry-after": header}, body), NOW)
    assert caught.value.retry_after == pause


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("120", 120),
        (" 120 ", 120),
        ("0", 0),
        ("-5", 0),
        ("1000000000", 1e9),
        ("9" * 400, float("inf")),
        ("1.5", None),
        ("--5", None),
        ("-", None),
        ("soon", None),
        (formatdate(NOW + 60, usegmt=True), 60),
        (formatdate(NOW - 60, usegmt=True), 0),
        ("Tue, 14 Nov 2023 22:14:20 -0000", 60),
        ("Tue, 14 Nov 2023 99:99:99 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str | None, seconds: float | None) -> None:
    """The grammar of RFC 9110; a moment past is no pause; anything else is no request for one."""
    assert retry_after({} if header is None else {"retry-after": header}, NOW) == seconds


def test_a_date_counts_from_the_replys_own_date() -> None:
    """The server's clock against itself: the local one may be wrong by hours."""
    headers = {"retry-after": formatdate(NOW + 60, usegmt=True), "date": formatdate(NOW + 20, usegmt=True)}
    assert retry_after(headers, 0) == 40


@given(st.text() | st.from_regex(r"[A-Z][a-z]{2}, \d{1,2} [A-Z][a-z]{2} \d{1,5} \d\d:\d\d:\d\d [+-]?\w{1,5}"))
def test_no_date_breaks_its_reader(text: str) -> None:
    """A date or nothing, and a pause is never negative."""
    moment = http_date(text)
    assert moment is None or isinstance(moment, float)
    assert (retry_after({"retry-after": text, "date": text}, NOW) or 0) >= 0
