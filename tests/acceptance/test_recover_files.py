"""Files that ``recover`` leaves aside: those that are not sound, or claim more than was proven."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from harvester.window import Window, as_text
from tests.acceptance.damage import flip
from tests.acceptance.harness import DAY, bench
from tests.acceptance.oracle import exact
from tests.acceptance.recovering import EMPTY, END, START, day_of, history, ledger_of, recovered


def _unmarked(path: Path) -> None:
    """Written by another program from the same rows."""
    table = pq.read_table(path, partitioning=None)
    pq.write_table(table.replace_schema_metadata(None), path)


DAMAGES = {
    "a page": flip(0.3),
    "the footer": flip(0.97),
    "first byte": flip(0),
    "last byte": flip(1),
    "cut short": lambda path: path.write_bytes(path.read_bytes()[:-9]),
    "empty": lambda path: path.write_bytes(b""),
    "another's": _unmarked,
    "another day's": lambda path: shutil.copy(min(path.parent.parent.rglob("*.parquet")), path),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
async def test_what_is_not_sound_is_left_aside(tmp_path: Path, damage: Callable[[Path], object]) -> None:
    """It is named and not touched; the next backfill asks for its day alone, and replaces it."""
    account = history()
    async with bench(tmp_path, account) as it:
        await it.harvest(START, EMPTY.start)
        damage(day_of(it, 1))
        content = day_of(it, 1).read_bytes()
        ledger_of(it).unlink()
        recovery = recovered(it)
        assert [tmp_path / "lake" / item.path for item in recovery.aside] == [day_of(it, 1)]
        assert day_of(it, 1).read_bytes() == content
        assert recovery.datasets[0].coverage == (Window(START, START + DAY),)
        it.emulator.reset()
        await it.harvest(START, EMPTY.start)
        assert len(it.emulator.requests) == 1
        assert it.verdict(START, EMPTY.start) == exact(len(list(account.sessions(START, EMPTY.start))))


async def test_a_footer_cannot_claim_more_than_was_proven(tmp_path: Path) -> None:
    """One changed digit in what it says it covers breaks the seal: no second is passed over for it."""
    account = history()
    async with bench(tmp_path, account) as it:
        await it.harvest(START, START + DAY // 2)
        path = day_of(it, 0)
        assert b' 12:00:00"' in path.read_bytes()
        path.write_bytes(path.read_bytes().replace(b' 12:00:00"', b' 13:00:00"'))
        ledger_of(it).unlink()
        (finding,) = recovered(it).aside
        assert "they carry no seal, or were changed" in finding.text
        await it.harvest(START, END)
        assert it.verdict(START, END) == exact(account.total)


async def test_files_left_aside_give_way_to_nothing(tmp_path: Path) -> None:
    """If their seconds turn out to hold no session today, readers see their rows no longer."""
    account = history()
    async with bench(tmp_path, account) as it:
        await it.harvest(START, END)
        for session in list(account.sessions(START, START + 2 * DAY)):
            account.remove(int(str(session["call_session_history_id"])))
        for day in (0, 1):
            flip(0.3)(day_of(it, day))
        ledger_of(it).unlink()
        assert len(recovered(it).aside) == 2
        await it.harvest(START, END)
        assert it.verdict(START, END) == exact(account.total)


async def test_keys_in_two_files_prove_neither(tmp_path: Path) -> None:
    """A session whose time changed between two runs: both days are read anew."""
    account = history()
    async with bench(tmp_path, account) as it:
        await it.harvest(START, START + DAY)
        account.replace(
            {"call_session_history_id": 10, "start_date": as_text(START + 4 * DAY + 7), "duration": 5}
        )
        await it.harvest(START, END)
        ledger_of(it).unlink()
        recovery = recovered(it)
        assert [tmp_path / "lake" / item.path for item in recovery.aside] == [day_of(it, 0), day_of(it, 4)]
        await it.harvest(START, END)
        assert it.verdict(START, END) == exact(account.total)
