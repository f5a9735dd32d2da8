"""What of the look-back is due, what one question brings, what of a partition is counted."""

from itertools import pairwise
from random import Random

import pytest

from harvester.look_back import LookBack, countable
from harvester.todo import joined
from harvester.window import Window, merged, subtract

HOUR = 3_600
NOW = 1_000_000


def ages(windows: tuple[Window, ...]) -> list[float]:
    """How old their first seconds are, in hours."""
    return sorted((NOW - window.end) / HOUR for window in windows)


def test_a_second_is_due_at_ages_that_grow() -> None:
    """The last is the look-back, each is a quarter of the next, none is younger than what settled."""
    due = LookBack(48 * HOUR).due(NOW - 60, NOW, HOUR)
    assert ages(due) == [3, 12, 48]
    assert all(window.seconds == 60 for window in due)
    assert ages(LookBack(HOUR).due(NOW - 60, NOW, HOUR)) == []


@pytest.mark.parametrize("seed", range(5))
def test_rounds_meet_without_a_hole(seed: int) -> None:
    """However they lie in time, every second is due once at an age: none is passed over, none comes twice."""
    chance = Random(seed)  # noqa: S311  (chance, not a secret)
    moments = sorted(NOW + chance.randrange(50 * HOUR) for _ in range(20))
    back = LookBack(8 * HOUR)
    spans = [window for last, now in pairwise(moments) for window in back.due(last, now, 4 * HOUR)]
    assert merged(spans) == (Window(moments[0] - 8 * HOUR, moments[-1] - 8 * HOUR),)
    assert sum(window.seconds for window in spans) == moments[-1] - moments[0]


def test_all_of_it_is_due_for_the_asking() -> None:
    """What settled, up to the look-back."""
    due = LookBack(48 * HOUR, reread=True).due(NOW - 60, NOW, HOUR)
    assert not subtract(Window(NOW - 48 * HOUR, NOW - HOUR), due)


def test_windows_with_less_than_a_page_between_them_are_one() -> None:
    """A page between them costs as much as a question more."""
    windows = (Window(0, 10), Window(20, 30), Window(40, 50))
    assert joined(windows, [10, 19, 20, 29, 35], 3) == (Window(0, 50),)
    assert joined(windows, [10, 15, 19, 35], 3) == (Window(0, 10), Window(20, 50))
    assert joined((), [1], 3) == ()


def test_a_partition_with_open_holes_is_counted_as_one() -> None:
    """If their records are known, from this round; else each part that is published."""
    covers = (Window(0, 10), Window(11, 20))
    assert countable(covers, [Window(10, 11)]) == [Window(0, 20)]
    assert countable(covers, [Window(9, 12)]) == [Window(0, 20)]
    assert countable(covers, []) == list(covers)
    assert countable((), []) == []
