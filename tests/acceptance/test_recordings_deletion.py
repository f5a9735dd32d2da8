"""``--delete-after``: only what is proven on disk, only with ``--yes``, and every step written down."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from harvester.emulator import Behaviour, Fault, Faults, ListedAccount
from harvester.errors import RefusedError, UnavailableError
from harvester.lake.shelf import Shelf
from tests.acceptance.files import (
    END,
    FILES,
    KEYS,
    START,
    account,
    audit,
    changed,
    check_stored,
    collect,
    events,
    rows,
    run_of,
    session,
)
from tests.acceptance.harness import Bench, bench

LISTED = [key * 100 for key in KEYS]
DELETE: Mapping[str, Any] = {"delete": True, "confirmed": True}


class Killed(BaseException):
    """As SIGKILL: nobody handles it."""


def is_deletion(asked: Mapping[str, str]) -> bool:
    """Whether a request is one."""
    return asked.get("cmd") == "DeleteRecord"


def deletions(it: Bench) -> list[int]:
    """Which recordings the API was asked to delete."""
    return [
        int(asked.parameters["record_id"]) for asked in it.emulator.requests if asked.method == "DeleteRecord"
    ]


@pytest.mark.parametrize("settings", [{}, {"delete": True}], ids=["not asked for", "not confirmed"])
async def test_nothing_is_deleted_without_both_words(tmp_path: Path, settings: dict[str, bool]) -> None:
    """The default never deletes; --delete-after alone says what it would."""
    async with bench(tmp_path, account()) as it:
        await it.harvest(START, END)
        report = await collect(it, **settings)
        assert report.tally.deletable == (len(LISTED) if settings else 0)
        assert (deletions(it), audit(tmp_path / "lake")) == ([], [])
        assert it.emulator.files.removed == set()


async def test_what_is_proven_is_deleted_and_written_down(tmp_path: Path) -> None:
    """Each recording of the vendor's list, once: an intent, an outcome, and a time in the table."""
    async with bench(tmp_path, account()) as it:
        await it.harvest(START, END)
        report = await collect(it, **DELETE)
        assert (report.outcome, report.tally.deleted, deletions(it)) == ("complete", 6, LISTED)
        assert it.emulator.files.removed == set(LISTED)
        lines = audit(tmp_path / "lake")
        assert events(lines) == [(event, key) for key in LISTED for event in ("intent", "deleted")]
        listed = rows(
            tmp_path / "lake", "record_id, path, bytes, sha256", "kind = 'record' AND record_id % 100 = 0"
        )
        told = [(line["record_id"], line["path"], line["bytes"], line["sha256"]) for line in lines[::2]]
        assert told == listed
        deleted = rows(tmp_path / "lake", "kind, count(deleted_at), count(*)", "true GROUP BY ALL")
        assert deleted == [("log", 0, 6), ("record", 6, 12), ("transcript", 3, 3)]
        assert check_stored(it) == FILES
        again = await collect(it, **DELETE)
        assert (again.outcome, again.meter.requests, len(deletions(it))) == ("complete", 0, 6)


async def test_a_file_that_is_not_what_was_stored_is_not_deleted(tmp_path: Path) -> None:
    """It is read again before anything is asked: damage is found, the file fetched anew, and then deleted."""
    async with bench(tmp_path, account()) as it:
        await it.harvest(START, END)
        await collect(it)
        for number, name in ((200, "record"), (300, "transcript")):
            ((path,),) = rows(tmp_path / "lake", "path", f"record_id = {number} AND kind = '{name}'")
            content = bytearray((tmp_path / "lake" / path).read_bytes())
            content[7] ^= 1
            (tmp_path / "lake" / path).write_bytes(content)
        report = await collect(it, **DELETE)
        assert (report.outcome, report.tally.deleted) == ("failures", 4)
        assert {200, 300}.isdisjoint(deletions(it))
        assert {200, 300}.isdisjoint(it.emulator.files.removed)
        report = await collect(it, **DELETE)
        assert (report.outcome, report.tally.stored, report.tally.deleted) == ("complete", 2, 2)
        assert check_stored(it) == FILES


async def test_what_a_kill_left_unsynced_is_synced_before_it_is_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between the last rename of a day and its sync: the next run makes the names last, then asks."""
    lake, real, synced = tmp_path / "lake", os.fsync, list[Path]()

    def killed(_shelf: Shelf, partial: Path, target: Path) -> None:
        partial.replace(target)
        raise Killed

    def noted(handle: int) -> None:
        synced.append(Path(f"/proc/self/fd/{handle}").readlink())
        real(handle)

    async with bench(tmp_path, ListedAccount([session(2, log_file_url=None, calls=[])])) as it:
        await it.harvest(START, END)
        with monkeypatch.context() as patch:
            patch.setattr(Shelf, "show", killed)
            patch.setattr(Shelf, "publish", lambda *_: None)  # nothing is written after a kill
            with pytest.RaisesGroup(Killed, flatten_subgroups=True):
                await collect(it)
        monkeypatch.setattr(os, "fsync", noted)
        report = await collect(it, **DELETE)
        assert (report.tally.held, report.tally.deleted) == (1, 1)
        ((path,),) = rows(lake, "path")
        file = (lake / path).resolve()
        before = synced[: synced.index(lake.resolve() / "_harvester" / "audit" / "deletions.jsonl")]
        assert {file, file.parent, file.parents[1], file.parents[2], lake.resolve()} <= set(before)


async def test_a_recording_goes_with_its_transcript_or_not_at_all(tmp_path: Path) -> None:
    """The vendor deletes both, so both must be here; and one that is still written is waited for."""
    records = [session(1), changed(2, transcription_status="In progress"), session(4)]
    async with bench(tmp_path, ListedAccount(records)) as it:
        await it.harvest(START, END)
        report = await collect(it, kinds=("record",), **DELETE)
        assert (report.outcome, deletions(it)) == ("failures", [400])
        assert [(entry.record_id, reason) for entry, reason in report.tally.spared] == [
            (100, "its transcript is not stored, and would be deleted with it"),
            (200, "its transcript is not finished, and would never be"),
        ]
        report = await collect(it, **DELETE)
        assert deletions(it) == [400, 100]


async def test_what_the_vendor_does_not_have_any_more_is_no_failure(tmp_path: Path) -> None:
    """An answer that was lost is asked for again, and the second says that there is no such recording."""
    async with bench(tmp_path, account()) as it:
        await it.harvest(START, END)
        it.emulator.reset()
        lost = Fault("cut_json", requests=(1, 3), when=is_deletion)
        it.emulator.faults = Faults((lost,))
        report = await collect(it, **DELETE)
        assert (report.outcome, report.tally.deleted, report.tally.absent) == ("complete", 4, 2)
        assert it.emulator.files.removed == set(LISTED)
        assert [event for event, _ in events(audit(tmp_path / "lake"))].count("absent") == 2


async def test_an_unknown_outcome_is_said_and_asked_for_again(tmp_path: Path) -> None:
    """When the API goes away in the middle, the audit says that nobody knows; the next run finds out."""
    async with bench(tmp_path, account()) as it:
        await it.harvest(START, END)
        it.emulator.reset()
        it.emulator.faults = Faults((Fault("hang_up", requests=range(3, 999), when=is_deletion),))
        with pytest.raises(UnavailableError):
            await collect(it, **DELETE)
        lines = audit(tmp_path / "lake")
        assert events(lines)[-2:] == [("intent", 300), ("unknown", 300)]
        assert "out of reach" in lines[-1]["detail"]
        assert rows(tmp_path / "lake", "record_id", "deleted_at IS NOT NULL AND kind = 'record'") == [
            (100,),
            (200,),
        ]
        it.emulator.faults = Faults()
        report = await collect(it, **DELETE)
        assert (report.outcome, report.tally.deleted) == ("complete", 4)
        assert it.emulator.files.removed == set(LISTED)


async def test_a_kill_between_intent_and_outcome_is_said(tmp_path: Path) -> None:
    """What nobody knows of is counted until it is asked for again; what is known is not asked for."""
    lake = tmp_path / "lake"
    async with bench(tmp_path, account()) as it:
        await it.harvest(START, END)
        await collect(it)
        before = {path: path.read_bytes() for path in lake.glob("recordings/*/manifest.parquet")}
        await collect(it, **DELETE)
        # As if it had been killed after the vendor deleted the second one: its outcome is torn.
        for path, content in before.items():
            path.write_bytes(content)
        log = lake / "_harvester" / "audit" / "deletions.jsonl"
        lines = log.read_bytes().splitlines(keepends=True)
        log.write_bytes(b"".join(lines[:3]) + lines[3][:20])
        it.emulator.files.removed.intersection_update({100, 200})
        it.emulator.reset()
        assert (await collect(it)).tally.unknown == 1
        report = await collect(it, **DELETE)
        assert (report.tally.unknown, report.tally.absent, report.tally.deleted) == (1, 1, 4)
        assert deletions(it) == LISTED[1:]
        assert rows(lake, "count(deleted_at)", "kind = 'record'") == [(6,)]
        assert log.read_bytes().splitlines()[3] == lines[3][:20]  # never rewritten
        assert (await collect(it)).tally.unknown == 0


async def test_a_key_that_may_not_delete(tmp_path: Path) -> None:
    """It is refused with the roles that may; the refusal is in the audit, and nothing is called deleted."""
    async with bench(tmp_path, account()) as it:
        path = tmp_path / "key.json"
        path.touch(mode=0o600)
        path.write_text(json.dumps(it.emulator.credentials("Support")))
        await it.harvest(START, END)
        with pytest.raises(RefusedError, match="DeleteRecord needs the role Owner or Admin"):
            await collect(it, **DELETE)
        assert events(audit(tmp_path / "lake")) == [("intent", 100), ("refused", 100)]
        assert it.emulator.files.removed == set()
        assert check_stored(it) == 11  # the first day's, listed all the same


async def test_what_the_vendor_refuses_to_delete_is_spared(tmp_path: Path) -> None:
    """Any other error of the API is that recording's own; the others are deleted."""
    async with bench(tmp_path, account()) as it:
        await it.harvest(START, END)
        it.emulator.reset()
        it.emulator.faults = Faults((Fault("error_code", code=500, requests=(2,), when=is_deletion),))
        report = await collect(it, **DELETE)
        assert (report.outcome, report.tally.deleted) == ("failures", 5)
        ((entry, reason),) = report.tally.spared
        assert (entry.record_id, "code 500" in reason) == (200, True)


async def test_deletions_are_paced(tmp_path: Path) -> None:
    """One after the other, within their own budget."""
    async with bench(tmp_path, account(), Behaviour(latency=0.01)) as it:
        await it.harvest(START, END)
        it.emulator.reset()
        await run_of(it, api_rate=2.0, **DELETE).run()
        assert it.emulator.busiest_second() <= 3
        assert it.emulator.most_in_flight == 1
