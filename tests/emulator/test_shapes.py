"""How synthetic sessions spread over time."""

from bisect import bisect_left
from collections import Counter

import pytest

from harvester.emulator.shapes import BURST_ROWS, BURST_TIME, DAY, HOUR, SHAPES, Curve, spike

MONDAY = 1_711_929_600  # 2024-04-01 00:00:00 UTC
SESSIONS = 20_000


def _seconds(shape: str, start: int, end: int, sessions: int = SESSIONS, seed: int = 0) -> list[int]:
    curve = SHAPES[shape](start, end, sessions, seed, 500)
    return [curve.second(rank + 0.5) for rank in range(sessions)]


@pytest.mark.parametrize("shape", sorted(SHAPES))
@pytest.mark.parametrize(("start", "length"), [(MONDAY, 30 * DAY), (MONDAY + 1_234, 2 * DAY + 77), (7, 400)])
def test_seconds_lie_in_the_range_and_never_fall(shape: str, start: int, length: int) -> None:
    """Whatever the shape, sessions are in time order inside ``[start, end)``."""
    seconds = _seconds(shape, start, start + length)
    assert seconds == sorted(seconds)
    assert start <= seconds[0] <= seconds[-1] < start + length


def test_the_last_rank_stays_in_the_range() -> None:
    """The rank ``sessions`` itself, which rounding can reach, lies before the end."""
    assert Curve((10, 20), (1.0,), 5).second(5.0) == 19


def test_a_weightless_span_has_no_sessions() -> None:
    """Sessions leap over a span of weight 0."""
    curve = Curve((0, 100, 200, 300), (1, 0, 1), 100)
    assert {curve.second(rank / 2) // 100 for rank in range(200)} == {0, 2}


def test_daily_is_busy_at_work_and_weak_at_night_and_on_weekends() -> None:
    """Peaks at 10-12 and 14-17, few calls at night, weak weekends."""
    seconds = _seconds("daily", MONDAY, MONDAY + 28 * DAY)
    hours = Counter(second % DAY // HOUR for second in seconds)
    days = Counter((second - MONDAY) // DAY % 7 for second in seconds)
    assert {hour for hour, _ in hours.most_common(6)} <= {9, 10, 11, 14, 15, 16}
    assert sum(hours[hour] for hour in range(6)) < 0.03 * SESSIONS
    assert max(days[5], days[6]) < 0.45 * min(days[day] for day in range(5))


def test_bursts_hold_most_rows_in_little_time() -> None:
    """The busiest 2 % of the time holds 80 % of the rows."""
    seconds = _seconds("burst", MONDAY, MONDAY + 100_000)
    minutes = Counter((second - MONDAY) // 100 for second in seconds)
    busiest = sum(rows for _, rows in minutes.most_common(25))  # 2 % and the five cut minutes
    assert busiest == pytest.approx(BURST_ROWS * SESSIONS, rel=0.03)
    assert len([rows for rows in minutes.values() if rows > 100]) <= BURST_TIME * 1_000 + 10


def test_another_seed_has_other_bursts() -> None:
    """The bursts' places are drawn from the seed."""
    assert _seconds("burst", 0, DAY, seed=1) != _seconds("burst", 0, DAY, seed=2)


def test_bursts_need_time() -> None:
    """A range too short for a burst of one second is refused."""
    with pytest.raises(ValueError, match="at least 250 seconds"):
        SHAPES["burst"](0, 100, 10, 0, 0)


@pytest.mark.parametrize(
    ("start", "end", "sessions", "rows", "expected"),
    [
        (0, 1_000, 20_000, 9_000, 9_000),
        (0, 1_000, 20_001, 7_777, 7_777),
        (0, 1_000, 100, 9_000, 100),
        (0, 3, 10, 4, 4),
        (0, 2, 10, 4, 4),
        (0, 1, 10, 4, 10),
    ],
)
def test_a_spike_is_exact(start: int, end: int, sessions: int, rows: int, expected: int) -> None:
    """Exactly the sessions asked for share the second in the middle, if the others have another to lie in."""
    curve = spike(start, end, sessions, 0, rows)
    crowded = [curve.second(rank + 0.99) for rank in range(sessions)]
    middle = (start + end) // 2
    assert bisect_left(crowded, middle + 1) - bisect_left(crowded, middle) == expected


@pytest.mark.parametrize("shape", sorted(SHAPES))
def test_an_empty_history_has_a_shape_too(shape: str) -> None:
    """No sessions are no division by zero."""
    assert SHAPES[shape](0, DAY, 0, 0, 100).second(0.0) < DAY
