"""Files in the workshop that are not the program's, and links in the place of those that are."""

from pathlib import Path

from harvester.lake.recover import rebuild
from tests.acceptance.files import END, FILES, START, account, check_stored, collect
from tests.acceptance.harness import bench

FOLDERS = ("spool/calls/5.spool", "tmp/calls/x.1.draft", "tmp/calls/calls-2024-05-28.1.draft")
FILES_THERE = (
    "spool/calls/copy.spool",
    "tmp/calls/x.2.draft",
    "recordings/partial/notes.marks",
    "quarantine/calls/notes.txt",
)


async def test_what_somebody_put_into_the_workshop_ends_no_run(tmp_path: Path) -> None:
    """F46: neither a backfill, nor the files behind it, nor ``recover``; and it is not deleted."""
    workshop = tmp_path / "lake" / "_harvester"
    for name in FOLDERS:
        (workshop / name / "within").mkdir(parents=True)
    for name in FILES_THERE:
        (workshop / name).parent.mkdir(parents=True, exist_ok=True)
        (workshop / name).write_text("somebody's")
    async with bench(tmp_path, account()) as it:
        assert (await it.harvest(START, END)).outcome == "complete"
        report = await collect(it)
        assert (report.outcome, check_stored(it)) == ("complete", FILES)
        (workshop / "ledger.sqlite").unlink()
        assert rebuild(tmp_path / "lake", now=it.now()).aside == ()
        assert (await it.harvest(START, END)).outcome == "complete"
    (aside,) = workshop.glob("before-recover-*")
    for name in (*FOLDERS, *FILES_THERE):
        place = aside if name.startswith("spool") else workshop
        assert (place / name / "within").is_dir() if name in FOLDERS else (place / name).is_file(), name
