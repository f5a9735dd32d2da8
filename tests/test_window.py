from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harvester.window import Window, as_text, merged, shares, subtract

STEADY = settings(deadline=None, derandomize=True)  # the same examples every time, and no clock
BOUNDS = st.lists(st.integers(-20, 20), min_size=2, max_size=2, unique=True).map(sorted)
WINDOWS = BOUNDS.map(lambda bounds: Window(*bounds))
SEVERAL = st.lists(WINDOWS, max_size=8)


def seconds(windows: Iterable[Window]) -> set[int]:
    """What the arithmetic is checked against: the plain set of seconds."""
    return {second for window in windows for second in range(window.start, window.end)}


def apart(windows: Iterable[Window]) -> bool:
    """Whether windows are in time order with at least a second between them: the fewest there can be."""
    return all(older.end < younger.start for older, younger in pairwise(windows))


@pytest.mark.parametrize(("start", "end"), [(5, 5), (6, 5)])
def test_a_window_without_a_second_is_refused(start: int, end: int) -> None:
    """There is no empty window, so nothing needs to handle one."""
    with pytest.raises(ValueError, match=r"at least one second: \[\d, 5\)"):
        Window(start, end)


@STEADY
@given(WINDOWS, st.integers(-25, 25))
def test_a_window_holds_its_start_and_not_its_end(window: Window, second: int) -> None:
    """Windows are half-open, and as long as they have seconds."""
    assert (second in window) == (second in seconds([window]))
    assert window.seconds == len(seconds([window]))


@STEADY
@given(WINDOWS, WINDOWS)
def test_the_overlap_is_the_common_seconds(left: Window, right: Window) -> None:
    """Touching windows have none in common; which is asked first does not matter."""
    overlap = left.overlap(right)
    assert seconds([overlap] if overlap else []) == seconds([left]) & seconds([right])
    assert overlap == right.overlap(left)


@STEADY
@given(SEVERAL)
def test_merging_keeps_the_seconds_in_the_fewest_windows(windows: list[Window]) -> None:
    """Overlapping and touching windows become one, in time order."""
    result = merged(windows)
    assert seconds(result) == seconds(windows)
    assert apart(result)


@STEADY
@given(WINDOWS, SEVERAL)
def test_subtracting_leaves_the_uncovered_seconds(window: Window, covered: list[Window]) -> None:
    """In the fewest windows, in time order, however the covers overlap."""
    rest = subtract(window, covered)
    assert seconds(rest) == seconds([window]) - seconds(covered)
    assert apart(rest)


@STEADY
@given(SEVERAL, WINDOWS)
def test_shares_are_the_seconds_inside_the_span(windows: list[Window], span: Window) -> None:
    """Each window gives its own share or none, in the order given."""
    assert [seconds([share]) for share in shares(windows, span)] == [
        common for window in windows if (common := seconds([window]) & seconds([span]))
    ]


def test_text_is_what_the_vendor_writes() -> None:
    """UTC, to the second; a window shows which end belongs to it."""
    assert as_text(1_716_940_799) == "2024-05-28 23:59:59"
    assert str(Window(0, 86_400)) == "[1970-01-01 00:00:00, 1970-01-02 00:00:00)"
