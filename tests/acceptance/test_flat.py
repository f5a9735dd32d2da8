"""Flat tables: the same rows as nested ones, under the same promises."""

import re
from collections.abc import Callable
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from harvester.api.credentials import load_credentials
from harvester.datasets import ACD, CALLS, Dataset
from harvester.emulator import ListedAccount, SyntheticAccount
from harvester.errors import LakeError
from harvester.inspection import damages, holdings
from harvester.lake.recover import rebuild
from harvester.todo import damaged
from harvester.verification import Verification, Verify
from harvester.window import Window, as_text
from tests.acceptance.harness import DAY, SPRING, Bench, bench
from tests.acceptance.unnested import compare

pytestmark = pytest.mark.large

START, END = SPRING - 3 * DAY, SPRING
TABLES = CALLS.tables
README = Path(__file__).parents[2] / "README.md"


def _account(sessions: int = 1_500) -> SyntheticAccount:
    return SyntheticAccount(sessions, START, END, seed=6)


def _file(it: Bench, table: str, day: int = 1) -> Path:
    label = as_text(START + day * DAY)[:10]
    return it.folder / "flat" / f"calls.{table}" / f"date={label}" / f"calls.{table}-{label}.parquet"


def _number(query: str) -> int:
    """What DuckDB answers."""
    with duckdb.connect() as database:
        row = database.execute(query).fetchone()
    assert row is not None
    return int(row[0])


async def _harvest(it: Bench) -> None:
    await it.harvest(START, END, lake="nested")
    report = await it.harvest(START, END, lake="flat", tables="flat")
    assert (report.outcome, report.partitions, report.published_rows) == ("complete", 3, it.account.total)


def _assert_equal(it: Bench, dataset: Dataset = CALLS) -> None:
    found = compare(it.folder / "nested", it.folder / "flat", dataset=dataset)
    assert list(found) == [dataset.noun, *dataset.lists]
    for table, difference in found.items():
        assert (difference.missing, difference.surplus) == (0, 0), table
        assert difference.rows > 0


async def _verify(it: Bench, **settings: object) -> Verification:
    credentials = load_credentials(it.folder / "key.json")[0]
    (result,) = await Verify(
        lake=it.folder / "flat",
        jobs=2,
        credentials=credentials,
        **settings,  # type: ignore[arg-type]
    ).run()
    return result


async def test_flat_tables_hold_the_rows_of_nested_ones(tmp_path: Path) -> None:
    """Each list, unnested by SQL, is its table with key, time and position; the rest is the sessions."""
    async with bench(tmp_path, _account()) as it:
        await _harvest(it)
        _assert_equal(it)
        assert (await _verify(it)).is_sound
        (holding,) = holdings(tmp_path / "flat")
        files = list((tmp_path / "flat").rglob("*.parquet"))
        assert (holding.files, len(files)) == (12, 12)
        assert holding.bytes == sum(path.stat().st_size for path in files)
        assert {path.relative_to(tmp_path / "flat").parts[0] for path in files} == {
            f"calls.{table}" for table in TABLES
        }


async def test_the_tables_are_joined_as_the_readme_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By DuckDB, with the readme's own lines."""
    (query,) = re.findall(r"```sql\n([^`]*calls\.sessions[^`]*)```", README.read_text(encoding="utf-8"))
    async with bench(tmp_path, _account(200)) as it:
        await it.harvest(START, END, lake="lake", tables="flat")
    monkeypatch.chdir(tmp_path)
    with duckdb.connect() as database:
        rows = database.execute(query).fetchall()
    assert sum(calls for _, calls, _ in rows) == _number(
        "SELECT count(*) FROM 'lake/calls.calls/**/*.parquet'"
    )


async def test_events_are_a_table_too(tmp_path: Path) -> None:
    """What a dataset has as lists follows from its description."""
    events = SyntheticAccount(1_000, START, END, seed=4, dataset=ACD)
    async with bench(tmp_path, ListedAccount(), histories={"acd": events}) as it:
        for lake, tables in (("nested", "nested"), ("flat", "flat")):
            report = await it.harvest(START, END, lake=lake, tables=tables, dataset=ACD)
            assert report.rows == 1_000
        _assert_equal(it, ACD)


async def test_lists_that_were_not_asked_for_are_empty_tables(tmp_path: Path) -> None:
    """Their columns are there, so a query that names them fails no less and no more than on other lakes."""
    async with bench(tmp_path, _account(50)) as it:
        await it.harvest(START, END, lake="flat", tables="flat", switches={"records": False})
        files = [
            path for table in TABLES for path in (tmp_path / "flat" / f"calls.{table}").rglob("*.parquet")
        ]
        assert len(files) == 12
        assert _number(f"SELECT count(*) FROM '{tmp_path}/flat/calls.records/**/*.parquet'") == 0
        assert _number(f"SELECT count(records_count) FROM '{tmp_path}/flat/calls.sessions/**/*.parquet'") == 0


@pytest.mark.parametrize("partition", ["hour", "day", "month"])
async def test_two_runs_give_the_tables_of_one(tmp_path: Path, partition: str) -> None:
    """Files that two runs cut are rewritten around what they hold: same rows, row groups and metadata."""
    start, cut, end = START + 10 * 3_600, START + 11 * 3_600 + 1_061, START + 13 * 3_600
    async with bench(tmp_path, _account(2_000)) as it:
        settings = {"tables": "flat", "partition": partition}
        await it.harvest(start, end, lake="whole", **settings)
        for lake, spans in {"forth": [(start, cut), (cut, end)], "back": [(cut, end), (start, cut)]}.items():
            for first, last in spans:
                await it.harvest(first, last, lake=lake, **settings)
            assert _contents(tmp_path / lake) == _contents(tmp_path / "whole")


def _contents(lake: Path) -> dict[str, tuple[object, ...]]:
    """Everything a reader can see of each file, apart from which run wrote it."""
    seen: dict[str, tuple[object, ...]] = {}
    for path in sorted(lake.rglob("*.parquet")):
        file = pq.ParquetFile(path)
        metadata = dict(file.metadata.metadata or {})
        assert metadata.pop(b"harvester.run") and metadata.pop(b"harvester.seal")  # noqa: PT018  (both or none)
        seen[str(path.relative_to(lake))] = (metadata, file.num_row_groups, file.schema_arrow, file.read())
    assert seen
    return seen


async def test_the_footers_of_a_publication_tell_that_they_belong_together(tmp_path: Path) -> None:
    """They are the same, but for the table's name; and name the rows of all."""
    async with bench(tmp_path, _account(200)) as it:
        await it.harvest(START, END, lake="flat", tables="flat")
        footers = {table: dict(pq.read_metadata(_file(it, table)).metadata) for table in TABLES}
        for table, footer in footers.items():
            assert footer.pop(b"harvester.table") == table.encode()
            assert footer.pop(b"harvester.seal")
            footer.pop(b"ARROW:schema")
            rows = _number(f"SELECT count(*) FROM '{_file(it, table)}'")
            assert f'"{table}": {rows}'.encode() in footer[b"harvester.rows"]
        assert all(footer == footers["sessions"] for footer in footers.values())


async def test_the_tables_are_fixed_by_the_first_run(tmp_path: Path) -> None:
    """A folder never mixes two meanings; another name may have the other form, in the same lake."""
    async with bench(tmp_path, _account(50)) as it:
        await it.harvest(START, END, lake="lake", tables="flat")
        with pytest.raises(LakeError, match="tables is flat there and nested here"):
            await it.harvest(START, END, lake="lake")
        await it.harvest(START, END, lake="lake", name="whole")
        with pytest.raises(LakeError, match="tables is nested there and flat here"):
            await it.harvest(START, END, lake="lake", name="whole", tables="flat")
        assert [holding.files for holding in holdings(tmp_path / "lake")] == [12, 3]


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 1
    path.write_bytes(content)


def _of_another_day(path: Path) -> None:
    path.write_bytes(min(path.parent.parent.rglob("*.parquet")).read_bytes())


@pytest.mark.parametrize(
    ("table", "damage"),
    [("sessions", _flip), ("calls", _flip), ("records", Path.unlink), ("resources", _of_another_day)],
)
async def test_a_damaged_table_is_found_and_mended(
    tmp_path: Path, table: str, damage: Callable[[Path], None]
) -> None:
    """The file is named; repair asks for its day alone, replaces all four, and the lake is whole again."""
    async with bench(tmp_path, _account(600)) as it:
        await _harvest(it)
        before = {name: _file(it, name).read_bytes() for name in TABLES}
        damage(_file(it, table))
        (finding,) = (await _verify(it)).findings
        assert tmp_path / "flat" / finding.path == _file(it, table)
        it.emulator.reset()
        (holding,) = holdings(tmp_path / "flat")
        window = damages(holding)
        assert window == Window(START + DAY, START + 2 * DAY)
        report = await it.harvest(window.start, window.end, lake="flat", tables="flat", scope=damaged)
        assert report.outcome == "complete"
        asked = [(item.start or 0, item.end or 0) for item in it.emulator.requests]
        assert all(window.start - 1 <= start < end <= window.end + 1 for start, end in asked)
        assert all(_file(it, name).read_bytes() != before[name] for name in TABLES)
        assert (await _verify(it)).is_sound
        _assert_equal(it)


async def test_a_file_that_nobody_published_is_named(tmp_path: Path) -> None:
    """In the folder of any table."""
    async with bench(tmp_path, _account(50)) as it:
        await it.harvest(START, END, lake="flat", tables="flat")
        stray = _file(it, "records").with_name("stray.parquet")
        stray.write_bytes(_file(it, "records").read_bytes())
        (finding,) = (await _verify(it)).findings
        assert tmp_path / "flat" / finding.path == stray


async def test_a_lost_ledger_is_rebuilt(tmp_path: Path) -> None:
    """From all files of all tables; nothing is asked for again."""
    async with bench(tmp_path, _account(600)) as it:
        await _harvest(it)
        (tmp_path / "flat" / "_harvester" / "ledger.sqlite").unlink()
        recovery = rebuild(tmp_path / "flat", now=it.now(), jobs=2)
        assert recovery.aside == ()
        (found,) = recovery.datasets
        assert (found.name, found.files, found.rows) == ("calls", 12, 600)
        it.emulator.reset()
        report = await it.harvest(START, END, lake="flat", tables="flat")
        assert (report.covered, it.emulator.requests) == (True, [])
        assert (await _verify(it)).is_sound
        await it.harvest(END, END + DAY, lake="flat", tables="flat")
        _assert_equal(it)


HARMS: dict[str, tuple[str, str]] = {
    "sessions gone": ("sessions", "its records were not taken, or are not there"),
    "calls gone": ("calls", "calls.calls-.* is not there"),
    "calls flipped": ("calls", "is not sound"),
    "records in the place of calls": ("calls", "it is of the table 'records'"),
    "calls of an earlier run": ("calls", "calls.calls-.* was not published with it"),
    "sessions of an earlier run": ("sessions", r"calls\.\w+-.* was not published with it"),
}


@pytest.mark.parametrize(
    ("harm", "table", "complaint"), [(name, *what) for name, what in HARMS.items()], ids=HARMS
)
async def test_tables_apart_are_not_recovered(tmp_path: Path, harm: str, table: str, complaint: str) -> None:
    """All files of the day are left aside; the next backfill replaces them, and the lake is whole."""
    async with bench(tmp_path, _account(300)) as it:
        await _harvest(it)
        path = _file(it, table)
        if "earlier" in harm:
            earlier, second = path.read_bytes(), Window(START + DAY, START + 2 * DAY)
            await it.harvest(START, END, lake="flat", tables="flat", scope=lambda *_: (second,))
            assert path.read_bytes() != earlier
            path.write_bytes(earlier)
        elif "place" in harm:
            path.write_bytes(_file(it, "records").read_bytes())
        elif "gone" in harm:
            path.unlink()
        else:
            _flip(path)
        (tmp_path / "flat" / "_harvester" / "ledger.sqlite").unlink()
        recovery = rebuild(tmp_path / "flat", now=it.now(), jobs=2)
        day = {tmp_path / "flat" / finding.path for finding in recovery.aside}
        assert day == {_file(it, name) for name in TABLES if _file(it, name).exists()}
        assert any(re.search(complaint, finding.text) for finding in recovery.aside), recovery.aside
        assert recovery.datasets[0].files == 8
        report = await it.harvest(START, END, lake="flat", tables="flat")
        assert report.outcome == "complete"
        _assert_equal(it)
        assert (await _verify(it)).is_sound
