"""The files of a lake: all of them, once and whole, whatever the server does and wherever it is cut off."""

import asyncio
import json
from pathlib import Path

import duckdb
import pandas as pd
import polars as pl
import pytest

from harvester.emulator import Behaviour, Fault, Faults, SyntheticAccount
from harvester.errors import ConfigError, LakeError, LakeLockedError, RefusedError
from harvester.lake.database import Database
from harvester.window import Window
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
    url,
)
from tests.acceptance.harness import DAY, bench


async def test_every_file_is_stored_and_listed(tmp_path: Path) -> None:
    """Each file once, byte for byte, in the table with its hash; a second run asks for nothing."""
    async with bench(tmp_path, account()) as it:
        await it.harvest(START, END)
        report = await collect(it)
        assert (report.outcome, report.tally.stored, report.meter.requests) == ("complete", FILES, FILES)
        assert check_stored(it) == FILES
        assert rows(tmp_path / "lake", "kind, count(*)", "true GROUP BY ALL") == [
            ("log", 6),
            ("record", 12),
            ("transcript", 3),
        ]
        again = await collect(it)
        assert (again.outcome, again.tally.held, again.meter.requests) == ("complete", FILES, 0)
        work = tmp_path / "lake" / "_harvester"
        assert [path for path in work.glob("recordings/**/*") if path.is_file()] == []
        assert [path for path in work.glob("tmp/**/*") if path.is_file()] == []


@pytest.mark.large
async def test_a_synthetic_account_has_all_its_files(tmp_path: Path) -> None:
    """What the emulator's own histories link to can be fetched, whatever the partitions of the calls."""
    async with bench(tmp_path, SyntheticAccount(120, START, END, seed=4)) as it:
        await it.harvest(START, END, partition="hour")
        report = await collect(it)
        assert report.outcome == "complete"
        assert check_stored(it) == report.tally.stored > 200


async def test_readers_see_the_table_alone_and_join_it(tmp_path: Path) -> None:
    """By glob or by folder, in DuckDB, Polars and pandas; it joins with the calls on their key."""
    async with bench(tmp_path, account()) as it:
        await it.harvest(START, END, partition="month")
        await collect(it)
    lake = tmp_path / "lake"
    assert pl.scan_parquet(f"{lake}/recordings/**/*.parquet").collect().height == FILES
    assert len(pd.read_parquet(lake / "recordings")) == FILES
    query = f"""
        SELECT date, start_date::DATE = date, count(DISTINCT call_session_history_id), count(*)
        FROM read_parquet('{lake}/recordings/**/*.parquet', hive_partitioning = true) AS files
        JOIN read_parquet('{lake}/calls/**/*.parquet') AS sessions USING (call_session_history_id)
        GROUP BY ALL ORDER BY ALL
    """
    found = duckdb.connect().execute("SET TimeZone = 'UTC'").execute(query).fetchall()
    assert [(bool(same), sessions, files) for _, same, sessions, files in found] == [
        (True, 3, 11),
        (True, 3, 10),
    ]


async def test_no_secret_of_a_url_is_listed(tmp_path: Path) -> None:
    """The table has the URL without its query; the recording's id has a column."""
    async with bench(tmp_path, account()) as it:
        await it.harvest(START, END)
        await collect(it)
    lake = tmp_path / "lake"
    assert rows(lake, "record_id", f"url = '{url(1, 'leg.mp3')}'") == [(101,)]
    assert b"hunter2" not in b"".join(
        path.read_bytes() for path in lake.rglob("*.parquet") if "calls" not in str(path)
    )
    assert rows(lake, "count(*)", "contains(url, '?')") == [(0,)]


async def test_a_range_and_kinds_are_kept_to(tmp_path: Path) -> None:
    """Only files of records in the range, and only of the kinds; what is not harvested is said."""
    async with bench(tmp_path, account()) as it:
        await it.harvest(START, END)
        window = Window(START - DAY, START + 3)  # the first two sessions
        report = await collect(it, window=window, kinds=("log",))
        assert report.tally.unharvested == (Window(START - DAY, START),)
        assert rows(tmp_path / "lake", "call_session_history_id, kind") == [(1, "log"), (2, "log")]
        await collect(it)
        assert check_stored(it) == FILES
        assert report.meter.requests + 2 < FILES


@pytest.mark.parametrize("status", [403, 404, 410])
async def test_what_is_gone_is_listed_and_no_failure(tmp_path: Path, status: int) -> None:
    """Expired files have their status in the table; they are asked for again only if that is said."""
    behaviour = Behaviour(log_days=30, gone_status=status)
    async with bench(tmp_path, account(), behaviour) as it:
        await it.harvest(START, END)
        report = await collect(it)
        assert (report.outcome, report.tally.gone, report.tally.stored) == ("complete", 6, FILES - 6)
        gone = rows(
            tmp_path / "lake", "DISTINCT kind, status, http_status, path, sha256", "status <> 'stored'"
        )
        assert gone == [("log", "gone", status, None, None)]
        assert (await collect(it)).meter.requests == 0
        it.emulator.behaviour = Behaviour()
        report = await collect(it, again=True)
        assert (report.tally.stored, check_stored(it)) == (6, FILES)


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


async def test_the_budget_of_files_holds(tmp_path: Path) -> None:
    """P7, P8: no more requests in any second, and no more at a time, than allowed."""
    async with bench(tmp_path, account()) as it:
        await it.harvest(START, END)
        it.emulator.files.faults = Faults((Fault("slow", share=1.0, seconds=1),))
        await collect(it, rate=4.0, concurrency=3)
        moments = it.emulator.files.arrivals
        assert max(sum(start <= moment < start + 1 for moment in moments) for start in moments) <= 5
        assert it.emulator.files.most_in_flight <= 3


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


@pytest.mark.large
@pytest.mark.parametrize("partition", ["hour", "month"])
async def test_a_flat_lake_has_the_same_files(tmp_path: Path, partition: str) -> None:
    """Links are followed in flat tables as in nested ones: the same files, told from each other alike."""
    history = SyntheticAccount(120, START, END, seed=4)
    for name in ("nested", "flat"):
        (tmp_path / name).mkdir()
    async with bench(tmp_path / "nested", history) as it:
        await it.harvest(START, END)
        await collect(it)
        wanted = rows(it.folder / "lake", "* EXCLUDE (path, fetched_at)")
    async with bench(tmp_path / "flat", history) as it:
        await it.harvest(START, END, tables="flat", partition=partition)
        report = await collect(it)
        assert (report.outcome, report.tally.stored) == ("complete", len(wanted))
        assert rows(it.folder / "lake", "* EXCLUDE (path, fetched_at)") == wanted
        assert check_stored(it) == len(wanted)
        assert (await collect(it)).meter.requests == 0


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


async def test_what_the_lake_cannot_know_is_refused(tmp_path: Path) -> None:
    """Hidden URLs, parts that were not harvested, histories without files, no lake, another account."""
    async with bench(tmp_path, account()) as it:
        with pytest.raises(LakeError, match="is not a lake yet"):
            await collect(it)
        await it.harvest(START, END, name="hidden", redact_urls=True)
        with pytest.raises(ConfigError, match="was harvested with --redact-urls, so the lake does not know"):
            await collect(it, name="hidden")
        await it.harvest(START, END, name="lean", switches={"records": False})
        with pytest.raises(
            ConfigError, match="--no-records, so the lake knows no transcripts; leave them out"
        ):
            await collect(it, name="lean")
        assert (await collect(it, name="lean", kinds=("record", "log"))).tally.stored == FILES - 3
        with pytest.raises(LakeError, match="holds no dataset 'none'"):
            await collect(it, name="none")
        with pytest.raises(ConfigError, match="--yes confirms --delete-after"):
            run_of(it, confirmed=True)
        assert [asked.with_token for asked in it.emulator.files.asked] == [True] * (FILES - 3)


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


def rows_if_any(folder: Path) -> int:
    """How many files are listed."""
    return sum(len(pd.read_parquet(path)) for path in folder.glob("lake/recordings/**/*.parquet"))


def load_key(folder: Path) -> str:
    """The id of the key in use."""
    return str(json.loads((folder / "key.json").read_text())["key_id"])
