"""Published seconds that a run reads anew: their answers are kept as long as anything needs them."""

from itertools import permutations

import pytest

from tests.lake.history import ALL, Lake, hours, rows_at

WINDOWS = (hours(0, 10), hours(10, 30), hours(30, 75), hours(75, 96))  # two of them over several days


@pytest.mark.parametrize("order", [*permutations(range(4))], ids=str)
async def test_answers_are_freed_with_the_last_file_that_needs_them(
    lake: Lake, order: tuple[int, ...]
) -> None:
    """Not with the first publication of others, although an old file covers their seconds all the time."""
    await lake.harvest(ALL)
    lake.history = sorted(
        [*lake.history, *rows_at([ALL.start + 7, ALL.end - 7], 1_000)], key=lambda row: row[1]
    )
    await lake.harvest(*(WINDOWS[place] for place in order), todo=[ALL], memory=0)
    assert lake.rows() == lake.history
    assert (lake.ledger.window_starts(), lake.spool.starts) == (set(), set())
