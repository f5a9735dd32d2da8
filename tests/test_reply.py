"""Status, headers and body of a reply: which of them counts, and what pause they ask for."""

from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.api.envelope import Answer, answer_of
from harvester.api.protocol import read
from harvester.api.reply import Reply, check_status, http_date, retry_after
from harvester.errors import (
    HarvestError,
    MalformedAnswerError,
    RateLimitedError,
    RefusedError,
    RequestError,
    TokenError,
    TransientError,
    UnknownCodeError,
)
from tests.answers import TEXT, ZIPPED

NOW = 1_700_000_000.0


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
        (400, UnknownCodeError),
        (404, UnknownCodeError),
        (413, UnknownCodeError),
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
