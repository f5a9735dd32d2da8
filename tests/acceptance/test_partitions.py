"""Ranges that cut partitions, in one run or in several, give the same files."""

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from harvester.emulator import ListedAccount, SyntheticAccount
from harvester.errors import ClockError
from harvester.window import as_text
from tests.acceptance.harness import DAY, SPRING, Bench, bench
from tests.acceptance.oracle import exact

START, END = SPRING - 2 * DAY + 10 * 3_600, SPRING + 17 * 3_600 + 1_800  # from 10:00, to 17:30

pytestmark = pytest.mark.large
CUT = SPRING - DAY + 13 * 3_600 + 61


def _account() -> SyntheticAccount:
    return SyntheticAccount(8_000, SPRING - 3 * DAY, SPRING + 2 * DAY, seed=3)


def _files(lake: Path) -> dict[str, tuple[object, ...]]:
    """Everything a reader can see of each file, apart from which run wrote it."""
    seen: dict[str, tuple[object, ...]] = {}
    for path in sorted(lake.rglob("*.parquet")):
        file = pq.ParquetFile(path)
        metadata = dict(file.metadata.metadata or {})
        assert metadata.pop(b"harvester.run", None)
        assert metadata.pop(b"harvester.seal", None)  # over the run's number, too
        groups = [file.metadata.row_group(index).num_rows for index in range(file.num_row_groups)]
        seen[str(path.relative_to(lake))] = (metadata, groups, file.schema_arrow, file.read())
    return seen


@pytest.mark.parametrize("partition", ["hour", "day", "month"])
async def test_two_runs_in_either_order_give_the_file_of_one(tmp_path: Path, partition: str) -> None:
    """A partition cut by two runs is rewritten around what it holds: same rows, row groups and metadata."""
    async with bench(tmp_path, _account()) as it:
        await it.harvest(START, END, lake="whole", partition=partition)
        for lake, spans in {
            "forth": [(START, CUT), (CUT, END)],
            "back": [(CUT, END), (START, CUT)],
            "overlapping": [(START, CUT + 3_600), (CUT - 3_600, END)],
        }.items():
            for start, end in spans:
                await it.harvest(start, end, lake=lake, partition=partition)
            assert it.verdict(START, END, lake=lake) == exact(it.account.count(START, END))
            assert _files(tmp_path / lake) == _files(tmp_path / "whole")
        assert it.verdict(START, END, lake="whole") == exact(it.account.count(START, END))


async def test_a_second_run_asks_for_nothing(tmp_path: Path) -> None:
    """What is published is not asked for again."""
    async with bench(tmp_path, _account()) as it:
        await it.harvest(START, END)
        it.emulator.reset()
        report = await it.harvest(START, END)
        assert report.covered
        assert not it.emulator.requests


async def test_only_the_settled_part_is_harvested(tmp_path: Path) -> None:
    """Seconds younger than the settle lag wait for a later run, which adds them."""
    account = SyntheticAccount(5_000, SPRING - DAY, SPRING + DAY, seed=4)
    async with bench(tmp_path, account) as it:
        run = it.backfill(SPRING - DAY, SPRING + DAY, settle=3_600)
        run._now = lambda: SPRING + 3_600.5  # the middle of the history, as the clock of that run
        # Tokens are dated by the server's clock, so the shifted clock is corrected, as a wrong one would be.
        report = await run.run()
        assert report.settled is not None
        assert report.settled.end == SPRING
        assert it.verdict(SPRING - DAY, SPRING) == exact(account.count(SPRING - DAY, SPRING))
        await it.harvest(SPRING - DAY, SPRING + DAY)
        assert it.verdict(SPRING - DAY, SPRING + DAY) == exact(account.count(SPRING - DAY, SPRING + DAY))


@pytest.mark.parametrize("ahead", [-7_200, 540, 7_200])
async def test_what_has_not_settled_by_the_apis_clock_is_no_history(tmp_path: Path, ahead: int) -> None:
    """P1: a machine whose clock is hours ahead would take the future for empty; ten minutes have room."""
    now, late = SPRING + DAY // 2, ahead > 600
    account = ListedAccount(map(_record, range(SPRING, now, 600)))
    async with bench(tmp_path, account) as it:
        it.emulator._now = lambda: now
        early = replace(it, now=lambda: now + ahead)
        with pytest.RaisesGroup(ClockError, flatten_subgroups=True) if late else nullcontext():
            assert (await early.harvest(SPRING, SPRING + DAY)).outcome == "complete"
        for second in range(now, SPRING + DAY, 600):
            account.add(_record(second))
        it.emulator._now = lambda: now + 2 * DAY
        await replace(it, now=it.emulator._now).harvest(SPRING, SPRING + DAY)
        assert it.verdict(SPRING, SPRING + DAY) == exact(DAY // 600)


def _record(second: int) -> dict[str, object]:
    return {"call_session_history_id": second, "start_date": as_text(second)}


async def test_files_are_few_and_sorted_by_size_of_partition(tmp_path: Path) -> None:
    """One file per partition that holds a record, and none for the others."""
    account = SyntheticAccount(50, SPRING - 100 * DAY, SPRING, shape="uniform", seed=5)
    async with bench(tmp_path, account) as it:
        report = await it.harvest(SPRING - 100 * DAY, SPRING, partition="hour")
        hours = {int(str(seconds)) // 3_600 for seconds in await _seconds(it)}
        assert report.partitions == len(hours) == len(list((tmp_path / "lake").rglob("*.parquet")))


async def _seconds(it: Bench) -> list[object]:
    query = f"SELECT epoch(start_date)::BIGINT FROM '{it.folder}/lake/calls/**/*.parquet'"
    return [second for (second,) in duckdb.connect().execute(query).fetchall()]
