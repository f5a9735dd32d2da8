"""Files whose calls are read anew: a call has ended since, or the history says that a file lies elsewhere."""

import json
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import pytest

from harvester.emulator import Behaviour, Fault, Faults, ListedAccount
from harvester.lake.manifest import read, write
from harvester.lake.partial import Partial
from tests.acceptance.files import END, START, check_stored, collect, forget_calls, rows, session
from tests.acceptance.harness import Bench, bench

GONE = Behaviour(recording_days=1, log_days=1)  # whatever is asked for
MOVED = "gw-ru-07"


async def read_anew(it: Bench, key: int, *, moved: bool = False, **changes: object) -> None:
    """Let a call be another, from another host if ``moved``, and harvest it as if for the first time."""
    forget_calls(it.folder / "lake")
    text = json.dumps(session(key, **changes))
    it.account.replace(json.loads(text.replace("gw-ru-02", MOVED) if moved else text))  # type: ignore[attr-defined]
    await it.harvest(START, END)
    it.emulator.files.reset()


async def test_what_was_gone_while_its_call_ran_is_asked_for_when_it_has_ended(tmp_path: Path) -> None:
    """A recording may come into being at the end of its call: a 404 before says nothing of it."""
    async with bench(tmp_path, ListedAccount([session(5, active=True)]), GONE) as it:
        await it.harvest(START, END)
        report = await collect(it)
        assert (report.outcome, report.tally.stored, report.tally.gone) == ("complete", 0, 4)
        assert rows(tmp_path / "lake", "DISTINCT status, http_status, reason") == [
            ("gone", 404, "gone while its call still ran")
        ]
        assert (await collect(it)).tally.known_gone == 4, "while it runs it is not asked for again and again"
        await read_anew(it, 5)
        assert (await collect(it)).tally.gone == 4
        assert (await collect(it)).tally.known_gone == 4, "and once when it has ended"
        await read_anew(it, 5, active=True)
        assert (await collect(it)).tally.known_gone == 4


async def test_a_recording_that_a_running_call_did_not_have_is_stored(tmp_path: Path) -> None:
    """It is had by the first run after the call was read as ended."""
    async with bench(tmp_path, ListedAccount([session(5, active=True)]), GONE) as it:
        await it.harvest(START, END)
        await collect(it)
        await read_anew(it, 5)
        it.emulator.behaviour = Behaviour()
        report = await collect(it)
        assert (report.outcome, report.tally.stored, report.tally.known_gone) == ("complete", 4, 0)
        assert check_stored(it) == 4


async def test_what_was_gone_is_asked_for_where_the_history_says_that_it_lies_now(tmp_path: Path) -> None:
    """That it is not at one place says nothing of another; each place is asked once."""
    async with bench(tmp_path, ListedAccount([session(2)]), GONE) as it:
        await it.harvest(START, END)
        assert (await collect(it)).tally.gone == 3
        await read_anew(it, 2, moved=True)
        report = await collect(it, kinds=("record",))
        assert (report.tally.gone, report.tally.known_gone) == (2, 0)
        assert (await collect(it, kinds=("record",))).tally.known_gone == 2
        await read_anew(it, 2)
        it.emulator.behaviour = Behaviour()
        assert (await collect(it, kinds=("record",))).tally.stored == 2
        assert check_stored(it) == 2


@pytest.mark.parametrize("size", [1_000, 2_000], ids=["same", "changed"])
async def test_of_a_log_that_moved_the_newest_is_stored_once(tmp_path: Path, size: int) -> None:
    """A call has one log: it is fetched from where it lies now, and replaces what was had before."""
    async with bench(tmp_path, ListedAccount([session(2)]), Behaviour(file_bytes=1_000)) as it:
        await it.harvest(START, END)
        assert (await collect(it)).tally.stored == 3
        await read_anew(it, 2, moved=True)
        it.emulator.behaviour = Behaviour(file_bytes=size)
        report = await collect(it)
        assert (report.outcome, report.tally.stored, report.tally.held) == ("complete", 1, 2)
        ((url, stored),) = rows(tmp_path / "lake", "url, bytes", "kind = 'log'")
        assert (MOVED in url, stored) == (True, size)
        if size == 1_000:
            assert check_stored(it) == 3
        assert len(list((tmp_path / "lake").glob("recordings/*/_files/2-log*"))) == 1
        assert (await collect(it)).meter.requests == 0


async def test_a_log_that_is_not_where_it_is_said_to_lie_now_stays_as_it_was(tmp_path: Path) -> None:
    """Nothing that was had is given up for something that is not: for a while it fails, or it is gone."""
    async with bench(tmp_path, ListedAccount([session(2)])) as it:
        await it.harvest(START, END)
        await collect(it)
        await read_anew(it, 2, moved=True)
        it.emulator.files.faults = Faults((Fault("redirect", share=1.0),))
        assert (await collect(it)).outcome == "failures"
        assert check_stored(it) == 3
        it.emulator.files.faults = Faults()
        it.emulator.behaviour = GONE
        report = await collect(it)
        assert (report.outcome, report.tally.gone) == ("complete", 1)
        assert check_stored(it) == 3
        ((reason,),) = rows(tmp_path / "lake", "reason", "kind = 'log'")
        assert "gone from where the history says that it lies now" in reason
        assert (await collect(it)).meter.requests == 0


@pytest.mark.parametrize("newest", [0, 1])
async def test_two_logs_of_a_call_that_an_earlier_version_listed_become_one(
    tmp_path: Path, newest: int
) -> None:
    """The newest stays, under the name that it had; nothing is asked for, and no file is removed."""
    async with bench(tmp_path, ListedAccount([session(2)])) as it:
        await it.harvest(START, END)
        await collect(it)
        (manifest,) = (tmp_path / "lake").glob("recordings/*/manifest.parquet")
        (log,) = manifest.parent.glob("_files/2-log*")
        entries = read(manifest, it.dataset.key)
        (own,) = (entry for entry in entries if entry.kind == "log")
        two = []
        for number, host in enumerate((MOVED, "gw-ru-02")):
            path = log.with_name(f"2-log-{number}.log")
            path.write_bytes(log.read_bytes())
            two.append(
                replace(
                    own,
                    url=own.url.replace("gw-ru-02", host),
                    path=str(path.relative_to(tmp_path / "lake")),
                    fetched_at=own.fetched_at + (number == newest),
                )
            )
        log.unlink()
        write(manifest, [entry for entry in entries if entry is not own] + two, it.dataset.key)
        assert len(rows(tmp_path / "lake")) == 4
        await read_anew(it, 2, moved=newest == 0)
        report = await collect(it)
        assert (report.outcome, report.meter.requests, report.tally.held) == ("complete", 0, 3)
        assert rows(tmp_path / "lake", "path", "kind = 'log'") == [(two[newest].path,)]
        assert len(list(manifest.parent.glob("_files/2-log-*"))) == 2


@pytest.mark.parametrize(
    "changes", [{"active": False}, {"active": True, "moved": True}], ids=["ended", "moved"]
)
async def test_a_log_that_came_whole_before_a_kill_is_not_taken_for_a_later_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, bool]
) -> None:
    """P1, P3: what came while the call ran, or from another place, is not what is asked for now."""
    running = ListedAccount([session(5, active=True)])
    async with bench(tmp_path, running, Behaviour(file_bytes=1_000)) as it:
        await it.harvest(START, END)
        with monkeypatch.context() as patch:
            patch.setattr(Partial, "finish", _killed)
            with pytest.RaisesGroup(InterruptedError, flatten_subgroups=True):
                await collect(it, kinds=("log",))
        await read_anew(it, 5, **changes)
        it.emulator.behaviour = Behaviour(file_bytes=2_000)
        assert (await collect(it, kinds=("log",))).tally.stored == 1
        assert rows(tmp_path / "lake", "bytes, contains(url, 'gw-ru-07')") == [(2_000, "moved" in changes)]


def _killed(_partial: Partial) -> NoReturn:
    raise InterruptedError
