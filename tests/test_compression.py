"""Packed answers: whole and of a bearable size, or none; a bomb is noticed before it goes off."""

import gzip
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.api.envelope import Answer, answer_of, unpack
from harvester.api.protocol import parse
from harvester.api.reply import Reply
from harvester.errors import MalformedAnswerError
from harvester.records.orderly import Orderly
from tests.answers import TEXT, ZIPPED, plain, zipped


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
