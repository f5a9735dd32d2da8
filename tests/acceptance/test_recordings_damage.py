"""Files that are lost, and tables of them or of the calls that are damaged, apart or read anew."""

import asyncio
from pathlib import Path

import pytest

from harvester.emulator import Fault, Faults
from harvester.errors import LakeError
from tests.acceptance.files import (
    END,
    FILES,
    START,
    account,
    check_stored,
    collect,
    forget_calls,
    rows,
    run_of,
    session,
)
from tests.acceptance.harness import bench


async def test_a_lost_file_is_not_called_stored(tmp_path: Path) -> None:
    """A run that is stopped, or cannot have it, lists it as it is now, not as an earlier run left it."""
    async with bench(tmp_path, account()) as it:
        await it.harvest(START, END)
        await collect(it)
        first, second, *_ = sorted((tmp_path / "lake").glob("recordings/date=2024-03-30/_files/*"))
        first.unlink()
        second.unlink()
        it.emulator.files.faults = Faults((Fault("slow", share=1.0, seconds=10),))
        run = run_of(it, concurrency=1)
        asyncio.get_running_loop().call_later(5, run.stop)
        assert (await run.run()).tally.stored == 1
        (lost,) = rows(tmp_path / "lake", "path, reason", "status = 'failed'")
        assert not (tmp_path / "lake" / lost[0]).exists()
        assert lost[1] == "the file is not on disk"
        assert check_stored(it) == FILES - 1


async def test_a_lost_file_is_fetched_again(tmp_path: Path) -> None:
    """What the table calls stored and is not there, or is shorter, is asked for anew."""
    async with bench(tmp_path, account()) as it:
        await it.harvest(START, END)
        await collect(it)
        first, second, *_ = sorted((tmp_path / "lake").glob("recordings/*/_files/*"))
        first.unlink()
        second.write_bytes(b"short")
        assert (await collect(it)).tally.stored == 2
        assert check_stored(it) == FILES


@pytest.mark.parametrize("content", [b"", b"PAR1" + bytes(90) + b"PAR1"])
async def test_a_damaged_table_is_said_and_can_be_made_anew(tmp_path: Path, content: bytes) -> None:
    """Nothing is guessed of files that nobody vouches for: they are asked for again."""
    async with bench(tmp_path, account()) as it:
        await it.harvest(START, END)
        await collect(it)
        manifest = min((tmp_path / "lake").glob("recordings/*/manifest.parquet"))
        manifest.write_bytes(content)
        with pytest.raises(LakeError, match="is damaged; move it away"):
            await collect(it)
        manifest.unlink()
        assert (await collect(it)).tally.stored == 11
        assert check_stored(it) == FILES


@pytest.mark.parametrize("harm", ["gone", "of another partition", "damaged"])
async def test_flat_tables_that_do_not_belong_together_are_refused(tmp_path: Path, harm: str) -> None:
    """A table that is missing, damaged or of another partition: nothing is guessed or asked for."""
    async with bench(tmp_path, account()) as it:
        await it.harvest(START, END, tables="flat")
        first, second = sorted((tmp_path / "lake" / "calls.records").rglob("*.parquet"))
        match harm:
            case "gone":
                first.unlink()
            case "damaged":
                first.write_bytes(first.read_bytes()[:-9])
            case _:
                first.write_bytes(second.read_bytes())
        with pytest.raises(LakeError, match=r"calls\.records.* harvester verify, then harvester repair"):
            await collect(it)
        assert it.emulator.files.asked == []


async def test_a_day_whose_record_was_read_anew_keeps_its_files(tmp_path: Path) -> None:
    """A log that the history does not name any more stays stored and listed."""
    async with bench(tmp_path, account()) as it:
        await it.harvest(START, END)
        await collect(it)
        forget_calls(tmp_path / "lake")
        for key in range(1, 7):
            without = session(key)
            without.pop("log_file_url")
            it.account.replace(without)  # type: ignore[attr-defined]
        await it.harvest(START, END)
        assert (await collect(it)).meter.requests == 0
        assert check_stored(it) == FILES
