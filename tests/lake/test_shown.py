"""What stays of a published file when seconds of it are to be read anew, and cannot be."""

from pathlib import Path

import pytest

from harvester.lake.entries import Suspect
from harvester.window import Gap, Window, subtract
from tests.lake.history import HOUR, MONDAY, MONDAYS_FILE, Lake, Row, hours, rows_at, rows_of

DAY, HOLE = hours(0, 24), hours(3, 5)
NEW = rows_at([MONDAY + hour * HOUR for hour in range(24)], first_key=1_000)


async def published(lake: Lake, found_by: str) -> Path:
    """A file that verify found wrong, of a day that holds other records by now."""
    await lake.harvest(DAY)
    lake.ledger.accuse(found_by, [Suspect(DAY, found_by, "changed")], 0.0)
    lake.history = NEW
    return lake.layout.folder() / MONDAYS_FILE


def around(hole: Window, stays: list[Row]) -> list[Row]:
    """The new records outside of ``hole``, and what stays, in order."""
    return sorted([*(row for row in NEW if row[1] not in hole), *stays], key=lambda row: (row[1], row[0]))


def suspects(lake: Lake) -> list[Window]:
    """What is suspect still."""
    return [item.window for item in lake.ledger.suspects()]


@pytest.mark.parametrize("found_by", ["count", "file"])
async def test_what_was_published_of_a_gap_stays(lake: Lake, found_by: str) -> None:
    """P1: if the gap is let through, unless the file itself was found wrong. Both go on being told."""
    path = await published(lake, found_by)
    if found_by == "file":
        path.write_bytes(path.read_bytes()[:-10])
    gap = Gap(HOLE, 5, 4, "lost")
    sink = await lake.harvest(hours(5, 24), hours(0, 3), todo=[DAY])
    lake.ledger.record(HOLE, gaps=[gap], run=2)
    await sink.flush_with_gaps()
    stays = found_by == "count"
    assert lake.rows() == around(HOLE, rows_of(HOLE) if stays else [])
    assert lake.catalog.coverage() == ((DAY,) if stays else subtract(DAY, [HOLE]))
    assert (suspects(lake), lake.ledger.gaps()) == ([HOLE], [gap])
    assert [file.complete for file in lake.catalog.published()] == [False]
    await lake.harvest(HOLE)
    assert lake.rows() == NEW
    assert (suspects(lake), lake.ledger.gaps(), lake.catalog.coverage()) == ([], [], (DAY,))
    assert [file.complete for file in lake.catalog.published()] == [True]


async def test_what_runs_in_a_damaged_file_is_left_out(lake: Lake) -> None:
    """Nothing of such a file is carried over, and nothing of it needs to be: the rest is mended at once."""
    path = await published(lake, "file")
    path.write_bytes(path.read_bytes()[:-10])
    sink = lake.sink(DAY)
    try:
        await lake.give(sink, hours(0, 2), hours(2, 24), leave=[HOLE])
    finally:
        sink.abort()
    assert lake.rows() == around(HOLE, [])
    assert (suspects(lake), lake.catalog.coverage()) == ([HOLE], subtract(DAY, [HOLE]))
