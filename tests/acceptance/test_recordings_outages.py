"""Files that a host does not give: when it is taken for down, and what of that stays for the next run."""

import asyncio
import json
from pathlib import Path

import pytest

from harvester.emulator import Fault, Faults, SyntheticAccount
from harvester.errors import RefusedError
from tests.acceptance.files import END, FILES, START, account, check_stored, collect, rows, run_of
from tests.acceptance.harness import DAY, bench


async def test_a_token_that_is_refused_ends_the_run(tmp_path: Path) -> None:
    """A key that was revoked is no reason to try every file, or to list one as gone."""
    async with bench(tmp_path, account()) as it:
        await it.harvest(START, END)
        run_of(it)
        it.emulator.revoke(load_key(tmp_path))
        with pytest.RaisesGroup(pytest.RaisesExc(RefusedError, match="code 401"), flatten_subgroups=True):
            await collect(it, concurrency=1)
        assert rows(tmp_path / "lake", "status, http_status") == [("failed", 401)]


@pytest.mark.parametrize("kind", ["http_503", "hang_up"])
async def test_a_host_that_is_down_is_given_up_and_the_next_run_goes_on(tmp_path: Path, kind: str) -> None:
    """An hour of trying ends: what was not had is failed, for now; the next run has it, and lists it all."""
    async with bench(tmp_path, account()) as it:
        await it.harvest(START, END)
        it.emulator.files.faults = Faults((Fault(kind, requests=range(6, 9999)),))
        report = await collect(it, concurrency=2)
        missing = len(report.tally.failed) + sum(report.tally.left.values())
        assert (report.outcome, report.tally.stored, missing) == ("failures", 5, FILES - 5)
        assert report.meter.requests < 200
        assert asyncio.get_running_loop().time() < 3600
        it.emulator.files.faults = Faults()
        assert (await collect(it)).outcome == "complete"
        assert check_stored(it) == FILES


async def test_files_in_a_row_that_fail_tell_that_a_host_is_down(tmp_path: Path) -> None:
    """After 25 of them nothing more is asked by this run; what failed once is no such sign in the next."""
    async with bench(tmp_path, SyntheticAccount(90, START, START + DAY, seed=4)) as it:
        await it.harvest(START, END)
        it.emulator.files.faults = Faults((Fault("http_500", share=1.0),))
        report = await collect(it, kinds=("log",))
        asked = len(it.emulator.files.asked)
        assert 4 * 25 <= asked <= 4 * (25 + 8)
        assert 25 <= len(report.tally.failed) <= 25 + 8
        ((reason, left),) = report.tally.left.items()
        assert "failed for 25 files in a row" in reason
        assert left > 40
        again = await collect(it, kinds=("log",))
        before, now = ({entry.identity for entry in one.tally.failed} for one in (report, again))
        assert before.isdisjoint(now), "others do not wait for what failed before"
        assert sum(again.tally.left.values()) == len(before) + left - len(now)
        for _ in range(left // 25):
            again = await collect(it, kinds=("log",))
        assert (len(again.tally.failed), again.tally.left) == (len(before) + left, {})


@pytest.mark.parametrize("kind", ["http_500", "http_503", "hang_up"])
async def test_a_file_that_the_server_fails_for_keeps_no_other(tmp_path: Path, kind: str) -> None:
    """One file that never comes is failed, all others are stored, also those of the next day."""
    broken = Fault(kind, share=1.0, when=lambda asked: asked["path"].endswith("/2/leg.mp3"))
    async with bench(tmp_path, account()) as it:
        await it.harvest(START, END)
        it.emulator.files.faults = Faults((broken,))
        first = await collect(it, concurrency=2)
        # A connection that breaks may be the host's fault, so the first run cannot tell; the second can.
        report = await collect(it, concurrency=2) if first.tally.left else first
        assert (kind == "hang_up") == bool(first.tally.left)
        assert [entry.key for entry in report.tally.failed] == [2]
        assert check_stored(it) == FILES - 1
        it.emulator.files.faults = Faults()
        assert (await collect(it)).outcome == "complete"
        assert check_stored(it) == FILES


def load_key(folder: Path) -> str:
    """The id of the key in use."""
    return str(json.loads((folder / "key.json").read_text())["key_id"])
