"""``verify`` finds whatever is no longer what was proven; ``repair`` reads that anew, and nothing else."""

import dataclasses
import hashlib
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from harvester.emulator import Fault, Faults
from harvester.errors import LakeError, LakeLockedError
from harvester.lake.catalog import Catalog
from harvester.lake.lock import owned
from harvester.window import Window
from tests.acceptance.damage import cut_short, flip
from tests.acceptance.harness import DAY, bench
from tests.acceptance.oracle import exact
from tests.acceptance.verifying import END, ROWS, START, day_of, history, record, repair, verify

pytestmark = pytest.mark.large


def _swap(path: Path) -> None:
    """Its place is taken by a younger day's file."""
    other = max(path.parent.parent.rglob("*.parquet"))
    path.write_bytes(other.read_bytes())


DAMAGES = {
    "first byte": flip(0),
    "a third": flip(0.3),
    "the footer": flip(0.97),
    "last byte": flip(1),
    "cut short": cut_short,
    "empty": lambda path: path.write_bytes(b""),
    "gone": Path.unlink,
    "another day's": _swap,
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
async def test_a_damaged_file_is_found_and_mended(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    """The file is named; repair asks for its day alone, and the lake is whole again."""
    account = history()
    async with bench(tmp_path, account) as it:
        await it.harvest(START, END)
        assert (await verify(it)).is_sound
        damage(day_of(it, 1))
        (finding,) = (await verify(it)).findings
        assert tmp_path / "lake" / finding.path == day_of(it, 1)
        assert finding.windows == (Window(START + DAY, START + 2 * DAY),)
        it.emulator.reset()
        report = await repair(it)
        assert report is not None
        assert (report.outcome, report.partitions, len(it.emulator.requests)) == ("complete", 1, 1)
        assert it.verdict(START, END) == exact(account.total)
        assert (await verify(it)).is_sound
        assert await repair(it) is None


async def test_a_sound_lake_is_left_alone(tmp_path: Path) -> None:
    """Verify finds nothing, asks for nothing, and there is nothing to repair."""
    async with bench(tmp_path, history()) as it:
        await it.harvest(START, END)
        it.emulator.reset()
        steps: list[tuple[str, int, int]] = []
        result = await verify(it, step=lambda *step: steps.append(step))
        assert (result.files, result.rows, result.findings, result.gaps) == (4, ROWS + 4, (), ())
        assert steps[-1] == ("files", 4, 4)
        assert await repair(it) is None
        assert it.emulator.requests == []


async def test_a_stray_file_is_named_and_never_touched(tmp_path: Path) -> None:
    """Readers would see it; what to do about it is the user's to decide."""
    async with bench(tmp_path, history()) as it:
        await it.harvest(START, END)
        stray = day_of(it, 0).with_name("copy.parquet")
        stray.write_bytes(day_of(it, 0).read_bytes())
        (finding,) = (await verify(it)).findings
        assert (tmp_path / "lake" / finding.path, finding.windows) == (stray, ())
        assert await repair(it) is None
        assert stray.exists()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("UPDATE published SET rows = rows + 1 WHERE start = {start}", "ledger of 146"),
        ("UPDATE coverage SET start = start + 60", "harvester.covers"),
        ("UPDATE lake SET account_id = 7", "harvester.account_id"),
        ("UPDATE published SET complete = 0 WHERE start = {start}", "harvester.complete"),
    ],
)
async def test_a_ledger_that_lies_is_found(tmp_path: Path, change: str, told: str) -> None:
    """What the ledger says of a file must be what the file says of itself."""
    async with bench(tmp_path, history()) as it:
        await it.harvest(START, END)
        with sqlite3.connect(tmp_path / "lake" / "_harvester" / "ledger.sqlite") as ledger:
            ledger.execute(change.format(start=START))
        ledger.close()
        findings = (await verify(it)).findings
        assert told in findings[0].text


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("SELECT * FROM day UNION ALL BY NAME (SELECT * FROM day LIMIT 1)", "footer tells of 146 rows"),
        ("SELECT * FROM day ORDER BY start_date DESC", "harvester."),
    ],
)
async def test_rows_that_were_tampered_with_are_found(tmp_path: Path, query: str, told: str) -> None:
    """Even if whoever did it made the ledger agree with the new bytes."""
    async with bench(tmp_path, history()) as it:
        await it.harvest(START, END)
        path = day_of(it, 0)
        database = duckdb.connect()
        database.execute(
            f"CREATE TABLE day AS SELECT * FROM read_parquet('{path}', hive_partitioning = false)"
        )
        database.execute(f"COPY ({query}) TO '{path}' (FORMAT parquet)")
        _legalise(tmp_path, path)
        (finding,) = (await verify(it)).findings
        assert told in finding.text


def _legalise(folder: Path, path: Path) -> None:
    content = path.read_bytes()
    values = (len(content), hashlib.sha256(content).hexdigest(), str(path.relative_to(folder / "lake")))
    with sqlite3.connect(folder / "lake" / "_harvester" / "ledger.sqlite") as ledger:
        ledger.execute("UPDATE published SET bytes = ?, sha256 = ? WHERE path = ?", values)
    ledger.close()


async def test_a_gap_is_mended_when_the_api_has_recovered(tmp_path: Path) -> None:
    """Repair asks for the gap alone; what waited for it is published with it, without a request."""
    account = history()
    wrong = Faults((Fault("wrong_total", share=1.0),))
    async with bench(tmp_path, account, faults=wrong) as it:
        first = await it.harvest(START, END, partition="month")
        assert first.outcome == "gaps"
        assert not (await verify(it)).is_sound
        it.emulator.faults = Faults()
        it.emulator.reset()
        report = await repair(it)
        assert report is not None
        assert (report.outcome, report.gaps) == ("complete", ())
        assert it.verdict(START, END) == exact(account.total)
        covered = [window for gap in first.gaps for window in [gap.window]]
        asked = it.emulator.requests
        assert len(asked) <= len(covered) + 1


async def test_keys_in_two_files_are_found(tmp_path: Path) -> None:
    """A session whose time changed between two runs is in two days' files; both are read anew."""
    account = history()
    async with bench(tmp_path, account) as it:
        await it.harvest(START, START + 2 * DAY)
        account.replace(record(10, START + 3 * DAY + 7))
        await it.harvest(START, END)
        findings = (await verify(it)).findings
        assert [tmp_path / "lake" / item.path for item in findings] == [day_of(it, 0), day_of(it, 3)]
        await repair(it)
        assert (await verify(it)).is_sound
        assert it.verdict(START, END) == exact(account.total)


async def test_verify_owns_the_lake_meanwhile(tmp_path: Path) -> None:
    """Files must not change under it."""
    async with bench(tmp_path, history()) as it:
        await it.harvest(START, END)
        with (
            owned(tmp_path / "lake" / "_harvester" / "lock", started=time.time()),
            pytest.raises(LakeLockedError),
        ):
            await verify(it)
        with pytest.raises(LakeError, match="no dataset 'other'"):
            await verify(it, name="other")
        with pytest.raises(LakeError, match="not a lake"):
            await verify(dataclasses.replace(it, folder=_other(tmp_path)))


def _other(folder: Path) -> Path:
    other = folder / "other"
    other.mkdir()
    (other / "key.json").write_bytes((folder / "key.json").read_bytes())
    (other / "key.json").chmod(0o600)
    return other


async def test_a_publication_cut_short_is_no_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a kill left between its rename and the ledger is finished first, then looked at."""

    def killed(*_: object, **__: object) -> None:
        raise OSError("killed right here")

    async with bench(tmp_path, history()) as it:
        monkeypatch.setattr(Catalog, "publish", killed)
        with pytest.RaisesGroup(OSError, flatten_subgroups=True):
            await it.harvest(START, END)
        monkeypatch.undo()
        result = await verify(it)
        assert (result.findings, result.files > 0) == ((), True)
