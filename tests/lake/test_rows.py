import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.lake.layout import Granularity, partition_at
from harvester.window import Window
from tests.lake.history import MONDAY, STEADY, TIME, batches, rows_at

SORTED = st.lists(st.integers(MONDAY, MONDAY + 40), max_size=30).map(lambda seconds: rows_at(sorted(seconds)))


@STEADY
@given(SORTED, st.integers(1, 8), st.integers(-5, 45), st.integers(1, 50))
def test_cutting_keeps_the_rows_inside(
    rows: list[tuple[int, int, str | None]], size: int, start: int, length: int
) -> None:
    """All of them, in order, however they are batched; batches without any are left out."""
    window = Window(MONDAY + start, MONDAY + start + length)
    cut = list(TIME.cut(batches(rows, size), window))
    assert all(batch.num_rows for batch in cut)
    assert [key for batch in cut for key in batch["key"].to_pylist()] == [
        key for key, second, _ in rows if second in window
    ]


@pytest.mark.parametrize("granularity", Granularity)
@STEADY
@given(seconds=st.lists(st.integers(0, 4_102_444_799), max_size=20))
def test_starts_are_the_partitions_that_hold_a_row(granularity: Granularity, seconds: list[int]) -> None:
    """The calendar of Arrow and that of the layout agree, to the second."""
    found = TIME.starts(batches(rows_at(sorted(seconds))), granularity)
    assert found == {partition_at(granularity, second).span.start for second in seconds}
