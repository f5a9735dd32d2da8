"""The files of a lake: all of them, once and whole, and listed beside the calls."""

from pathlib import Path

import duckdb
import pandas as pd
import polars as pl
import pytest

from harvester.emulator import Behaviour, Fault, Faults, SyntheticAccount
from harvester.errors import ConfigError, LakeError
from harvester.window import Window
from tests.acceptance.files import END, FILES, START, account, check_stored, collect, rows, run_of, url
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


async def test_the_budget_of_files_holds(tmp_path: Path) -> None:
    """P7, P8: no more requests in any second, and no more at a time, than allowed."""
    async with bench(tmp_path, account()) as it:
        await it.harvest(START, END)
        it.emulator.files.faults = Faults((Fault("slow", share=1.0, seconds=1),))
        await collect(it, rate=4.0, concurrency=3)
        moments = it.emulator.files.arrivals
        assert max(sum(start <= moment < start + 1 for moment in moments) for start in moments) <= 5
        assert it.emulator.files.most_in_flight <= 3


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
