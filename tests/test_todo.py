from pathlib import Path

import pytest

from harvester.lake.entries import ProvenWindow, Suspect
from harvester.lake.layout import Granularity
from harvester.todo import damaged
from harvester.window import Gap
from tests.lake.history import hours, opened


@pytest.mark.parametrize("found_by", ["file", "count"])
def test_a_repair_reads_all_of_a_partition_with_a_gap(tmp_path: Path, found_by: str) -> None:
    """Also what was read in one window with seconds of Monday that the API counts otherwise by now."""
    with opened(tmp_path) as lake:
        run = lake.ledger.begin(hours(0, 48), 0.0)
        window, gap = hours(20, 30), Gap(hours(30, 31), 2, 1, "lost")
        proven = [ProvenWindow(window, 5), ProvenWindow(hours(31, 48), 2)]
        lake.ledger.record(hours(20, 48), proven=proven, gaps=[gap], run=run)
        lake.catalog.publish([], run, empty=[hours(0, 24)])
        changed = Suspect(hours(20, 22), found_by, "another count")
        lake.ledger.accuse(found_by, [changed], 0.0)
        todo = damaged(lake.ledger, lake.catalog, None, Granularity.DAY)
        assert todo == (hours(20, 22), hours(24, 48))
        replayed = {item.window for item in lake.ledger.proven_windows()}
        assert (window in replayed) == (found_by == "file")


def test_a_repair_leaves_what_no_gap_keeps_open(tmp_path: Path) -> None:
    """What an interrupted run began is for the next backfill."""
    with opened(tmp_path) as lake:
        run = lake.ledger.begin(hours(0, 96), 0.0)
        gap = Gap(hours(30, 31), None, 0, "lost")
        lake.ledger.record(hours(0, 96), waiting=[hours(0, 30), hours(31, 96)], gaps=[gap], run=run)
        assert damaged(lake.ledger, lake.catalog, None, Granularity.DAY) == (hours(24, 48),)
