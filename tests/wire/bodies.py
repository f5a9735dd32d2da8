"""Answers that are HTTP and still not the page: F04, F06 to F10 and F28."""

import gzip
from email.utils import formatdate

from harvester.errors import ConfigError, RangeTooWideError, RefusedError, RequestError, UnavailableError
from tests.asking import NOON
from tests.wire.case import FALSE, OTHER, TRUE, Act, Case, answer, failed, framed, zipped

_HTML = b"<!doctype html><html><body><h1>Bad gateway</h1></body></html>"
_TEXT = "Content-Type: text/html"
_ZIPPED = gzip.compress(FALSE, mtime=0)
_FLIPPED = _ZIPPED[:-20] + bytes([_ZIPPED[-20] ^ 4]) + _ZIPPED[-19:]
_DAMAGED, _CUT, _MORE = "the gzip body is damaged", "the gzip body is cut short", "something follows the end"
_UNASKED = "which was not asked for"


def _encoded(encoding: str, body: bytes = FALSE) -> bytes:
    return answer(body, f"Content-Encoding: {encoding}")


CODINGS = (
    Case("F04", "gzip", (zipped(gzip.compress(TRUE)),), tries=1),
    Case("F04", "gzip in capitals", (_encoded("GZIP", gzip.compress(TRUE)),), tries=1),
    Case("F04", "gzip without a label", (answer(gzip.compress(TRUE)),), tries=1),
    Case("F04", "gzip cut in its header", (zipped(_ZIPPED[:3]),), _CUT),
    Case("F04", "gzip cut after its header", (zipped(_ZIPPED[:10]),), _CUT),
    Case("F04", "gzip cut in its data", (zipped(_ZIPPED[:-30]),), _CUT),
    Case("F04", "gzip without its trailer", (zipped(_ZIPPED[:-8]),), _CUT),
    Case("F04", "gzip with half its trailer", (zipped(_ZIPPED[:-4]),), _CUT),
    Case("F04", "gzip with a byte missing", (zipped(_ZIPPED[:-1]),), _CUT),
    Case("F04", "gzip cut, until the end", (framed(_ZIPPED[:-8], "Content-Encoding: gzip"), Act.CLOSE), _CUT),
    Case("F04", "gzip with a wrong checksum", (zipped(_ZIPPED[:-8] + b"abcd" + _ZIPPED[-4:]),), _DAMAGED),
    Case("F04", "gzip with a wrong size", (zipped(_ZIPPED[:-4] + b"abcd"),), _DAMAGED),
    Case("F04", "gzip with a flipped bit", (zipped(_FLIPPED),), _DAMAGED),
    Case("F04", "gzip with a second member", (zipped(_ZIPPED + gzip.compress(b" ")),), _MORE),
    Case("F04", "gzip with an empty second member", (zipped(_ZIPPED + gzip.compress(b"")),), _MORE),
    Case("F04", "gzip with bytes after it", (zipped(_ZIPPED + b"\0"),), _MORE),
    Case("F04", "gzip of nothing", (zipped(gzip.compress(b"")),), "not JSON"),
    Case("F04", "nothing as gzip", (zipped(b""),), _CUT),
    Case("F04", "plain as gzip", (zipped(FALSE),), _DAMAGED),
    Case("F04", "gzip in gzip", (zipped(gzip.compress(_ZIPPED)),), "not JSON"),
    Case("F04", "gzip in gzip, said so", (_encoded("gzip, gzip", gzip.compress(_ZIPPED)),), _UNASKED),
    Case("F04", "plain as brotli", (_encoded("br"),), _UNASKED),
    Case("F04", "gzip as deflate", (_encoded("deflate", _ZIPPED),), _UNASKED),
    Case("F04", "gzip as zstd", (_encoded("zstd", _ZIPPED),), _UNASKED),
    Case("F04", "an encoding nobody knows", (_encoded("x-\x1b[31m"),)),
)


def _busy(*headers: str, status: str = "429 Too Many Requests") -> tuple[bytes, ...]:
    return (answer(_HTML, *headers, status=status),)


def _date(seconds: float) -> str:
    return formatdate(NOON + seconds, usegmt=True)


_TOO_LONG = "more than the 900 s allowed"

BANS = (
    Case("F06", "429 and nothing", _busy(), "429"),
    Case("F06", "429 with seconds", _busy("Retry-After: 40"), "429", pause=40),
    Case("F06", "429 with a date", _busy(f"Retry-After: {_date(40)}"), "429", pause=39),
    Case(
        "F06",
        "429 with a date by its own clock",
        _busy(f"Retry-After: {_date(7240)}", f"Date: {_date(7200)}"),
        "429",
        pause=39,
    ),
    Case("F06", "429 with a date that is past", _busy(f"Retry-After: {_date(-40)}"), "429"),
    Case("F06", "429 with 0", _busy("Retry-After: 0"), "429"),
    Case("F06", "429 with a negative number", _busy("Retry-After: -5"), "429"),
    Case("F06", "429 with the longest pause", _busy("Retry-After: 900"), "429", pause=900),
    Case("F06", "429 with one second more", _busy("Retry-After: 901"), _TOO_LONG, UnavailableError),
    Case("F06", "429 with a billion", _busy("Retry-After: 1000000000"), _TOO_LONG, UnavailableError),
    Case(
        "F06", "429 with a thousand digits", _busy("Retry-After: " + "9" * 1000), _TOO_LONG, UnavailableError
    ),
    Case(
        "F06",
        "429 with the year 9999",
        _busy("Retry-After: Fri, 31 Dec 9999 23:59:59 GMT"),
        _TOO_LONG,
        UnavailableError,
    ),
    Case("F06", "429 with 1e9", _busy("Retry-After: 1e9"), "429"),
    Case("F06", "429 with a fraction", _busy("Retry-After: 1.5"), "429"),
    Case("F06", "429 with a word", _busy("Retry-After: soon"), "429"),
    Case("F06", "429 with an empty pause", _busy("Retry-After: "), "429"),
    Case("F06", "429 with other digits", _busy("Retry-After: ٣٠"), "429"),
    Case("F06", "429 with an impossible date", _busy("Retry-After: Fri, 99 Foo 2024 99:99:99 GMT"), "429"),
    Case("F06", "503 with seconds", _busy("Retry-After: 40", status="503 Busy"), "503", pause=40),
    Case(
        "F06",
        "503 with a billion",
        _busy("Retry-After: 1000000000", status="503 Busy"),
        _TOO_LONG,
        UnavailableError,
    ),
    Case("F06", "a page at 429", (answer(FALSE, status="429 Too Many Requests"),), "429"),
)

STATUSES = (
    *(
        Case("F07", f"{status} with HTML", (answer(_HTML, _TEXT, status=f"{status} Oops"),), str(status))
        for status in (408, 425, 500, 501, 502, 503, 504, 507, 511, 520, 521, 522, 524, 526, 530, 599)
    ),
    Case("F07", "500 with the page", (answer(FALSE, status="500 Oops"),), "500"),
    Case("F07", "502 with nothing", (answer(b"", status="502 Bad Gateway"),), "502"),
    Case(
        "F07", "503 with bad gzip", (answer(b"\x1f\x8b", "Content-Encoding: gzip", status="503 Busy"),), "503"
    ),
    Case("F09", "201 with the page", (answer(FALSE, status="201 Created"),), "201"),
    Case("F09", "204", (framed(b"", status="204 No Content"),), "204"),
    Case("F09", "206 with the page", (answer(FALSE, status="206 Partial Content"),), "206"),
    Case("F08", "400", (answer(_HTML, status="400 Bad Request"),), "400", RequestError),
    Case("F08", "403", (answer(_HTML, status="403 Forbidden"),), "403", RefusedError),
    Case("F08", "404", (answer(_HTML, status="404 Not Found"),), "404", RequestError),
    Case("F08", "405", (answer(b"", status="405 Method Not Allowed"),), "405", RequestError),
    Case("F08", "407", (answer(b"", status="407 Proxy Authentication Required"),), "407", RequestError),
    Case("F08", "413", (answer(b"", status="413 Too Large"),), "413", RequestError),
    Case("F08", "401", (answer(b"", status="401 Unauthorized"),), "401", at_last=RefusedError),
)

_LATER = "slow down"

ENVELOPES = (
    *(Case("F08", f"code {code}", (failed(code),), f"code {code}") for code in (1, 2, 4, 5, 13)),
    *(
        Case("F08", f"code {code}", (failed(code),), f"code {code}", at_last=RefusedError)
        for code in (100, 455, 456)
    ),
    *(Case("F08", f"code {code}", (failed(code),), _LATER, pause=1) for code in (162, 314, 340, 416)),
    *(Case("F08", f"code {code}", (failed(code),), _LATER, pause=5) for code in (484, 515)),
    Case("F08", "code 416 with seconds", (failed(416, "Repeat in 40 seconds"),), _LATER, pause=40),
    Case(
        "F08", "code 416 with a day", (failed(416, "Repeat in 86400 seconds"),), _TOO_LONG, UnavailableError
    ),
    *(
        Case("F08", f"code {code}", (failed(code),), f"code {code}", RefusedError)
        for code in (104, 115, 127, 131, 135, 320, 433, 527)
    ),
    *(
        Case("F08", f"code {code}", (failed(code),), f"code {code}", RequestError)
        for code in (0, -1, 101, 401, 429, 497, 2**63)
    ),
    Case("F08", "code 569", (failed(569, "within 31 days"),), "31 days", RangeTooWideError),
    Case("F08", "code 104 at 403", (failed(104, status="403 Forbidden"),), "code 104", RefusedError),
    Case("F08", "code 104 at 500", (failed(104, status="500 Oops"),), "code 104", RefusedError),
    Case("F08", "code 1 at 400", (failed(1, status="400 Bad Request"),), "code 1"),
    Case(
        "F08",
        "code 340 at 429 with a pause",
        (failed(340, "", "Retry-After: 40", status="429 Too Many Requests"),),
        _LATER,
        pause=40,
    ),
    Case(
        "F08",
        "an error beside a result",
        (answer(FALSE[:-1] + b', "error": {"code": 4, "msg": "x"}}'),),
        "code 4",
    ),
    Case(
        "F08",
        "a refusal beside a result",
        (answer(FALSE[:-1] + b', "error": {"code": 104, "msg": "x"}}'),),
        "code 104",
        RefusedError,
    ),
    Case(
        "F08", "a list of errors", (answer(b'{"result": [], "errors": [{"code": 4, "msg": "x"}]}'),), "code 4"
    ),
    Case("F08", "an error that is null", (answer(TRUE[:-1] + b', "error": null}'),), tries=1),
    Case("F08", "an error without a code", (answer(b'{"error": {"msg": "x"}}'),), "without a code"),
    Case("F08", "an error that is a text", (answer(b'{"error": "x"}'),), "without a code"),
    Case("F08", "an error that is false", (answer(b'{"error": false}'),), "without a code"),
    Case(
        "F08", "a code that is a text", (answer(b'{"error": {"code": "104", "msg": "x"}}'),), "without a code"
    ),
    Case("F08", "a code beyond 64 bits", (failed(10**30),), "without a code"),
    Case("F08", "an error without a message", (answer(b'{"error": {"code": 4}}'),), "without a message"),
    Case("F08", "no result", (answer(b'{"count": 0, "total_count": 0}'),), "no list of results"),
    Case("F08", "a result that is null", (answer(b'{"result": null, "count": 0}'),), "no list of results"),
    Case("F08", "a result that is an object", (answer(b'{"result": {}, "count": 0}'),), "no list of results"),
    Case("F08", "a result that is a number", (answer(b'{"result": 1}'),), "no list of results"),
    Case(
        "F08", "a count too large", (answer(FALSE.replace(b'"count": 1', b'"count": 2')),), "counts otherwise"
    ),
    Case("F08", "a count that is a text", (answer(FALSE.replace(b'"count": 1', b'"count": "1"')),), "counts"),
    Case(
        "F08",
        "a negative total",
        (answer(FALSE.replace(b'total_count": 1', b'total_count": -1')),),
        "total_count",
    ),
    Case(
        "F08",
        "a total with a fraction",
        (answer(FALSE.replace(b'total_count": 1', b'total_count": 1.0')),),
        "total_count",
    ),
    Case(
        "F08",
        "a total that is true",
        (answer(FALSE.replace(b'total_count": 1', b'total_count": true')),),
        "total_count",
    ),
)

DOCUMENTS = (
    Case("F09", "HTML", (answer(_HTML, _TEXT),), "not JSON"),
    Case(
        "F09",
        "HTML with a way out",
        (answer(f'<meta http-equiv=refresh content="0;url=http://{OTHER}">'.encode(), _TEXT),),
        "not JSON",
    ),
    Case("F09", "nothing", (answer(b""),), "not JSON"),
    Case("F09", "white space", (answer(b" \r\n\t "),), "not JSON"),
    Case("F09", "a byte order mark", (answer(b"\xef\xbb\xbf" + FALSE),), "not JSON"),
    Case("F09", "UTF-16", (answer(FALSE.decode().encode("utf-16")),), "not JSON"),
    Case("F09", "the page as HTML", (answer(TRUE, _TEXT),), tries=1),
    Case(
        "F09",
        "the page as an image in another charset",
        (answer(TRUE, "Content-Type: image/png; charset=x"),),
        tries=1,
    ),
    Case("F10", "cut in a record", (answer(FALSE[:30]),), "not JSON"),
    Case("F10", "cut before the last bracket", (answer(FALSE[:-1]),), "not JSON"),
    Case("F10", "something after it", (answer(FALSE + b";"),), "not JSON"),
    Case("F10", "twice", (answer(FALSE * 2),), "not JSON"),
    Case("F10", "as a script", (answer(b"callback(" + FALSE + b")"),), "not JSON"),
    Case("F10", "as Python", (answer(FALSE.replace(b'"', b"'")),), "not JSON"),
    Case("F10", "noise", (answer(bytes(range(256))),), "not JSON"),
    Case("F10", "zeros", (answer(b"\0" * 1000),), "not JSON"),
    Case("F10", "an open string", (answer(b'{"result": [{"a": "' + b"x" * 100_000),), "not JSON"),
    Case("F10", "brackets without end", (answer(b"[" * 100_000),), "not JSON"),
    Case(
        "F10",
        "a total that is not a number",
        (answer(FALSE.replace(b'total_count": 1', b'total_count": NaN')),),
        "not JSON",
    ),
    *(
        Case("F10", f"only {text.decode()}", (answer(text),), "not a JSON object")
        for text in (b"[]", b"null", b"1", b'"OK"', b"true")
    ),
)


def _moved(status: int, location: str | None) -> tuple[bytes, ...]:
    headers = [] if location is None else [f"Location: {location}"]
    return (answer(b"", *headers, status=f"{status} Moved"),)


_ELSEWHERE = {
    "to the other server": f"http://{OTHER}/platform_api/GetCallHistory",
    "to the other server, no scheme": f"//{OTHER}/",
    "to the other server, with a name": f"http://api.voximplant.com@{OTHER}/",
    "to the same server": "/platform_api/Other",
    "nowhere": "http://[bad",
    "without a place": None,
}

REDIRECTS = (
    *(
        Case("F28", f"{status} {where}", _moved(status, location), "name the right --endpoint", ConfigError)
        for status in (301, 302, 303, 307, 308)
        for where, location in _ELSEWHERE.items()
    ),
    *(
        Case("F28", str(status), _moved(status, None), "name the right --endpoint", ConfigError)
        for status in (300, 304, 305, 306)
    ),
    Case(
        "F28",
        "another server in every header",
        (
            answer(
                TRUE,
                f"Location: http://{OTHER}/",
                f"Content-Location: http://{OTHER}/",
                f"Refresh: 0; url=http://{OTHER}/",
                f'Alt-Svc: h2="{OTHER}"',
                f"Link: <http://{OTHER}/>; rel=preconnect",
            ),
        ),
        tries=1,
    ),
)
