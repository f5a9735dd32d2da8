"""``verify`` finds whatever is no longer what was proven; ``repair`` reads that anew, and nothing else."""

import dataclasses
import hashlib
import shutil
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from harvester.api.credentials import load_credentials
from harvester.config import Job
from harvester.emulator import Behaviour, Fault, Faults, ListedAccount
from harvester.errors import LakeError, LakeLockedError
from harvester.inspection import damages, holdings
from harvester.lake.catalog import Catalog
from harvester.lake.database import Database
from harvester.lake.entries import Suspect
from harvester.lake.ledger import Ledger
from harvester.lake.lock import owned
from harvester.lake.recover import rebuild
from harvester.lake.spool import Spool
from harvester.report import Report
from harvester.todo import damaged
from harvester.verification import Verification, Verify
from harvester.window import Window, as_text
from tests.acceptance.harness import DAY, SPRING, Bench, bench
from tests.acceptance.oracle import exact

pytestmark = pytest.mark.large

START, END = SPRING - 4 * DAY, SPRING
ROWS = 4 * 24 * 6


def _account() -> ListedAccount:
    """Sessions of four days, one each ten minutes; two of them in one second, once a day."""
    seconds = [*range(START, END, 600), *range(START + 600, END, DAY)]
    return ListedAccount(_record(number, second) for number, second in enumerate(seconds, start=1))


def _record(number: int, second: int) -> dict[str, object]:
    return {"call_session_history_id": number, "start_date": as_text(second), "duration": 5}


def _day(it: Bench, number: int) -> Path:
    """The file of a day, the first is 0."""
    label = as_text(START + number * DAY)[:10]
    return it.folder / "lake" / "calls" / f"date={label}" / f"calls-{label}.parquet"


async def _verify(it: Bench, *, against_api: bool = False, **settings: object) -> Verification:
    credentials = load_credentials(it.folder / "key.json")[0]
    common = {"credentials": it.folder / "key.json", "endpoint": it.endpoint, "rate": None}

    def job(name: str, identity: dict[str, object], window: Window) -> Job:
        return Job.of_identity(identity, name=name, window=window, lake=it.folder / "lake", **common)

    verify = Verify(
        lake=it.folder / "lake",
        jobs=2,
        job=job if against_api else None,  # type: ignore[arg-type]  # a plain dict is a mapping
        credentials=credentials,
        **settings,  # type: ignore[arg-type]
    )
    (result,) = await verify.run()
    return result


async def _repair(it: Bench) -> Report | None:
    """What ``harvester repair`` does; ``None`` if there is nothing to do."""
    (holding,) = holdings(it.folder / "lake")
    if (window := damages(holding)) is None:
        return None
    partition = str(holding.identity["partition"])
    return await it.harvest(window.start, window.end, scope=damaged, partition=partition)


def _flip(place: float) -> Callable[[Path], None]:
    def flip(path: Path) -> None:
        content = bytearray(path.read_bytes())
        content[int(place * (len(content) - 1))] ^= 1
        path.write_bytes(content)

    return flip


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


def _swap(path: Path) -> None:
    """Its place is taken by a younger day's file."""
    other = max(path.parent.parent.rglob("*.parquet"))
    path.write_bytes(other.read_bytes())


DAMAGES = {
    "first byte": _flip(0),
    "a third": _flip(0.3),
    "the footer": _flip(0.97),
    "last byte": _flip(1),
    "cut short": _truncate,
    "empty": lambda path: path.write_bytes(b""),
    "gone": Path.unlink,
    "another day's": _swap,
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
async def test_a_damaged_file_is_found_and_mended(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    """The file is named; repair asks for its day alone, and the lake is whole again."""
    account = _account()
    async with bench(tmp_path, account) as it:
        await it.harvest(START, END)
        assert (await _verify(it)).is_sound
        damage(_day(it, 1))
        (finding,) = (await _verify(it)).findings
        assert tmp_path / "lake" / finding.path == _day(it, 1)
        assert finding.windows == (Window(START + DAY, START + 2 * DAY),)
        it.emulator.reset()
        report = await _repair(it)
        assert report is not None
        assert (report.outcome, report.partitions, len(it.emulator.requests)) == ("complete", 1, 1)
        assert it.verdict(START, END) == exact(account.total)
        assert (await _verify(it)).is_sound
        assert await _repair(it) is None


async def test_a_sound_lake_is_left_alone(tmp_path: Path) -> None:
    """Verify finds nothing, asks for nothing, and there is nothing to repair."""
    async with bench(tmp_path, _account()) as it:
        await it.harvest(START, END)
        it.emulator.reset()
        steps: list[tuple[str, int, int]] = []
        result = await _verify(it, step=lambda *step: steps.append(step))
        assert (result.files, result.rows, result.findings, result.gaps) == (4, ROWS + 4, (), ())
        assert steps[-1] == ("files", 4, 4)
        assert await _repair(it) is None
        assert it.emulator.requests == []


async def test_a_stray_file_is_named_and_never_touched(tmp_path: Path) -> None:
    """Readers would see it; what to do about it is the user's to decide."""
    async with bench(tmp_path, _account()) as it:
        await it.harvest(START, END)
        stray = _day(it, 0).with_name("copy.parquet")
        stray.write_bytes(_day(it, 0).read_bytes())
        (finding,) = (await _verify(it)).findings
        assert (tmp_path / "lake" / finding.path, finding.windows) == (stray, ())
        assert await _repair(it) is None
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
    async with bench(tmp_path, _account()) as it:
        await it.harvest(START, END)
        with sqlite3.connect(tmp_path / "lake" / "_harvester" / "ledger.sqlite") as ledger:
            ledger.execute(change.format(start=START))
        ledger.close()
        findings = (await _verify(it)).findings
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
    async with bench(tmp_path, _account()) as it:
        await it.harvest(START, END)
        path = _day(it, 0)
        database = duckdb.connect()
        database.execute(
            f"CREATE TABLE day AS SELECT * FROM read_parquet('{path}', hive_partitioning = false)"
        )
        database.execute(f"COPY ({query}) TO '{path}' (FORMAT parquet)")
        _legalise(tmp_path, path)
        (finding,) = (await _verify(it)).findings
        assert told in finding.text


def _legalise(folder: Path, path: Path) -> None:
    content = path.read_bytes()
    values = (len(content), hashlib.sha256(content).hexdigest(), str(path.relative_to(folder / "lake")))
    with sqlite3.connect(folder / "lake" / "_harvester" / "ledger.sqlite") as ledger:
        ledger.execute("UPDATE published SET bytes = ?, sha256 = ? WHERE path = ?", values)
    ledger.close()


@pytest.mark.parametrize("from_inclusive", [True, False])
@pytest.mark.parametrize("to_inclusive", [True, False])
async def test_the_api_is_asked_again(tmp_path: Path, from_inclusive: bool, to_inclusive: bool) -> None:  # noqa: FBT001
    """Counts agree whatever the bounds mean; sessions that came or went later are found, and mended."""
    account = _account()
    behaviour = Behaviour(from_inclusive=from_inclusive, to_inclusive=to_inclusive)
    async with bench(tmp_path, account, behaviour) as it:
        await it.harvest(START, END + DAY)  # the last day is empty
        it.emulator.reset()
        sound = await _verify(it, against_api=True)
        assert sound.is_sound
        assert [count.lake for count in sound.counts] == [145, 145, 145, 145, 0]
        assert sound.requests == len(it.emulator.requests) <= len(sound.counts) + 8
        account.remove(200)
        account.add(_record(9_001, START + 5))
        account.add(_record(9_002, END + 5))
        assert (await _verify(it)).is_sound
        result = await _verify(it, against_api=True)
        assert [count.window.start for count in result.differing] == [START, START + DAY, END]
        assert (await _verify(it)).is_sound, "an offline look does not forget what the API said"
        it.emulator.reset()
        report = await _repair(it)
        assert report is not None
        assert (report.outcome, report.partitions) == ("complete", 3)
        assert len(it.emulator.requests) <= 3
        assert it.verdict(START, END + DAY) == exact(account.total)
        assert (await _verify(it, against_api=True)).is_sound
        assert await _repair(it) is None


@pytest.mark.parametrize("from_inclusive", [True, False])
@pytest.mark.parametrize("to_inclusive", [True, False])
async def test_unknown_bounds_are_learned(tmp_path: Path, from_inclusive: bool, to_inclusive: bool) -> None:  # noqa: FBT001
    """By two or three small questions each at two places; not from a place whose records went since."""
    account = _account()
    behaviour = Behaviour(from_inclusive=from_inclusive, to_inclusive=to_inclusive)
    async with bench(tmp_path, account, behaviour) as it:
        await it.harvest(START, END)
        _forget_facts(it.folder)
        account.remove(1)
        it.emulator.reset()
        result = await _verify(it, against_api=True)
        assert [count.api - count.lake for count in result.counts] == [-1, 0, 0, 0]
        assert not any(count.margin for count in result.counts)
        assert len(it.emulator.requests) <= 4 + 3 * 3


async def test_bounds_that_stay_unknown_leave_a_margin(tmp_path: Path) -> None:
    """Records in each second, so no place tells: a count may be higher by the records on its ends."""
    seconds = [START + DAY + second for second in range(-60, 60)]
    account = ListedAccount(_record(number, second) for number, second in enumerate(seconds, start=1))
    async with bench(tmp_path, account, Behaviour(from_inclusive=True)) as it:
        await it.harvest(START, END)
        _forget_facts(it.folder)
        result = await _verify(it, against_api=True)
        assert result.is_sound
        assert [(count.api - count.lake, count.margin) for count in result.counts] == [(1, 1), (1, 1), (0, 0)]


def _forget_facts(folder: Path) -> None:
    with sqlite3.connect(folder / "lake" / "_harvester" / "ledger.sqlite") as ledger:
        ledger.execute("UPDATE dataset SET facts = '{}'")
    ledger.close()


async def test_records_in_quarantine_count(tmp_path: Path) -> None:
    """The API counts them too."""
    account = _account()
    account.replace({**_record(3, START + 1_200), "duration": "long"})
    async with bench(tmp_path, account) as it:
        report = await it.harvest(START, END)
        assert report.quarantined == 1
        result = await _verify(it, against_api=True)
        assert result.is_sound
        assert [count.quarantined for count in result.counts] == [1, 0, 0, 0]


async def test_ranges_too_wide_for_the_api_are_counted_in_pieces(tmp_path: Path) -> None:
    """A month without a session is one span, and more questions if the API insists."""
    async with bench(tmp_path, _account(), Behaviour(max_days=7)) as it:
        await it.harvest(START, END + 30 * DAY)
        result = await _verify(it, against_api=True)
        assert result.is_sound
        assert result.counts[-1].window == Window(END, END + 30 * DAY)


async def test_a_gap_is_mended_when_the_api_has_recovered(tmp_path: Path) -> None:
    """Repair asks for the gap alone; what waited for it is published with it, without a request."""
    account = _account()
    wrong = Faults((Fault("wrong_total", share=1.0),))
    async with bench(tmp_path, account, faults=wrong) as it:
        first = await it.harvest(START, END, partition="month")
        assert first.outcome == "gaps"
        assert not (await _verify(it)).is_sound
        it.emulator.faults = Faults()
        it.emulator.reset()
        report = await _repair(it)
        assert report is not None
        assert (report.outcome, report.gaps) == ("complete", ())
        assert it.verdict(START, END) == exact(account.total)
        covered = [window for gap in first.gaps for window in [gap.window]]
        asked = it.emulator.requests
        assert len(asked) <= len(covered) + 1


async def test_keys_in_two_files_are_found(tmp_path: Path) -> None:
    """A session whose time changed between two runs is in two days' files; both are read anew."""
    account = _account()
    async with bench(tmp_path, account) as it:
        await it.harvest(START, START + 2 * DAY)
        account.replace(_record(10, START + 3 * DAY + 7))
        await it.harvest(START, END)
        findings = (await _verify(it)).findings
        assert [tmp_path / "lake" / item.path for item in findings] == [_day(it, 0), _day(it, 3)]
        await _repair(it)
        assert (await _verify(it)).is_sound
        assert it.verdict(START, END) == exact(account.total)


async def test_verify_owns_the_lake_meanwhile(tmp_path: Path) -> None:
    """Files must not change under it."""
    async with bench(tmp_path, _account()) as it:
        await it.harvest(START, END)
        with (
            owned(tmp_path / "lake" / "_harvester" / "lock", started=time.time()),
            pytest.raises(LakeLockedError),
        ):
            await _verify(it)
        with pytest.raises(LakeError, match="no dataset 'other'"):
            await _verify(it, name="other")
        with pytest.raises(LakeError, match="not a lake"):
            await _verify(dataclasses.replace(it, folder=_other(tmp_path)))


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

    async with bench(tmp_path, _account()) as it:
        monkeypatch.setattr(Catalog, "publish", killed)
        with pytest.RaisesGroup(OSError, flatten_subgroups=True):
            await it.harvest(START, END)
        monkeypatch.undo()
        result = await _verify(it)
        assert (result.findings, result.files > 0) == ((), True)


async def test_what_a_killed_reading_of_sound_seconds_left_is_cleared_away(tmp_path: Path) -> None:
    """They were suspect, and the API counts what the lake holds: nobody needs their answers any more."""
    async with bench(tmp_path, _account()) as it:
        await it.harvest(START, END)
        workshop = tmp_path / "lake" / "_harvester"
        day = Window(START + DAY, START + 2 * DAY)
        with Database.open(workshop / "ledger.sqlite") as database:
            ledger = Ledger(database, "calls")
            ledger.accuse("count", [Suspect(day, "count", "another count")], 0.0)
            ledger.record(day, waiting=[day], run=1)
        Spool(workshop / "spool" / "calls").file(day.start).append("a page", "identity", b"{}")
        assert (await _verify(it, against_api=True)).is_sound
        (holding,) = holdings(tmp_path / "lake")
        assert (holding.suspects, holding.waiting) == ([], 0)
        assert list((workshop / "spool").rglob("*.spool")) == []


async def test_a_recovered_lake_can_be_verified_against_the_api(tmp_path: Path) -> None:
    """Though nothing but its files is left: no run has made the folder of answers again."""
    async with bench(tmp_path, _account()) as it:
        await it.harvest(START, END)
        shutil.rmtree(tmp_path / "lake" / "_harvester")
        rebuild(tmp_path / "lake", now=time.time())
        assert (await _verify(it, against_api=True)).is_sound
