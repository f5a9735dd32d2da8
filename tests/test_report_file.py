"""A report on its way into the spool and out of it, however it comes."""

import gzip
import json
import zlib
from pathlib import Path

import pytest

from harvester.api import report_file
from harvester.api.pages import ContradictionError
from harvester.api.reply import Reply
from harvester.api.report_answers import list_of, order_of
from harvester.api.report_file import Incoming, check_is_file, is_whole, text_of, unpacked, void
from harvester.errors import (
    HarvestError,
    MalformedAnswerError,
    RangeTooWideError,
    RateLimitedError,
    RequestError,
    UnavailableError,
)
from harvester.lake.spool import SpoolFile
from harvester.records.report_columns import MalformedReportError

TEXT = b"audit_log_id;requested\r\n" + b'7;"2024-05-29 15:05:26"\r\n' * 5_000
TWICE = gzip.compress(gzip.compress(TEXT, mtime=0), mtime=0)


def received(path: Path, body: bytes, step: int = 1_000) -> SpoolFile:
    """A spool file that a body came into."""
    file = SpoolFile(path / "0.spool")
    into = Incoming(file, "report")
    into.begin()
    for start in range(0, len(body), step):
        into.write(body[start : start + step])
    into.end()
    return file


@pytest.mark.parametrize(
    "body", [TEXT, gzip.compress(TEXT, mtime=0), TWICE, b""], ids=["plain", "gzip", "twice", "nothing"]
)
@pytest.mark.parametrize("piece", [1_000, 1 << 20])
def test_what_went_in_comes_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: bytes, piece: int
) -> None:
    """Unpacked, however it was compressed, and whatever its pieces; also by the next process."""
    monkeypatch.setattr(report_file, "_PIECE", piece)
    received(tmp_path, body)
    file = SpoolFile(tmp_path / "0.spool")
    assert is_whole(file, "report")
    assert b"".join(text_of(file, "report")) == (TEXT if body else b"")


def test_a_file_that_is_begun_anew_has_nothing_of_the_first(tmp_path: Path) -> None:
    """The connection broke, and the second try sent another file."""
    file = SpoolFile(tmp_path / "0.spool")
    into = Incoming(file, "report")
    into.begin()
    into.write(TEXT)
    into.begin()
    into.write(b"a;b\r\n")
    into.end()
    assert (b"".join(text_of(file, "report")), into.size, into.beginning) == (b"a;b\r\n", 5, b"a;b\r\n")


@pytest.mark.parametrize(
    ("body", "ends"),
    [(TEXT, False), (b"", False), (TWICE[:1], False), (TWICE, True)],
    ids=["plain", "nothing", "a byte", "gzip"],
)
def test_only_of_what_is_compressed_a_cut_shows(tmp_path: Path, body: bytes, ends: bool) -> None:  # noqa: FBT001
    """A text may end anywhere; what is compressed and cut cannot be unpacked."""
    into = Incoming(SpoolFile(tmp_path / "0.spool"), "report")
    into.begin()
    for byte in body[:10]:
        into.write(bytes([byte]))
    assert into.ends_itself is ends


def test_a_file_without_its_end_is_not_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was cut by a kill, or is to be fetched anew, or a power cut took a piece of it."""
    monkeypatch.setattr(report_file, "_PIECE", 1_000)
    file = SpoolFile(tmp_path / "0.spool")
    Incoming(file, "report").write(TEXT)
    assert not is_whole(file, "report")
    file = received(tmp_path, TEXT)
    void(file, "report")
    assert not is_whole(file, "report")
    file = SpoolFile(tmp_path / "1.spool")
    file.append("report end", "identity", b"2")
    with pytest.raises(MalformedReportError, match="a part of it is gone"):
        list(text_of(file, "report"))


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (gzip.compress(TEXT, mtime=0)[:-9], "cut short"),
        (gzip.compress(TEXT, mtime=0)[:10] + b"\xff" * 40, "damaged"),
        (gzip.compress(TEXT, mtime=0) + b"more", "follows"),
        (gzip.compress(TEXT, mtime=0) * 2, "follows"),
        (TWICE[:-9], "cut short"),
    ],
)
def test_a_damaged_file_is_noticed(body: bytes, reason: str) -> None:
    """Whatever of it came before."""
    with pytest.raises(MalformedReportError, match=reason):
        list(unpacked(iter([body])))


@pytest.mark.large
def test_a_bomb_is_not_unpacked_at_once() -> None:
    """Its text comes in pieces of bounded size, so who reads it can stop."""
    bomb = zlib.compress(b"a" * (256 << 20), 9, wbits=31)
    pieces = unpacked(iter([bomb]))
    assert max(len(next(pieces)) for _ in range(4)) <= 1 << 20


def test_text_and_file_have_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A larger file is one for a shorter range; a larger text is no report."""
    monkeypatch.setattr(report_file, "_LARGEST", 1_000)
    with pytest.raises(RangeTooWideError):
        Incoming(SpoolFile(tmp_path / "1.spool"), "report").write(TEXT)
    monkeypatch.undo()
    monkeypatch.setattr(report_file, "_LARGEST_PLAIN", 1_000)
    with pytest.raises(MalformedReportError, match="too large"):
        list(text_of(received(tmp_path, gzip.compress(TEXT, mtime=0)), "report"))


@pytest.mark.parametrize(
    ("beginning", "kind"),
    [
        (b'{"error": {"code": 357, "msg": "Failed."}}', RequestError),
        (gzip.compress(b'{"error": {"code": 340, "msg": "Slow down."}}', mtime=0), RateLimitedError),
        (b'{"result": []}', ContradictionError),
        (b"{", ContradictionError),
        (b"<html></html>", ContradictionError),
    ],
)
def test_an_answer_in_disguise_is_no_file(beginning: bytes, kind: type[Exception]) -> None:
    """It came as a file, and is the API's error or a gateway's page."""
    with pytest.raises(kind):
        check_is_file(beginning)


@pytest.mark.parametrize("beginning", [TEXT, gzip.compress(TEXT, mtime=0)[:50], b"", b'"{";b'])
def test_a_file_is_a_file(beginning: bytes) -> None:
    """Also if only its beginning is there to be judged."""
    check_is_file(beginning)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b'{"result": 1}', UnavailableError),
        (b'{"result": 1, "history_report_id": "7"}', UnavailableError),
        (b'{"errors": [{"code": 340, "msg": "Slow down."}]}', RateLimitedError),
        (b"[]", MalformedAnswerError),
        (b"<html>", MalformedAnswerError),
    ],
)
def test_an_order_without_a_number_is_none(body: bytes, kind: type[HarvestError]) -> None:
    """One that was understood is not repeated: that might order a second report."""
    with pytest.raises(kind):
        order_of(Reply(200, {}, body), 0.0)


def test_the_list_says_what_it_says() -> None:
    """Nothing of it is certain but the number: completed, failed, counted, kept, ordered with."""
    first = {
        "history_report_id": 7,
        "history_type": "audit",
        "completed": "",
        "error": {"code": 1},
        "filters": {"from_date": "a", "to_date": "b", "filtered_cmd": ["x", "y"], "output": "CSV"},
        "calculated_data": {"entry_count": 5, "total_entry_count": 9, "timezone": "UTC"},
    }
    second = {
        "history_report_id": 8,
        "completed": "2024-05-29 15:05:26",
        "calculated_data": {"a_count": 1, "b_count": 2},
    }
    body = json.dumps({"result": [first, second, 3], "count": 3}).encode()
    _, (failed, done) = list_of(Reply(200, {}, body), 0.0)
    assert (failed.is_completed, failed.error, failed.records, failed.total) == (False, "{'code': 1}", 5, 9)
    assert (done.is_completed, done.error, done.records, done.total, done.zone) == (True, *(None,) * 4)
    asked = {"from_date": "a", "to_date": "b", "filtered_cmd": "x;y", "output": "csv", "with_header": "true"}
    assert failed.is_of("audit", asked)
    assert not failed.is_of("calls", asked)
    assert not failed.is_of("audit", asked | {"filtered_cmd": "x"})
    assert not failed.is_of("audit", asked | {"to_date": "c"})
    assert not done.is_of("None", {}), "it does not say which range"
