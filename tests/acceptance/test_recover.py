"""A lake that lost its ledger: refused by every command, rebuilt from its files, whole after a backfill."""

import asyncio
import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from harvester.cli.main import main
from harvester.emulator import Behaviour, Fault, Faults
from harvester.errors import LakeError, LakeLockedError, LedgerDamagedError
from harvester.inspection import holdings
from harvester.lake import recover
from harvester.lake.lock import owned
from harvester.window import Window
from tests.acceptance.harness import DAY, Bench, bench
from tests.acceptance.oracle import exact
from tests.acceptance.recovering import EMPTY, END, START, day_of, history, ledger_of, recovered


def _flipped(path: Path) -> None:
    """The middle page is zeros."""
    content = bytearray(path.read_bytes())
    middle = len(content) // 2 // 4096 * 4096
    content[middle : middle + 4096] = bytes(4096)
    path.write_bytes(content)


def _truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:5_000])


def _of_a_stranger(path: Path) -> None:
    path.unlink()
    with sqlite3.connect(path) as ledger:
        ledger.execute("CREATE TABLE songs (title TEXT)")
    ledger.close()


LOSSES = {
    "deleted": Path.unlink,
    "truncated": _truncated,
    "overwritten": _flipped,
    "emptied": lambda path: path.write_bytes(b""),
    "no database": lambda path: path.write_bytes(b"anything" * 1_000),
    "another's": _of_a_stranger,
}


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
async def test_a_lost_ledger_is_refused_and_rebuilt(tmp_path: Path, loss: Callable[[Path], object]) -> None:
    """No command begins anew; afterwards only seconds without a file are asked for, and the lake is equal."""
    account = history()
    async with bench(tmp_path, account) as it:
        await it.harvest(START, END)
        files = {path: path.read_bytes() for path in (tmp_path / "lake" / "calls").rglob("*.parquet")}
        loss(ledger_of(it))
        remains = ledger_of(it).read_bytes() if ledger_of(it).exists() else None
        it.emulator.reset()
        with pytest.raises(LedgerDamagedError, match="harvester recover"):
            await it.harvest(START, END)
        with pytest.raises(LedgerDamagedError, match="harvester recover"):
            holdings(tmp_path / "lake")
        assert it.emulator.requests == []
        recovery = recovered(it)
        assert (recovery.aside, len(recovery.datasets)) == ((), 1)
        (found,) = recovery.datasets
        assert (found.files, found.rows) == (4, account.total)
        assert found.coverage == (Window(START, EMPTY.start), Window(EMPTY.end, END))
        if remains is not None:
            assert recovery.kept is not None
            assert (recovery.kept / "ledger.sqlite").read_bytes() == remains
        report = await it.harvest(START, END)
        assert {(item.start, item.end) for item in it.emulator.requests} <= {
            (EMPTY.start - before, EMPTY.end + after) for before in (0, 1) for after in (-1, 0, 1)
        }
        assert (report.outcome, report.rows) == ("complete", 0)
        assert it.verdict(START, END) == exact(account.total)
        assert {path: path.read_bytes() for path in files} == files
        (holding,) = holdings(tmp_path / "lake")
        assert holding.coverage == (Window(START, END),)
        assert [run.outcome for run in holding.runs] == ["complete", "recovered"]
        with pytest.raises(LakeError, match="is sound"):
            recovered(it)


@pytest.mark.large
@pytest.mark.parametrize("partition", ["hour", "day", "month"])
async def test_every_partition_and_every_name(tmp_path: Path, partition: str) -> None:
    """Two datasets of one lake, also cut in the middle of a partition, are recovered under their names."""
    account = history()
    async with bench(tmp_path, account) as it:
        sales = {"name": "sales", "partition": partition, "switches": {"records": False}}
        await it.harvest(START, END - 1_800, partition=partition)
        await it.harvest(START + 1_800, START + DAY + 1_800, **sales)
        ledger_of(it).unlink()
        recovery = recovered(it)
        assert ([item.name for item in recovery.datasets], recovery.aside) == (["calls", "sales"], ())
        assert recovery.datasets[1].coverage == (Window(START + 1_800, START + DAY + 1_800),)
        with pytest.raises(LakeError, match="was started otherwise: records is off there and on here"):
            await it.harvest(START, END, name="sales", partition=partition)
        it.emulator.reset()
        assert (await it.harvest(START + 1_800, START + DAY + 1_800, **sales)).covered
        assert it.emulator.requests == []
        await it.harvest(START, END, partition=partition)
        assert it.verdict(START, END) == exact(account.total)


async def test_a_gap_that_was_let_through_stays_one(tmp_path: Path) -> None:
    """The file's mark outlives the ledger: its seconds are asked for again."""
    account = history()
    async with bench(tmp_path, account) as it:
        await it.harvest(START, START + 5 * 3_600, partition="month")
        it.emulator.faults = Faults((Fault("wrong_total", share=1.0),))
        await it.harvest(START, START + 10 * 3_600, partition="month")
        it.emulator.faults = Faults()
        await it.harvest(START + 12 * 3_600, END, partition="month", allow_gaps=True)
        ledger_of(it).unlink()
        (found,) = recovered(it).datasets
        (holding,) = holdings(tmp_path / "lake")
        assert (holding.incomplete, [gap.window.start for gap in holding.gaps]) == (1, [START + 5 * 3_600])
        report = await it.harvest(START, END, partition="month")
        assert (report.outcome, found.files) == ("complete", 1)
        assert it.verdict(START, END) == exact(account.total)


async def test_the_spool_is_kept_and_not_believed(tmp_path: Path) -> None:
    """Answers whose windows nobody knows are set aside; what they would have proven is asked for again."""
    account = history()
    async with bench(tmp_path, account, Behaviour()) as it:
        it.emulator.faults = Faults((Fault("wrong_total", share=1.0),))
        await it.harvest(START, END)
        it.emulator.faults = Faults()
        spool = tmp_path / "lake" / "_harvester" / "spool"
        (spool / "calls" / "7.spool").write_bytes(b"an answer")
        ledger_of(it).write_bytes(b"")
        (tmp_path / "lake" / "_harvester" / "ledger.sqlite-wal").write_bytes(b"what is left")
        recovery = recovered(it)
        assert recovery.kept is not None
        assert (recovery.kept / "spool" / "calls" / "7.spool").read_bytes() == b"an answer"
        assert recovery.answers == (recovery.kept / "spool",)
        assert (recovery.kept / "ledger.sqlite-wal").read_bytes() == b"what is left"
        await it.harvest(START, END)
        assert it.verdict(START, END) == exact(account.total)


async def test_recovering_twice_and_after_a_crash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut off at any rename, it leaves a lake that is refused, and can be recovered; nothing is lost."""
    account = history()
    async with bench(tmp_path, account) as it:
        await it.harvest(START, END)
        _flipped(ledger_of(it))
        work = Path.replace
        for survived in range(3):
            left = iter(range(survived))

            def die(path: Path, target: Path, left: object = left) -> Path:
                if next(left, None) is None:  # type: ignore[call-overload]  # an iterator, of course
                    raise KeyboardInterrupt
                return work(path, target)

            monkeypatch.setattr(Path, "replace", die)
            with pytest.raises(KeyboardInterrupt):
                recovered(it)
            monkeypatch.undo()
            with pytest.raises(LedgerDamagedError):
                holdings(tmp_path / "lake")
        assert recovered(it).datasets[0].rows == account.total
        kept = list((tmp_path / "lake" / "_harvester").glob("before-recover-*/ledger.sqlite"))
        assert len(kept) == 1


async def test_the_new_ledger_is_there_to_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its name is durable when recover ends: a power cut would take it back, and what was written since."""
    durable: dict[Path, set[str]] = {}

    def sync(folder: Path) -> None:
        durable[folder] = {path.name for path in folder.iterdir()}

    async with bench(tmp_path, history()) as it:
        await it.harvest(START, START + DAY)
        ledger_of(it).unlink()
        monkeypatch.setattr(recover, "sync_folder", sync)
        recovered(it)
        assert "ledger.sqlite" in durable[ledger_of(it).parent]


async def test_recover_owns_the_lake(tmp_path: Path) -> None:
    """It waits for nobody, and a folder with nothing to recover is refused."""
    async with bench(tmp_path, history()) as it:
        with pytest.raises(LakeError, match="harvester backfill makes a lake"):
            recovered(it)
        await it.harvest(START, END)
        ledger_of(it).unlink()
        with owned(tmp_path / "lake" / "_harvester" / "lock", started=0.0), pytest.raises(LakeLockedError):
            recovered(it)
        shutil.rmtree(tmp_path / "lake" / "_harvester")
        (tmp_path / "lake" / "_harvester").touch()
        with pytest.raises(LakeError, match="cannot be written"):
            recovered(it)
        (tmp_path / "lake" / "_harvester").unlink()
        assert recovered(it).kept is None


async def _harvested(folder: Path) -> Bench:
    async with bench(folder, history()) as it:
        await it.harvest(START, END)
        return it


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its codes: 2 for a sound ledger, 3 if a file was left aside, 0 if none; and what it prints."""
    lake = ["--lake", str(tmp_path / "lake")]
    it = asyncio.run(_harvested(tmp_path))
    assert main(["recover", *lake]) == 2
    assert "harvester verify" in capsys.readouterr().err
    _truncated(ledger_of(it))
    for command in (["status"], ["verify"], ["repair", "--credentials", str(tmp_path / "key.json")]):
        assert main([*command, *lake]) == 2
        assert "harvester recover" in capsys.readouterr().err
    stray = day_of(it, 0).with_name("copy.parquet")
    stray.write_bytes(day_of(it, 0).read_bytes())
    assert main(["recover", *lake, "--json", "--quiet"]) == 3
    result = json.loads(capsys.readouterr().out)
    assert [item["path"] for item in result["aside"]] == [str(stray.relative_to(tmp_path / "lake"))]
    assert Path(result["kept"], "ledger.sqlite").stat().st_size == 5_000
    assert result["answers"] == []
    stray.unlink()
    ledger_of(it).unlink()
    assert main(["recover", *lake]) == 0
    told = capsys.readouterr()
    assert "covered  [2024-03-27 00:00:00, 2024-03-29 00:00:00)" in told.out
    assert main(["verify", *lake]) == 0
    assert (told.err, capsys.readouterr().err) == ("", ""), "a bar is for terminals"
