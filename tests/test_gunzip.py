"""Every backend says the same of a gzip body, whole or not."""

import gzip
import zlib
from types import ModuleType

import pytest

from harvester.api.gunzip import BACKENDS, gunzip
from harvester.errors import MalformedAnswerError

TEXT = b'{"result": [], "count": 0}' * 30
BODY = gzip.compress(TEXT, mtime=0)
STORED = gzip.compress(bytes(range(256)) * 256, 0, mtime=0)  # longer than one slice
WRONG = {
    "nothing": b"",
    "its magic alone": BODY[:2],
    "no gzip": TEXT,
    "a zlib stream": zlib.compress(TEXT),
    "two members": BODY + BODY,
    "an empty member behind": BODY + gzip.compress(b""),
    "a byte behind": BODY + b"\0",
    "a member behind many slices": STORED + BODY,
}
every_backend = pytest.mark.parametrize("backend", BACKENDS.values(), ids=BACKENDS)


@every_backend
@pytest.mark.parametrize("level", range(10))
def test_what_was_compressed_comes_back(backend: ModuleType, level: int) -> None:
    """At every level, in one slice or in many."""
    for text in (b"", TEXT, bytes(range(256)) * 256):
        assert gunzip(gzip.compress(text, level), 1 << 20, backend) == text


@every_backend
@pytest.mark.parametrize("body", WRONG.values(), ids=WRONG)
def test_what_is_no_gzip_of_one_member_is_malformed(backend: ModuleType, body: bytes) -> None:
    """Whatever is in front, behind, or not there at all."""
    with pytest.raises(MalformedAnswerError):
        gunzip(body, 1 << 20, backend)


@every_backend
def test_a_body_cut_anywhere_is_malformed(backend: ModuleType) -> None:
    """In its header, its data and its trailer."""
    for cut in range(len(BODY)):
        with pytest.raises(MalformedAnswerError, match="cut short"):
            gunzip(BODY[:cut], 1 << 20, backend)


@every_backend
def test_a_flipped_bit_is_malformed_or_changes_nothing(backend: ModuleType) -> None:
    """No backend takes other data than were compressed; some bits mean nothing."""
    for place in range(8 * len(BODY)):
        damaged = bytearray(BODY)
        damaged[place // 8] ^= 1 << place % 8
        try:
            text = gunzip(bytes(damaged), 1 << 20, backend)
        except MalformedAnswerError:
            continue
        assert text == TEXT


@every_backend
def test_a_bomb_is_noticed_at_the_limit(backend: ModuleType) -> None:
    """Exactly the limit passes, one byte more does not."""
    bomb = gzip.compress(bytes(10_000_000))
    assert len(gunzip(bomb, 10_000_000, backend)) == 10_000_000
    with pytest.raises(MalformedAnswerError, match="larger than"):
        gunzip(bomb, 9_999_999, backend)
