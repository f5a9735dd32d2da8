"""What the emulator remembers of requests."""

import pytest

from harvester.emulator.counts import Asked, Counts, busiest_second


@pytest.mark.parametrize(
    ("arrivals", "most"),
    [
        ([], 0),
        ([5.0], 1),
        ([0.0, 0.5, 0.999, 1.0, 1.4], 4),
        ([0.0, 1.0, 2.0], 1),
        ([3.0, 1.0, 3.5, 1.2, 3.9], 3),
    ],
)
def test_busiest_second(arrivals: list[float], most: int) -> None:
    """The sliding second is half-open, and the order of arrivals does not matter."""
    assert busiest_second(arrivals) == most


def test_what_was_asked_is_readable() -> None:
    """A record shows the parameters by their meaning, defaults included."""
    asked = Asked(
        1.5,
        "GetCallHistory",
        {
            "from_date": "2024-05-29 00:00:00",
            "to_date": "2024-05-29 00:00:07",
            "offset": "2000",
            "count": "1000",
            "desc_order": "True",
            "with_total_count": "0",
        },
    )
    assert (asked.start, asked.end, asked.offset, asked.count) == (1716940800, 1716940807, 2000, 1000)
    assert (asked.descending, asked.with_total) == (True, False)
    bare = Asked(1.5, "GetCallHistory", {})
    assert (bare.start, bare.end, bare.offset, bare.count) == (None, None, 0, 20)
    assert (bare.descending, bare.with_total) == (False, True)


def test_what_cannot_be_read_is_none() -> None:
    """Malformed parameters do not stand in the way of counting."""
    names = ("from_date", "to_date", "offset", "count", "desc_order", "with_total_count")
    asked = Asked(0.0, "", dict.fromkeys(names, "?"))
    assert {asked.start, asked.end, asked.offset, asked.count, asked.descending, asked.with_total} == {None}


def test_totals() -> None:
    """Requests, rows, errors and faults add up; a reset leaves only what is in flight."""
    counts = Counts()
    assert [counts.arrived(at) for at in (0.0, 0.1, 2.0)] == [1, 2, 3]
    counts.left()
    counts.requests += [
        Asked(0.0, "A", {}, rows=5),
        Asked(0.1, "A", {}, error=100, rows=0),
        Asked(2.0, "A", {}, status=0, fault="stall"),
    ]
    assert counts.totals() == {
        "requests": 3,
        "rows": 5,
        "errors": {"100": 1},
        "statuses": {"200": 2, "0": 1},
        "faults": {"stall": 1},
        "busiest_second": 2,
        "most_in_flight": 3,
    }
    counts.reset()
    assert counts.totals() == {
        "requests": 0,
        "rows": 0,
        "errors": {},
        "statuses": {},
        "faults": {},
        "busiest_second": 0,
        "most_in_flight": 2,
    }
    assert counts.in_flight == 2
