"""Bytes of sessions and pages."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.emulator.patterns import PATTERNS, owners, patterns
from harvester.emulator.render import Nested, filled, gunzipped, gzipped, history, second_of, stamp, template

SECOND = 1_716_995_126  # 2024-05-29 15:05:26
PATTERN: dict[str, object] = {
    "id": "int:{id}",
    "start": "{at}",
    "call": [{"id": "int:{id}7", "at": ["{soon}", "{later}"]}],
    "url": "https://x/{day}/100%/{id}",
    "until": "{expires}",
    "text": '{"codec" : "mp3"} {other} 50%b',
}


@pytest.mark.parametrize("escaped", [False, True])
def test_blanks_are_filled(escaped: bool) -> None:  # noqa: FBT001
    """Ids and times go where the pattern says; other braces and percent signs are text."""
    made = template(PATTERN, Nested(), escaped=escaped)
    (row,) = filled([made], [(SECOND, 42, 0)])
    assert (rb"\/" in row, b"https://" in row) == (escaped, not escaped)
    assert orjson.loads(row) == {
        "id": 42,
        "start": "2024-05-29 15:05:26",
        "call": [{"id": 427, "at": ["2024-05-29 15:05:27", "2024-05-29 15:05:35"]}],
        "url": "https://x/2024/05/29/100%/42",
        "until": "2024-08-27",
        "text": '{"codec" : "mp3"} {other} 50%b',
    }


def test_times_cross_midnight() -> None:
    """A second after the last of a day is on the next day."""
    (row,) = filled([template(PATTERN, Nested(), escaped=False)], [(1_717_027_199, 1, 0)])
    assert orjson.loads(row)["start"] == "2024-05-29 23:59:59"
    assert orjson.loads(row)["call"][0]["at"][0] == "2024-05-30 00:00:00"


@given(st.integers(-2_000_000_000, 4_000_000_000))
def test_times_are_read_as_written(second: int) -> None:
    """A stamp can be read back, whatever the year."""
    assert second_of(stamp(second).decode()) == second


@pytest.mark.parametrize(
    "text", ["", "2024-05-29", "2024-5-29 15:05:26", "2024-05-29 15:05:26Z", "2024-13-01 00:00:00"]
)
def test_other_times_are_refused(text: str) -> None:
    """There is one way to write a time."""
    with pytest.raises(ValueError, match=r"not a time|isoformat|month"):
        second_of(text)


def test_pages() -> None:
    """The envelope counts its rows; total and warnings are left out if there is none."""
    assert orjson.loads(history([b"{}", b"{}"], 7, ["late"])) == {
        "result": [{}, {}],
        "total_count": 7,
        "count": 2,
        "timezone": "Etc/GMT",
        "warnings": ["late"],
    }
    assert orjson.loads(history([], None)) == {"result": [], "count": 0, "timezone": "Etc/GMT"}


def test_compression_can_be_undone() -> None:
    """Compressed bytes are gzip."""
    assert gzipped(b"x" * 100)[:2] == b"\x1f\x8b"
    assert gunzipped(gzipped(b"x" * 100)) == b"x" * 100


def test_patterns_are_a_function_of_the_seed() -> None:
    """The same seed draws the same patterns, hundreds of different ones."""
    first, same, other = (list(patterns(seed, owners(1, 0))) for seed in (1, 1, 2))
    assert first == same
    assert first != other
    assert len({repr(pattern) for pattern in first}) == PATTERNS


def test_whole_sessions_are_as_large_as_real_ones() -> None:
    """With everything on, a session takes 1.5 to 2.5 kB on the wire."""
    rows = [
        filled([template(pattern, Nested(), escaped=False)], [(SECOND, 1 << 33, 0)])[0]
        for pattern in patterns(0, owners(1, 0))
    ]
    assert 1_500 < sum(map(len, rows)) / len(rows) < 2_500
