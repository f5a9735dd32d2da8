"""What the vendor has not finished is not fetched, and nothing is deleted while more of it is to come."""

from pathlib import Path

import pytest

from harvester.emulator import Behaviour, Fault, Faults, ListedAccount
from tests.acceptance.files import END, START, changed, check_stored, collect, forget_calls, rows, session
from tests.acceptance.harness import bench
from tests.acceptance.test_recordings_deletion import DELETE, deletions


@pytest.mark.parametrize("tables", ["nested", "flat"])
async def test_what_is_not_finished_is_neither_fetched_nor_deleted(tmp_path: Path, tables: str) -> None:
    """A beginning kept for the whole would be all that is left; once finished it is had, and deleted."""
    begun = [
        changed(1, transcription_status="In progress"),
        changed(3, transcription_url=None),  # "Complete", and no word of where
    ]
    async with bench(tmp_path, ListedAccount(begun)) as it:
        await it.harvest(START, END, tables=tables)
        report = await collect(it, **DELETE)
        assert (report.outcome, deletions(it)) == ("failures", [])
        assert [(entry.record_id, reason) for entry, reason in report.tally.spared] == [
            (100, "its transcript is not finished, and would never be"),
            (300, "its transcript is finished, and where it is, is not said yet"),
        ]
        assert sum(report.tally.left.values()) == 1
        assert rows(tmp_path / "lake", "*", "kind = 'transcript'") == []
        forget_calls(tmp_path / "lake")
        for key in (1, 3):
            it.account.replace(session(key))  # type: ignore[attr-defined]
        await it.harvest(START, END, tables=tables)
        report = await collect(it, **DELETE)
        assert (report.outcome, deletions(it)) == ("complete", [100, 300])
        assert check_stored(it) == 2 * 4


async def test_a_recording_without_a_number_is_not_to_be_deleted(tmp_path: Path) -> None:
    """Nobody can say which one is meant."""
    async with bench(tmp_path, ListedAccount([changed(2, record_id=None), session(4)])) as it:
        await it.harvest(START, END)
        report = await collect(it, **DELETE)
        assert (report.outcome, deletions(it)) == ("complete", [400])


@pytest.mark.parametrize("fails", ["", "gone", "for a while"])
async def test_what_a_call_has_while_it_runs_is_fetched_again_when_it_has_ended(
    tmp_path: Path, fails: str
) -> None:
    """It may run for ever and its files expire, so they are had; but a beginning is no proof of the whole."""
    async with bench(tmp_path, ListedAccount([session(5, active=True)]), Behaviour(file_bytes=1_000)) as it:
        await it.harvest(START, END)
        for stored in (4, 0):
            report = await collect(it, **DELETE)
            assert (report.outcome, report.tally.stored, deletions(it)) == ("failures", stored, [])
            ((_, reason),) = report.tally.spared
            assert reason == "its call was still running when the history was read"
        forget_calls(tmp_path / "lake")
        it.account.replace(session(5))  # type: ignore[attr-defined]
        await it.harvest(START, END)
        it.emulator.behaviour = Behaviour(file_bytes=2_000, recording_days=1 if fails == "gone" else None)
        if fails == "for a while":
            it.emulator.files.faults = Faults((Fault("redirect", share=1.0),))
        report = await collect(it, **DELETE)
        if fails:
            assert (report.outcome, deletions(it)) == ("failures", [])
            ((_, reason),) = report.tally.spared
            assert reason.startswith("its record was fetched while its call still ran")
            assert (
                rows(tmp_path / "lake", "*", "kind <> 'log' AND (status <> 'stored' OR bytes <> 1000)") == []
            )
            it.emulator.files.faults = Faults()
            report = await collect(it, **DELETE)
        if fails == "gone":
            assert (report.outcome, report.meter.requests, deletions(it)) == ("failures", 0, [])
        else:
            assert (report.outcome, deletions(it), check_stored(it)) == ("complete", [500], 4)
