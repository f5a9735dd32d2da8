"""After a deletion the lake holds the only copy: when it is lost, neither a run nor ``verify`` is silent."""

import shutil
from pathlib import Path

import pytest

from harvester.emulator import ListedAccount
from harvester.lake.inventory import inventory
from tests.acceptance.files import END, START, audit, check_stored, collect, rows, session
from tests.acceptance.harness import Bench, bench
from tests.acceptance.test_recordings_deletion import DELETE

LOST = "lost; the vendor was made to delete it, and has it no more"
MISSING = "the file is not there; the vendor was made to delete it, and has it no more"
OF_A_SESSION = 4  # two recordings, of which one can be deleted, its transcript, and a log


async def _deleted(it: Bench) -> dict[str, Path]:
    """Store and delete the recording of one session; the files that only the lake has, by their kind."""
    await it.harvest(START, END)
    report = await collect(it, **DELETE)
    assert (report.tally.stored, report.tally.deleted) == (OF_A_SESSION, 1)
    it.emulator.files.asked.clear()
    lake = it.folder / "lake"
    return {kind: lake / path for kind, path in rows(lake, "kind, path", "deleted_at IS NOT NULL")}


def _found(lake: Path) -> list[tuple[str, str]]:
    found = inventory(lake, whole=True, jobs=1)
    assert found is not None
    return [(finding.path.name.split(".")[0], finding.text) for finding in found.findings]


@pytest.mark.parametrize("kind", ["record", "transcript"])
async def test_a_lost_only_copy_is_a_failure_until_it_is_put_back(tmp_path: Path, kind: str) -> None:
    """Nobody is asked for it; the table keeps what it was, so the right file is known when it is back."""
    lake = tmp_path / "lake"
    async with bench(tmp_path, ListedAccount([session(1)])) as it:
        path = (await _deleted(it))[kind]
        content = path.read_bytes()
        (before,) = rows(lake, "path, bytes, sha256, deleted_at", f"kind = '{kind}' AND record_id = 100")
        for there in (None, content[:-1], content[::-1]):
            path.unlink(missing_ok=True)
            if there is not None:
                path.write_bytes(there)
            report = await collect(it, again=True)
            assert (report.outcome, [entry.reason for entry in report.tally.failed]) == ("failures", [LOST])
            assert rows(lake, "path, bytes, sha256, deleted_at", "status = 'failed'") == [before]
            ((name, text),) = _found(lake)
            assert (name, text.endswith("the vendor was made to delete it, and has it no more")) == (
                f"1-{kind}-100",
                True,
            )
        path.write_bytes(content)
        assert (await collect(it)).outcome == "complete"
        assert (_found(lake), check_stored(it), it.emulator.files.asked) == ([], OF_A_SESSION, [])


async def test_a_table_that_is_lost_does_not_make_the_only_copy_a_stray(tmp_path: Path) -> None:
    """The audit knows where it lies and what it is; of the other files, nobody vouches for them any more."""
    lake = tmp_path / "lake"
    async with bench(tmp_path, ListedAccount([session(1)])) as it:
        await _deleted(it)
        before = rows(lake, "kind, url, path, bytes, sha256, deleted_at", "deleted_at IS NOT NULL")
        next(lake.rglob("manifest.parquet")).unlink()
        assert {name for name, _ in _found(lake)}.isdisjoint({"1-record-100", "1-transcript-100"})
        report = await collect(it)
        assert (report.outcome, report.tally.held, report.tally.stored) == ("complete", 2, 2)
        assert rows(lake, "kind, url, path, bytes, sha256, deleted_at", "deleted_at IS NOT NULL") == before
        assert (_found(lake), check_stored(it)) == ([], OF_A_SESSION)
        asked = {Path(asked.path.partition("?")[0]).name for asked in it.emulator.files.asked}
        assert asked == {"leg.mp3", "log"}, "the vendor has no more what it was made to delete"


async def test_a_day_that_is_lost_is_not_forgotten(tmp_path: Path) -> None:
    """Folder, table and files: what the vendor has no more is named by verify, and by each run."""
    lake = tmp_path / "lake"
    async with bench(tmp_path, ListedAccount([session(1)])) as it:
        await _deleted(it)
        shutil.rmtree(lake / "recordings")
        assert _found(lake) == [("1-record-100", MISSING), ("1-transcript-100", MISSING)]
        for stored in (2, 0):
            report = await collect(it)
            assert (report.outcome, report.tally.stored, len(report.tally.failed)) == ("failures", stored, 2)
        assert _found(lake) == [("1-record-100", MISSING), ("1-transcript-100", MISSING)]
        assert [line["event"] for line in audit(lake)] == ["intent", "deleted"]
