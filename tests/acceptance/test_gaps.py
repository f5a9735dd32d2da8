"""What cannot be proven is said, with its count, and never published as if it were whole."""

from collections.abc import Sequence
from dataclasses import replace
from errno import ENOSPC
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from harvester.api.credentials import load_credentials
from harvester.emulator import Behaviour, ListedAccount, SyntheticAccount
from harvester.emulator.render import Entry, Parts
from harvester.inspection import holdings
from harvester.lake.catalog import Catalog
from harvester.todo import damaged
from harvester.verification import Verify
from harvester.window import as_text
from tests.acceptance.harness import DAY, SPRING, bench, small_bench
from tests.acceptance.oracle import exact

START, END = SPRING - 3 * DAY, SPRING

pytestmark = pytest.mark.large


def _crowded(sessions: int) -> SyntheticAccount:
    """An account with ``sessions`` of its 4,000 in one second."""
    return SyntheticAccount(4_000, START, END, shape="spike", seed=9, spike=sessions)


def _alike(sessions: int) -> ListedAccount:
    """``sessions`` in one second that no filter tells apart, and one in each hour of three days."""
    crowd = START + 3 * DAY // 2
    seconds = [*range(START, END, 3_600), *[crowd] * sessions]
    return ListedAccount(
        {"call_session_history_id": number, "application_id": 7, "start_date": as_text(second)}
        for number, second in enumerate(seconds, start=1)
    )


async def test_a_second_within_reach_of_both_ends(tmp_path: Path) -> None:
    """2,000 records in one second are read from both ends, for little more than their pages."""
    account = _crowded(2_000)
    async with small_bench(tmp_path, account) as it:
        report = await it.harvest(START, END)
        assert report.outcome == "complete"
        assert it.verdict(START, END) == exact(account.total)
        assert report.requests <= 1.25 * account.total / 100


async def test_a_second_beyond_reach_is_a_gap(tmp_path: Path) -> None:
    """2,300 records in one second that no filter tells apart: it is said, and their day is held back."""
    account = _alike(2_300)
    async with small_bench(tmp_path, account) as it:
        report = await it.harvest(START, END)
        assert report.outcome == "gaps"
        (gap,) = report.gaps
        assert gap.window.seconds == 1
        assert gap.expected is not None
        assert gap.expected > 2_200 >= gap.received
        days = {path.parent.name for path in (tmp_path / "lake").rglob("*.parquet")}
        assert len(days) == 2
        assert report.withheld == 1
        kept = list((tmp_path / "lake" / "_harvester" / "spool" / "calls").iterdir())
        assert kept, "the withheld partition's answers stay"


class _Broken(ListedAccount):
    """One session says what nobody can read, until it is mended."""

    broken = True

    def render(self, entries: Sequence[Entry], parts: Parts) -> list[bytes]:
        """A quote too many: no bracket after it closes."""
        rows = super().render(entries, parts)
        numbers = [number for _, number, _ in entries]
        if self.broken and 7 in numbers:
            rows[numbers.index(7)] = b'{"call_session_history_id":7,"custom_data":"say "hi"}'
        return rows


async def test_a_session_that_nobody_can_read_costs_its_neighbours_only(tmp_path: Path) -> None:
    """It is the first of all, and each page with it is malformed: a gap, told, and narrower each run."""
    seconds = range(START, END, 600)
    account = _Broken(
        {"call_session_history_id": number, "start_date": as_text(second)}
        for number, second in enumerate(seconds, start=7)
    )
    async with small_bench(tmp_path, account) as it:
        first = await it.harvest(START, END)
        (gap,) = first.gaps
        assert first.outcome == "gaps"
        assert "the same answer came 3 times: the answer is not JSON" in gap.reason
        assert gap.window.start == START
        assert len(list((tmp_path / "lake").rglob("*.parquet"))) == 2
        again = await it.harvest(START, END)
        assert again.outcome == "gaps"
        assert again.gaps[0].window.seconds < gap.window.seconds / 4
        account.broken = False
        assert (await it.harvest(START, END)).outcome == "complete"
        assert it.verdict(START, END) == exact(account.total)


async def test_gaps_can_be_let_through(tmp_path: Path) -> None:
    """``--allow-gaps`` publishes what is proven, marks the file incomplete, and still reports the gap."""
    account = _alike(2_300)
    async with small_bench(tmp_path, account) as it:
        report = await it.harvest(START, END, allow_gaps=True)
        assert report.outcome == "gaps"
        (gap,) = report.gaps
        files = list((tmp_path / "lake").rglob("*.parquet"))
        marks = [(pq.read_metadata(path).metadata or {})[b"harvester.complete"] for path in files]
        assert sorted(marks) == [b"false", b"true", b"true"]
        outside = account.count(START, gap.window.start) + account.count(gap.window.end, END)
        rows = (
            duckdb.connect().execute(f"SELECT count(*) FROM '{tmp_path}/lake/calls/**/*.parquet'").fetchall()
        )
        assert rows == [(outside,)]


async def test_a_gap_is_tried_again(tmp_path: Path) -> None:
    """The next run asks for the gap alone, and completes the lake once the API answers well."""
    account = SyntheticAccount(20_000, START, END, seed=10)
    async with bench(tmp_path, account) as it:
        it.emulator.behaviour = Behaviour(beyond_cap="clamp", most_in_flight=None)
        first = await it.harvest(START, END - DAY)
        again = await it.harvest(START, END)
        assert (first.outcome, again.outcome) == ("complete", "complete")
        assert again.rows == account.count(END - DAY, END)
        assert it.verdict(START, END) == exact(account.total)


async def test_a_gap_let_through_stays_one(tmp_path: Path) -> None:
    """A later run over the rest of its day, not asked for the gap, keeps the file marked incomplete."""
    account = _alike(2_300)
    async with small_bench(tmp_path, account) as it:
        report = await it.harvest(START, END - DAY - 3_600, allow_gaps=True)
        (gap,) = report.gaps
        await it.harvest(END - DAY - 3_600, END)
        day = gap.window.start // DAY
        (path,) = (tmp_path / "lake").rglob(f"*{as_text(day * DAY)[:10]}.parquet")
        assert (pq.read_metadata(path).metadata or {})[b"harvester.complete"] == b"false"


async def test_a_misfit_among_what_is_read_anew(tmp_path: Path) -> None:
    """A window that waits for its partition, with a running session: that this ends as a misfit is kept."""
    account = _alike(2_300)
    running = {"call_session_history_id": 31, "start_date": as_text(START + DAY + 6 * 3_600), "active": True}
    account.replace(running)
    async with small_bench(tmp_path, account) as it:
        assert (await it.harvest(START, END, active_lag=20 * 365 * DAY)).withheld == 1
        for key in range(2_000, 2_373):
            account.remove(key)
        account.replace({**running, "active": False, "duration": "a while"})
        report = await it.harvest(START, END, active_lag=20 * 365 * DAY)
        assert (report.outcome, report.quarantined) == ("complete", 1)
        (path,) = (tmp_path / "lake" / "_harvester" / "quarantine" / "calls").iterdir()
        assert b'"key":31,' in path.read_bytes()


async def test_a_gap_takes_nothing_away(tmp_path: Path) -> None:
    """Seconds that the API counts otherwise and that cannot be read anew: they stay, let through or not."""
    account = _alike(2_000)
    async with small_bench(tmp_path, account) as it:
        await it.harvest(START, END)
        before = it.verdict(START, END)
        record = {"application_id": 7, "start_date": as_text(START + 3 * DAY // 2)}
        for key in range(10_001, 10_401):
            account.add({**record, "call_session_history_id": key})
        job, (credentials, _) = it.backfill(START, END)._job, load_credentials(tmp_path / "key.json")
        await Verify(
            lake=tmp_path / "lake",
            job=lambda _name, _identity, window: replace(job, window=window),
            credentials=credentials,
        ).run()
        report = await it.harvest(START, END, scope=damaged, allow_gaps=True)
        assert (report.outcome, report.partitions) == ("gaps", 1)
        assert it.verdict(START, END) == replace(before, missing=400)


def _cured(account: ListedAccount) -> None:
    """So many of the crowded second go that it can be read."""
    for key in range(2_000, 2_000 + 373):
        account.remove(key)


async def test_a_gap_is_forgotten_when_it_is_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not when it is read: a repair that ends in between leaves it to the next, and verify tells of it."""
    account = _alike(2_300)
    async with small_bench(tmp_path, account) as it:
        (gap,) = (await it.harvest(START, END)).gaps
        _cured(account)

        def refuse(*_: object) -> None:
            raise OSError(ENOSPC, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(Catalog, "intend", refuse)
            with pytest.raises(ExceptionGroup):
                await it.harvest(START, END, scope=damaged)
        (verification,) = await Verify(lake=tmp_path / "lake").run()
        assert (verification.gaps, verification.is_sound) == ((gap,), False)
        it.emulator.reset()
        report = await it.harvest(gap.window.start, gap.window.end, scope=damaged)
        assert (report.outcome, report.gaps, len(it.emulator.requests)) == ("complete", (), 0)
        assert it.verdict(START, END) == exact(account.total)
        (holding,) = holdings(tmp_path / "lake")
        assert (holding.gaps, holding.waiting, holding.incomplete) == ([], 0, 0)


async def test_a_gap_that_was_let_through_is_closed(tmp_path: Path) -> None:
    """What is published then is called complete, although a gap stood there until that moment."""
    account = _alike(2_300)
    async with small_bench(tmp_path, account) as it:
        await it.harvest(START, END, allow_gaps=True)
        _cured(account)
        report = await it.harvest(START, END, scope=damaged, allow_gaps=True)
        assert (report.outcome, report.rows) == ("complete", 1_927 + 1)
        files = list((tmp_path / "lake").rglob("*.parquet"))
        marks = {(pq.read_metadata(path).metadata or {})[b"harvester.complete"] for path in files}
        assert marks == {b"true"}
        assert it.verdict(START, END) == exact(account.total)
        (holding,) = holdings(tmp_path / "lake")
        assert (holding.gaps, holding.incomplete) == ([], 0)
