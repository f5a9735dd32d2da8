"""What the vendor has not finished is not fetched, and nothing is deleted while more of it is to come."""

from pathlib import Path

import pytest

from harvester.emulator import ListedAccount
from tests.acceptance.files import END, START, changed, check_stored, collect, forget_calls, rows, session
from tests.acceptance.harness import bench
from tests.acceptance.test_recordings_deletion import DELETE, deletions


@pytest.mark.parametrize("tables", ["nested", "flat"])
async def test_what_is_not_finished_is_neither_fetched_nor_deleted(tmp_path: Path, tables: str) -> None:
    """A beginning kept for the whole would be all that is left; once finished it is had, and deleted."""
    begun = [
        changed(1, transcription_status="In progress"),
        changed(3, transcription_url=None),  # "Complete", and no word of where
        session(5) | {"active": True},
    ]
    async with bench(tmp_path, ListedAccount(begun)) as it:
        await it.harvest(START, END, tables=tables)
        report = await collect(it, **DELETE)
        assert (report.outcome, deletions(it)) == ("failures", [])
        assert [(entry.record_id, reason) for entry, reason in report.tally.spared] == [
            (100, "its transcript is not finished, and would never be"),
            (300, "its transcript is finished, and where it is, is not said yet"),
        ]
        assert sum(report.tally.left.values()) == 1 + 4  # a transcript, and all of the session that runs
        assert {asked.path for asked in it.emulator.files.asked if "/5/" in asked.path} == set()
        assert rows(tmp_path / "lake", "*", "kind = 'transcript'") == []
        forget_calls(tmp_path / "lake")
        for key in (1, 3, 5):
            it.account.replace(session(key))  # type: ignore[attr-defined]
        await it.harvest(START, END, tables=tables)
        report = await collect(it, **DELETE)
        assert (report.outcome, deletions(it)) == ("complete", [100, 300, 500])
        assert check_stored(it) == 3 * 4


async def test_a_recording_without_a_number_is_not_to_be_deleted(tmp_path: Path) -> None:
    """Nobody can say which one is meant."""
    async with bench(tmp_path, ListedAccount([changed(2, record_id=None), session(4)])) as it:
        await it.harvest(START, END)
        report = await collect(it, **DELETE)
        assert (report.outcome, deletions(it)) == ("complete", [400])
