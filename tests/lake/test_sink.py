import json
import re
from itertools import permutations
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from harvester.window import Gap
from tests.lake.history import (
    ALL,
    HISTORY,
    HOUR,
    MONDAY,
    MONDAYS_FILE,
    THURSDAYS_FILE,
    TUESDAYS_FILE,
    Lake,
    hours,
    opened,
    rows_at,
    rows_of,
)

CUTS = [(0, 7), (7, 11), (11, 37), (37, 60), (60, 80), (80, 96)]  # within days, and across them


def footer(lake: Lake, path: str) -> dict[str, Any]:
    """What a file says about itself."""
    metadata = pq.read_metadata(lake.layout.folder() / path).metadata
    return {
        key.decode().removeprefix("harvester."): value.decode()
        for key, value in metadata.items()
        if key.startswith(b"harvester.")
    }


@pytest.fixture
async def in_order(tmp_path: Path, row_group: int) -> dict[str, bytes]:
    """The files of one run that is given every window in its turn."""
    assert row_group == 10
    with opened(tmp_path / "in order") as lake:
        await lake.harvest(*(hours(*cut) for cut in CUTS))
        assert lake.rows() == rows_of(ALL)
        return lake.files()


@pytest.mark.large
@pytest.mark.parametrize("order", list(permutations(CUTS))[1::60])
async def test_windows_in_any_order_give_the_same_files(
    lake: Lake, in_order: dict[str, bytes], order: list[tuple[int, int]]
) -> None:
    """P4: byte by byte, one for each day with a record; every second is covered and every answer freed."""
    sink = await lake.harvest(*(hours(*cut) for cut in order), todo=[ALL])
    assert lake.files() == in_order
    assert lake.rows() == rows_of(ALL)
    assert lake.catalog.coverage() == (ALL,)
    assert (lake.drafts(), lake.ledger.window_starts(), lake.spool.bytes) == ([], set(), 0)
    assert (sink.unfinished, sink.held_bytes) == (0, 0)
    assert (sink.published.partitions, sink.published.rows) == (3, len(HISTORY))
    assert sink.published.bytes == sum(map(len, in_order.values()))


@pytest.mark.large
@pytest.mark.parametrize("order", list(permutations(CUTS))[::144])
async def test_a_partition_cut_by_runs_gives_the_file_of_one_run(
    lake: Lake, in_order: dict[str, bytes], order: list[tuple[int, int]]
) -> None:
    """P2: whichever part came first, only the number of the run in the footer differs."""
    for cut in order:
        await lake.harvest(hours(*cut))
        assert lake.rows() == lake.proven_rows()
    assert lake.catalog.coverage() == (ALL,)
    assert _without_run(lake.files()) == _without_run(in_order)


def _without_run(files: dict[str, bytes]) -> dict[str, bytes]:
    told = (
        rb"(harvester\.run\x18\x01)\d|(harvester\.seal\x18\x40)[0-9a-f]{64}"  # the seal is over the run too
    )
    return {path: re.sub(told, rb"\1\2", content) for path, content in files.items()}


async def test_one_window_may_fill_many_partitions(lake: Lake) -> None:
    """Whole days inside it are published at once, days at its ends wait; an empty day has no file."""
    sink = lake.sink(ALL)
    await lake.give(sink, hours(20, 90))
    assert (set(lake.files()), sink.unfinished) == ({TUESDAYS_FILE}, 2)
    assert lake.catalog.coverage() == (hours(24, 72),)
    assert lake.rows() == lake.proven_rows()
    await lake.give(sink, hours(0, 20), hours(90, 96))
    assert (set(lake.files()), sink.unfinished) == ({MONDAYS_FILE, TUESDAYS_FILE, THURSDAYS_FILE}, 0)
    assert lake.rows() == rows_of(ALL)


@pytest.mark.parametrize("order", list(permutations(range(3))))
async def test_what_runs_among_published_records_leaves_these_where_they_are(
    lake: Lake, order: tuple[int, ...]
) -> None:
    """Read anew, they wait for a later round; readers have them meanwhile, whichever window came first."""
    await lake.harvest(hours(0, 24))
    lake.history = rows_at([MONDAY + hour * HOUR for hour in range(24)], first_key=1_000)
    windows, running = [hours(0, 8), hours(8, 15), hours(15, 24)], hours(10, 12)
    sink = lake.sink(hours(0, 24))
    await lake.give(sink, *(windows[place] for place in order), leave=[running])
    new = [row for row in lake.history if row[1] not in running]
    assert lake.rows() == sorted([*new, *rows_of(running)], key=lambda row: (row[1], row[0]))
    assert lake.catalog.coverage() == (hours(0, 24),)


async def test_empty_partitions_are_covered_without_a_file(lake: Lake) -> None:
    """Proven to be empty, in one window or in several; asked again, nothing changes."""
    await lake.harvest(hours(48, 60), hours(60, 72))
    assert lake.catalog.coverage() == (hours(48, 72),)
    await lake.harvest(hours(60, 72), todo=[hours(60, 72)])
    assert (lake.files(), lake.catalog.published(), lake.drafts()) == ({}, [], [])
    assert lake.catalog.coverage() == (hours(48, 72),)


async def test_a_window_without_records_widens_what_a_file_covers(lake: Lake) -> None:
    """The rows stay; ledger and footer tell of the seconds that are proven now."""
    await lake.harvest(hours(0, 20))
    rows = lake.rows()
    assert footer(lake, MONDAYS_FILE)["covers"] == '[["2024-05-27 00:00:00", "2024-05-27 20:00:00"]]'
    await lake.harvest(hours(20, 22), hours(23, 24))
    assert lake.rows() == rows == rows_of(hours(0, 24))
    assert lake.catalog.coverage() == (hours(0, 22), hours(23, 24))
    told = footer(lake, MONDAYS_FILE)
    assert len(told.pop("seal")) == 64
    assert told == {
        "dataset": "calls",
        "covers": (
            '[["2024-05-27 00:00:00", "2024-05-27 22:00:00"], ["2024-05-27 23:00:00", "2024-05-28 00:00:00"]]'
        ),
        "complete": "true",
        "run": "2",
    }


@pytest.mark.parametrize(
    ("again", "late", "withdrawn"),
    [((5, 9), [5], (0, 0)), ((5, 9), [], (5, 9)), ((20, 80), [50], (24, 48)), ((24, 48), [], (24, 48))],
    ids=["a late record", "records withdrawn", "a day emptied, another begun", "all of a day withdrawn"],
)
async def test_seconds_that_are_read_anew_replace_the_old_ones(
    lake: Lake, again: tuple[int, int], late: list[int], withdrawn: tuple[int, int]
) -> None:
    """What the account holds now is in the files, once; around it they are as they were."""
    await lake.harvest(ALL)
    gone = range(*(MONDAY + hour * HOUR for hour in withdrawn))
    added = rows_at([MONDAY + hour * HOUR + 7 for hour in late], 1_000)
    kept = [row for row in HISTORY if row[1] not in gone]
    lake.history = sorted([*kept, *added], key=lambda row: row[1])
    await lake.harvest(hours(*again))
    assert lake.rows() == lake.history
    assert lake.catalog.coverage() == (ALL,)
    assert sum(item.rows for item in lake.catalog.published()) == len(lake.history)


@pytest.mark.parametrize("memory", [0, 100, 500])
async def test_rows_beyond_the_memory_are_replayed_from_the_spool(
    lake: Lake, in_order: dict[str, bytes], memory: int
) -> None:
    """P8: held up to the limit, decoded again beyond it; the files are the same."""
    sink = lake.sink(ALL, memory=memory)
    for cut in reversed(CUTS):
        await lake.give(sink, hours(*cut))
        assert sink.held_bytes <= memory
    assert lake.files() == in_order
    assert lake.replayed


async def test_the_youngest_partitions_are_dropped_first(lake: Lake) -> None:
    """The turn of the oldest comes first: it is published from memory, the others are replayed."""
    sink = lake.sink(ALL, memory=sum(batch.nbytes for batch in lake.answer(hours(1, 24))))
    await lake.give(sink, hours(73, 74), hours(25, 26), hours(1, 24))
    assert (sink.unfinished, sink.held_bytes, lake.replayed) == (3, sink._memory, [])
    await lake.give(sink, hours(0, 1))
    assert (set(lake.files()), lake.replayed) == ({MONDAYS_FILE}, [])
    await lake.give(sink, hours(24, 25), hours(26, 73), hours(74, 96))
    assert lake.replayed[:1] == [hours(25, 26)]
    assert lake.rows() == rows_of(ALL)


async def test_a_partition_with_a_gap_is_published_on_demand_only(lake: Lake) -> None:
    """P4: withheld; if let through, ledger and footer call it incomplete and tell what is proven."""
    sink = await lake.harvest(hours(0, 30), hours(33, 60), hours(70, 72), todo=[hours(0, 72)])
    assert set(lake.files()) == {MONDAYS_FILE}
    assert sink.unfinished == 2
    await sink.flush_with_gaps()
    assert set(lake.files()) == {MONDAYS_FILE, TUESDAYS_FILE}
    assert lake.rows() == lake.proven_rows()
    assert lake.catalog.coverage() == (hours(0, 30), hours(33, 60), hours(70, 72))
    assert [item.complete for item in lake.catalog.published()] == [True, False]
    assert [json.loads(footer(lake, path)["complete"]) for path in (MONDAYS_FILE, TUESDAYS_FILE)] == [
        True,
        False,
    ]
    assert footer(lake, TUESDAYS_FILE)["covers"] == (
        '[["2024-05-28 00:00:00", "2024-05-28 06:00:00"], ["2024-05-28 09:00:00", "2024-05-29 00:00:00"]]'
    )
    assert (sink.unfinished, lake.drafts()) == (0, [])
    await lake.harvest(hours(30, 33), hours(60, 70))
    assert lake.rows() == rows_of(hours(0, 72))
    assert [item.complete for item in lake.catalog.published()] == [True, True]


async def test_a_gap_that_is_closed_leaves_a_whole_file(lake: Lake) -> None:
    """The gap stands in the ledger until the file that closes it is published, and does not mark that one."""
    gap, runs = Gap(hours(2, 4), 9, 5, "lost"), hours(3, 4)
    lake.ledger.record(gap.window, gaps=[gap], run=lake.ledger.begin(ALL, 0.0))
    await lake.give(lake.sink(hours(0, 24)), hours(0, 24), leave=[runs])
    assert ([item.complete for item in lake.catalog.published()], lake.ledger.gaps()) == ([True], [])
    lake.ledger.record(runs, gaps=[Gap(runs, 9, 5, "lost")], run=1)
    await lake.give(lake.sink(runs), runs, leave=[runs])
    assert (lake.ledger.gaps(), lake.ledger.window_starts()) == ([], set())


async def test_nothing_to_flush_is_nothing(lake: Lake) -> None:
    """A run without gaps decides nothing at its end."""
    sink = await lake.harvest(hours(0, 24))
    await sink.flush_with_gaps()
    assert sink.published.partitions == 1


async def test_seconds_that_nobody_asked_for_are_passed_over(lake: Lake) -> None:
    """A window that an earlier, wider run left is used for its share; the rest of it is not published."""
    todo = [hours(2, 4), hours(10, 12), hours(26, 30)]
    await lake.harvest(hours(0, 26), hours(26, 28), hours(28, 90), hours(90, 96), todo=todo)
    assert lake.catalog.coverage() == tuple(todo)
    assert lake.rows() == rows_of(*todo)
    assert lake.ledger.window_starts() == {hours(at, 96).start for at in (0, 28, 90)}


async def test_a_big_partition_goes_to_disk_before_it_is_complete(lake: Lake, row_group: int) -> None:
    """P8: row groups whose turn has come are written and their memory given back; others are held."""
    sink = lake.sink(hours(0, 24))
    await lake.give(sink, hours(12, 20))
    held = sink.held_bytes
    assert (held > 0, lake.drafts()) == (True, [])
    await lake.give(sink, hours(0, 6))
    (draft,) = lake.drafts()
    assert draft.stat().st_size > row_group
    assert sink.held_bytes == held
    assert lake.files() == {}
    await lake.give(sink, hours(6, 12))
    assert sink.held_bytes == 0
    sink.abort()
    assert (lake.drafts(), lake.files()) == ([], {})
