"""Files that end early, and runs that do: what is missing is asked for, and no byte of it twice."""

import asyncio
from pathlib import Path

import pandas as pd
import pytest

from harvester.emulator import Behaviour, Fault, Faults
from harvester.errors import LakeLockedError
from harvester.lake.database import Database
from tests.acceptance.files import END, FILES, START, account, check_stored, collect, run_of
from tests.acceptance.harness import bench


async def test_a_short_body_is_found_and_gone_on_with(tmp_path: Path) -> None:
    """Half a body is no file; the rest is asked for by its range, and no byte comes twice."""
    behaviour = Behaviour(file_bytes=200_000)
    async with bench(tmp_path, account(), behaviour) as it:
        await it.harvest(START, END)
        it.emulator.files.faults = Faults((Fault("short_body", requests=range(1, 9)),))
        report = await collect(it)
        assert report.outcome == "complete"
        assert check_stored(it) == FILES
        assert sum(asked.sent for asked in it.emulator.files.asked) == FILES * 200_000
        ranges = {asked.range for asked in it.emulator.files.asked}
        assert {"", "bytes=100000-"} <= ranges


async def test_a_body_that_never_ends_well_is_listed_as_failed(tmp_path: Path) -> None:
    """A file that cannot be had whole is not stored, is named with its reason, and tried by the next run."""
    broken = Fault(
        "short_body", share=1.0, when=lambda asked: "leg" in asked["path"] and "/1/" in asked["path"]
    )
    async with bench(tmp_path, account(), Behaviour(ranges=False)) as it:
        await it.harvest(START, END)
        it.emulator.files.faults = Faults((broken,))
        report = await collect(it)
        assert (report.outcome, len(report.tally.failed)) == ("failures", 1)
        assert "the body ends early" in str(report.tally.failed[0].reason)
        assert check_stored(it) == FILES - 1
        it.emulator.files.faults = Faults()
        report = await collect(it)
        assert (report.outcome, report.meter.requests, check_stored(it)) == ("complete", 1, FILES)


@pytest.mark.parametrize(
    "behaviour",
    [
        Behaviour(ranges=False, file_bytes=90_001),
        Behaviour(etags=False, file_bytes=90_001),
        Behaviour(lengths=False),
        Behaviour(file_bytes=0),
    ],
    ids=["no ranges", "no etags", "no lengths", "empty"],
)
async def test_whatever_the_server_knows(tmp_path: Path, behaviour: Behaviour) -> None:
    """Without ranges, or without a way to tell the file's state, it starts over; the bytes are right."""
    async with bench(tmp_path, account(), behaviour) as it:
        await it.harvest(START, END)
        it.emulator.files.faults = Faults(
            (Fault("hang_up", requests=(2, 5)), Fault("short_body", requests=(3,)))
        )
        assert (await collect(it)).outcome == "complete"
        assert check_stored(it) == FILES


async def test_a_file_that_changed_meanwhile_is_started_anew(tmp_path: Path) -> None:
    """Two states of a file are never joined into one."""
    async with bench(tmp_path, account(), Behaviour(file_bytes=200_000)) as it:
        await it.harvest(START, END)
        it.emulator.files.faults = Faults((Fault("stalled_body", share=1.0),))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5):
                await collect(it)
        it.emulator.files.faults = Faults()
        it.emulator.behaviour = Behaviour(file_bytes=200_001)
        assert (await collect(it)).outcome == "complete"
        assert check_stored(it) == FILES


async def test_cut_off_a_run_goes_on_at_the_byte(tmp_path: Path) -> None:
    """Cancelled while bodies come, the next run asks for what is missing of them, and for no byte twice."""
    size = 300_000
    async with bench(tmp_path, account(), Behaviour(file_bytes=size)) as it:
        await it.harvest(START, END)
        it.emulator.files.faults = Faults((Fault("stalled_body", requests=range(5, 999)),))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5):
                await collect(it, concurrency=3)
        begun = sum(asked.sent for asked in it.emulator.files.asked)
        it.emulator.files.faults = Faults()
        assert (await collect(it, concurrency=3)).outcome == "complete"
        assert check_stored(it) == FILES
        assert begun == 4 * size + 3 * size // 2
        assert sum(asked.sent for asked in it.emulator.files.asked) == FILES * size


async def test_stopped_it_ends_well_and_the_next_run_goes_on(tmp_path: Path) -> None:
    """The first signal lets the files under way be finished and listed; nothing is asked for twice."""
    async with bench(tmp_path, account()) as it:
        await it.harvest(START, END)
        it.emulator.files.faults = Faults((Fault("slow", share=1.0, seconds=10),))
        run = run_of(it, concurrency=2)
        async with asyncio.TaskGroup() as group:
            done = group.create_task(run.run())
            await asyncio.sleep(15)
            run.stop()
        assert (done.result().outcome, check_stored(it)) == ("interrupted", 4)
        assert (await collect(it)).outcome == "complete"
        assert (check_stored(it), len(it.emulator.files.asked)) == (FILES, FILES)


async def test_a_run_that_is_followed_by_another_writes_nothing_more(tmp_path: Path) -> None:
    """P6: when the lake was taken over, no file, no note and no table comes from the owner before."""
    async with bench(tmp_path, account()) as it:
        await it.harvest(START, END)
        it.emulator.files.faults = Faults((Fault("slow", requests=range(4, 99), seconds=10),))
        run = run_of(it, concurrency=1)
        with pytest.RaisesGroup(pytest.RaisesExc(LakeLockedError), flatten_subgroups=True):
            async with asyncio.TaskGroup() as group:
                group.create_task(run.run())
                await asyncio.sleep(5)
                with Database.open(tmp_path / "lake" / "_harvester" / "ledger.sqlite"):
                    pass
        lake = tmp_path / "lake"
        assert len(list(lake.glob("recordings/*/_files/*"))) == 3
        assert rows_if_any(tmp_path) == 0
        it.emulator.files.faults = Faults()
        assert (await collect(it)).tally.held == 3
        assert check_stored(it) == FILES


def rows_if_any(folder: Path) -> int:
    """How many files are listed."""
    return sum(len(pd.read_parquet(path)) for path in folder.glob("lake/recordings/**/*.parquet"))
