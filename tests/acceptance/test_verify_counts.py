"""``verify`` asks the API to count again: what came or went since is found, whatever its bounds mean."""

import json
import shutil
import sqlite3
import time
from pathlib import Path

import pytest

from harvester.emulator import Behaviour, ListedAccount
from harvester.errors import LakeError
from harvester.inspection import holdings
from harvester.lake.database import Database
from harvester.lake.entries import Suspect
from harvester.lake.ledger import Ledger
from harvester.lake.recover import rebuild
from harvester.lake.spool import Spool
from harvester.window import Window, merged
from tests.acceptance.harness import DAY, bench
from tests.acceptance.oracle import exact
from tests.acceptance.verifying import END, START, history, record, repair, verify

pytestmark = pytest.mark.large


@pytest.mark.parametrize("from_inclusive", [True, False])
@pytest.mark.parametrize("to_inclusive", [True, False])
async def test_the_api_is_asked_again(tmp_path: Path, from_inclusive: bool, to_inclusive: bool) -> None:  # noqa: FBT001
    """Counts agree whatever the bounds mean; sessions that came or went later are found, and mended."""
    account = history()
    behaviour = Behaviour(from_inclusive=from_inclusive, to_inclusive=to_inclusive)
    async with bench(tmp_path, account, behaviour) as it:
        await it.harvest(START, END + DAY)  # the last day is empty
        it.emulator.reset()
        sound = await verify(it, against_api=True)
        assert sound.is_sound
        assert [count.lake for count in sound.counts] == [145, 145, 145, 145, 0]
        assert sound.requests == len(it.emulator.requests) <= len(sound.counts) + 8
        account.remove(200)
        account.add(record(9_001, START + 5))
        account.add(record(9_002, END + 5))
        assert (await verify(it)).is_sound
        result = await verify(it, against_api=True)
        assert [count.window.start for count in result.differing] == [START, START + DAY, END]
        assert (await verify(it)).is_sound, "an offline look does not forget what the API said"
        it.emulator.reset()
        again = await it.harvest(START, END + DAY)
        assert (again.outcome, again.requests) == ("gaps", 0), "it is not called complete"
        assert again.doubted == merged(count.window for count in result.differing)
        report = await repair(it)
        assert report is not None
        assert (report.outcome, report.partitions) == ("complete", 3)
        assert len(it.emulator.requests) <= 3
        assert it.verdict(START, END + DAY) == exact(account.total)
        assert (await verify(it, against_api=True)).is_sound
        assert await repair(it) is None


@pytest.mark.parametrize("from_inclusive", [True, False])
@pytest.mark.parametrize("to_inclusive", [True, False])
async def test_unknown_bounds_are_learned(tmp_path: Path, from_inclusive: bool, to_inclusive: bool) -> None:  # noqa: FBT001
    """By two or three small questions each at two places; not from a place whose records went since."""
    account = history()
    behaviour = Behaviour(from_inclusive=from_inclusive, to_inclusive=to_inclusive)
    async with bench(tmp_path, account, behaviour) as it:
        await it.harvest(START, END)
        _forget_facts(it.folder)
        account.remove(1)
        it.emulator.reset()
        result = await verify(it, against_api=True)
        assert [count.api - count.lake for count in result.counts] == [-1, 0, 0, 0]
        assert not any(count.margin for count in result.counts)
        assert len(it.emulator.requests) <= 4 + 3 * 3


@pytest.mark.parametrize("from_inclusive", [True, False])
@pytest.mark.parametrize("to_inclusive", [True, False])
async def test_counts_are_exact_where_every_second_holds_records(
    tmp_path: Path,
    from_inclusive: bool,  # noqa: FBT001
    to_inclusive: bool,  # noqa: FBT001
) -> None:
    """P1: what came late is not taken for records on the bounds, whatever these mean."""
    seconds = [START + DAY + second for second in range(-60, 60)]
    account = ListedAccount(record(number, second) for number, second in enumerate(seconds, start=1))
    behaviour = Behaviour(from_inclusive=from_inclusive, to_inclusive=to_inclusive)
    async with bench(tmp_path, account, behaviour) as it:
        await it.harvest(START, END)
        _forget_facts(it.folder)
        assert (await verify(it, against_api=True)).is_sound
        account.add(record(999, START + DAY - 30))
        (late,) = (await verify(it, against_api=True)).differing
        assert (late.window.start, late.api - late.lake, late.margin) == (START, 1, 0)


def _forget_facts(folder: Path) -> None:
    with sqlite3.connect(folder / "lake" / "_harvester" / "ledger.sqlite") as ledger:
        ledger.execute("UPDATE dataset SET facts = '{}'")
    ledger.close()


async def test_records_in_quarantine_count(tmp_path: Path) -> None:
    """The API counts them too."""
    account = history()
    account.replace({**record(3, START + 1_200), "duration": "long"})
    async with bench(tmp_path, account) as it:
        report = await it.harvest(START, END)
        assert report.quarantined == 1
        result = await verify(it, against_api=True)
        assert result.is_sound
        assert [count.quarantined for count in result.counts] == [1, 0, 0, 0]


async def test_ranges_too_wide_for_the_api_are_counted_in_pieces(tmp_path: Path) -> None:
    """A month without a session is one span, and more questions if the API insists."""
    async with bench(tmp_path, history(), Behaviour(max_days=7)) as it:
        await it.harvest(START, END + 30 * DAY)
        result = await verify(it, against_api=True)
        assert result.is_sound
        assert result.counts[-1].window == Window(END, END + 30 * DAY)


async def test_what_a_killed_reading_of_sound_seconds_left_is_cleared_away(tmp_path: Path) -> None:
    """They were suspect, and the API counts what the lake holds: nobody needs their answers any more."""
    async with bench(tmp_path, history()) as it:
        await it.harvest(START, END)
        workshop = tmp_path / "lake" / "_harvester"
        day = Window(START + DAY, START + 2 * DAY)
        with Database.open(workshop / "ledger.sqlite") as database:
            ledger = Ledger(database, "calls")
            ledger.accuse("count", [Suspect(day, "count", "another count")], 0.0)
            ledger.record(day, waiting=[day], run=1)
        Spool(workshop / "spool" / "calls").file(day.start).append("a page", "identity", b"{}")
        assert (await verify(it, against_api=True)).is_sound
        (holding,) = holdings(tmp_path / "lake")
        assert (holding.suspects, holding.waiting) == ([], 0)
        assert list((workshop / "spool").rglob("*.spool")) == []


async def test_a_recovered_lake_can_be_verified_against_the_api(tmp_path: Path) -> None:
    """Though nothing but its files is left: no run has made the folder of answers again."""
    async with bench(tmp_path, history()) as it:
        await it.harvest(START, END)
        shutil.rmtree(tmp_path / "lake" / "_harvester")
        rebuild(tmp_path / "lake", now=time.time())
        assert (await verify(it, against_api=True)).is_sound


async def test_the_counts_of_another_account_are_not_asked_for(tmp_path: Path) -> None:
    """Nothing is held against a lake that the key is not of; without the API any key will do."""
    async with bench(tmp_path, history()) as it:
        await it.harvest(START, END)
        it.emulator.reset()
        key = tmp_path / "key.json"
        key.write_text(json.dumps(json.loads(key.read_text()) | {"account_id": 5}))
        with pytest.raises(LakeError, match=r"this lake holds account [0-9]+, not 5; give another"):
            await verify(it, against_api=True)
        assert it.emulator.requests == []
        (holding,) = holdings(tmp_path / "lake")
        assert list(holding.suspects) == []
        assert (await verify(it)).is_sound
