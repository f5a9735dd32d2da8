"""What users of other loaders complain about, one scenario each: what went wrong there does not here.

Late records have theirs in ``test_verify_counts.py``: they are found by asking for counts again.
"""

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import duckdb
import pytest

from harvester.emulator import Behaviour, Fault, Faults, ListedAccount, SyntheticAccount
from harvester.errors import RefusedError
from harvester.inspection import damages, holdings
from harvester.lake.catalog import Catalog
from harvester.todo import damaged
from harvester.window import as_text
from tests.acceptance.harness import DAY, SPRING, bench, small_bench
from tests.acceptance.oracle import exact

START, END = SPRING - 6 * DAY, SPRING

pytestmark = pytest.mark.large


def _listed(*seconds: int) -> ListedAccount:
    return ListedAccount(
        {"call_session_history_id": number, "start_date": as_text(second)}
        for number, second in enumerate(seconds, start=1)
    )


async def test_the_offset_cap_silently_truncates(tmp_path: Path) -> None:
    """Only so many records of one question can be paged to: all 30,000 are there, not the first 11,000."""
    account = SyntheticAccount(30_000, START, END, seed=1)
    async with bench(tmp_path, account) as it:
        assert (await it.harvest(START, END)).outcome == "complete"
        assert it.verdict(START, END) == exact(account.total)
        assert max(asked.offset or 0 for asked in it.emulator.requests) == 10_000, "the vendor's largest"


async def test_one_slice_size_fits_no_history(tmp_path: Path) -> None:
    """A burst amid quiet weeks costs about a request for each page, with nothing to tune."""
    account = SyntheticAccount(4_000, SPRING - 90 * DAY, SPRING, shape="burst", seed=2)
    async with small_bench(tmp_path, account) as it:
        report = await it.harvest(SPRING - 90 * DAY, SPRING)
        assert report.rows == account.total
        assert len(it.emulator.requests) <= 1.2 * account.total / 100


async def test_halving_loops_for_ever(tmp_path: Path) -> None:
    """Answers that never add up end in a gap after a bounded number of questions."""
    faults = Faults((Fault("wrong_total", share=1.0),))
    async with bench(tmp_path, _listed(*range(START, END, 600)), faults=faults) as it:
        report = await it.harvest(START, END)
        assert report.outcome == "gaps"
        assert len(it.emulator.requests) <= 100


@pytest.mark.parametrize("to_inclusive", [True, False])
@pytest.mark.parametrize("from_inclusive", [True, False])
async def test_records_on_a_boundary_are_lost_or_doubled(
    tmp_path: Path,
    from_inclusive: bool,  # noqa: FBT001
    to_inclusive: bool,  # noqa: FBT001
) -> None:
    """Records in every first and last second of ranges that meet: each comes once, whatever a bound means."""
    cuts = [START + step * 4_000 for step in range(5)]
    account = _listed(*(cut + side for cut in cuts for side in (-1, 0)), *cuts)
    async with bench(
        tmp_path, account, Behaviour(from_inclusive=from_inclusive, to_inclusive=to_inclusive)
    ) as it:
        for start, end in pairwise(cuts):
            await it.harvest(start, end)
        assert it.verdict(cuts[0], cuts[-1]) == exact(3 * 4)


async def test_each_run_exports_the_whole_history_again(tmp_path: Path) -> None:
    """A second run over the same range asks for nothing, and one over more asks for the rest alone."""
    account = SyntheticAccount(6_000, START, END, seed=3)
    async with bench(tmp_path, account) as it:
        await it.harvest(START, END - DAY)
        it.emulator.reset()
        await it.harvest(START, END - DAY)
        assert it.emulator.requests == []
        report = await it.harvest(START, END)
        assert report.rows == account.count(END - DAY, END)
        assert it.verdict(START, END) == exact(account.total)


async def test_a_crash_loses_hours(tmp_path: Path) -> None:
    """A run that dies midway goes on there: hardly a page is asked for twice."""
    account = SyntheticAccount(6_000, START, END, seed=4)
    faults = Faults((Fault("error_code", requests=range(30, 60), code=104),))
    async with small_bench(tmp_path, account, faults=faults) as it:
        with pytest.raises(ExceptionGroup):
            await it.harvest(START, END)
        it.emulator.faults = Faults()
        report = await it.harvest(START, END)
        assert report.outcome == "complete"
        assert len(it.emulator.requests) <= 1.3 * account.total / 100
        assert it.verdict(START, END) == exact(account.total)


async def test_files_are_partitioned_by_the_day_of_the_load(tmp_path: Path) -> None:
    """A record lies in the partition of its own day."""
    account = SyntheticAccount(3_000, START, END, seed=5)
    async with bench(tmp_path, account) as it:
        await it.harvest(START, END)
        strayed = f"""SELECT count(*) FROM read_parquet('{tmp_path}/lake/calls/**/*.parquet')
            WHERE date <> CAST(start_date AT TIME ZONE 'UTC' AS DATE)"""
        assert duckdb.connect().execute(strayed).fetchall() == [(0,)]


async def test_ten_thousand_tiny_files(tmp_path: Path) -> None:
    """One file a partition, however many windows and runs it took."""
    account = SyntheticAccount(3_000, START, END, seed=6)
    async with small_bench(tmp_path, account, Behaviour(max_days=1)) as it:
        for hours in (7, 50, 143):
            await it.harvest(START, START + hours * 3_600, concurrency=30)
        await it.harvest(START, END)
        assert len(list((tmp_path / "lake").rglob("*.parquet"))) == 6
        assert it.verdict(START, END) == exact(account.total)


async def test_pages_are_fetched_one_after_the_other(tmp_path: Path) -> None:
    """With answers that take a second, forty pages take a few, not forty."""
    account = SyntheticAccount(4_000, START, END, seed=7)
    async with small_bench(tmp_path, account, Behaviour(latency=1.0, latency_sigma=0.01)) as it:
        await it.harvest(START, END, concurrency=40)
        first, last = it.emulator.requests[0].arrived, it.emulator.requests[-1].arrived
        assert last - first <= 8


async def test_duplicates_after_a_failed_state_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is in place and the ledger does not know: the next run finds out, and nothing is doubled."""
    account = SyntheticAccount(3_000, START, END, seed=8)
    async with bench(tmp_path, account) as it:
        with monkeypatch.context() as patch:
            patch.setattr(Catalog, "publish", _fail)
            with pytest.raises(ExceptionGroup):
                await it.harvest(START, END)
        assert list((tmp_path / "lake").rglob("*.parquet"))
        assert (await it.harvest(START, END)).outcome == "complete"
        assert it.verdict(START, END) == exact(account.total)


def _fail(*_: object, **__: object) -> None:
    raise OSError(28, "No space left on device")


async def test_retry_after_is_ignored(tmp_path: Path) -> None:
    """When the API asks for a pause, nobody asks until it is over."""
    faults = Faults((Fault("http_429", requests=[4], retry_after=30),))
    async with small_bench(tmp_path, SyntheticAccount(900, START, END, seed=9), faults=faults) as it:
        report = await it.harvest(START, END)
        arrived = sorted(asked.arrived for asked in it.emulator.requests)
        assert max(later - earlier for earlier, later in pairwise(arrived)) >= 29
        assert (report.outcome, report.paused >= 30) == ("complete", True)


async def test_large_integers_become_lossy_floats(tmp_path: Path) -> None:
    """An integer beyond 64 bits is set aside with its bytes; its neighbours are stored exactly."""
    account = _listed(START, START + 1)
    faults = Faults((Fault("huge_integer", share=1.0),))
    async with bench(tmp_path, account, faults=faults) as it:
        report = await it.harvest(START, END)
        assert (report.rows, report.quarantined) == (1, 1)
        assert list((tmp_path / "lake" / "_harvester" / "quarantine" / "calls").iterdir())


async def test_one_failing_day_fails_the_backfill(tmp_path: Path) -> None:
    """A day that cannot be proven is held back; the others are published, and it alone is tried again."""
    account = _listed(*range(START, END, 600))
    bad = as_text(START + 3 * DAY)[:10]

    def touches(parameters: Mapping[str, str]) -> bool:
        return parameters.get("from_date", "")[:10] <= bad < parameters.get("to_date", "")[:10]

    faults = Faults((Fault("wrong_total", share=1.0, when=touches),))
    async with bench(tmp_path, account, faults=faults) as it:
        for day in range(6):
            await it.harvest(START + day * DAY, START + (day + 1) * DAY)
        days = sorted(path.parent.name for path in (tmp_path / "lake").rglob("*.parquet"))
        assert f"date={bad}" not in days
        assert len(days) >= 4
        it.emulator.faults = Faults()
        await it.harvest(START, END)
        assert it.verdict(START, END) == exact(account.total)


async def test_records_of_one_timestamp_are_lost_between_pages(tmp_path: Path) -> None:
    """A page boundary inside a second whose order changes with every request loses nothing."""
    account = _listed(*[START + 60] * 700, *[START + 90] * 900, *[START + 120] * 1_100)
    async with bench(tmp_path, account, Behaviour(order="shuffled")) as it:
        assert (await it.harvest(START, END)).outcome == "complete"
        assert it.verdict(START, END) == exact(2_700)


async def test_items_are_missing_although_the_count_says_they_exist(tmp_path: Path) -> None:
    """Answers that leave a record out are not believed: they are asked for again."""
    account = SyntheticAccount(900, START, END, seed=10)
    faults = Faults((Fault("dropped_record", share=0.2),))
    async with small_bench(tmp_path, account, faults=faults) as it:
        report = await it.harvest(START, END)
        lost = it.verdict(START, END).missing
        assert lost == 0 or report.gaps


async def test_an_error_is_taken_for_the_end(tmp_path: Path) -> None:
    """An error that comes with status 200, an empty answer, a proxy's page: none of them is an empty day."""
    account = SyntheticAccount(2_000, START, END, seed=11)
    plan = (
        Fault("error_code", share=0.1, code=2),
        Fault("html_200", share=0.1),
        Fault("empty_200", share=0.1),
    )
    async with small_bench(tmp_path, account, faults=Faults(plan)) as it:
        report = await it.harvest(START, END)
        assert (report.outcome, report.retries > 0) == ("complete", True)
        assert it.verdict(START, END) == exact(account.total)


async def test_gaps_cannot_be_filled_in_afterwards(tmp_path: Path) -> None:
    """Repair asks for the gap alone, once the API answers well."""
    account = _listed(*range(START, END, 600))
    faults = Faults((Fault("wrong_total", share=1.0),))
    async with bench(tmp_path, account, faults=faults) as it:
        assert (await it.harvest(START, START + DAY)).gaps
        it.emulator.faults = Faults()
        await it.harvest(START + DAY, END)
        it.emulator.reset()
        (holding,) = holdings(tmp_path / "lake")
        window = damages(holding)
        assert window is not None
        report = await it.harvest(window.start, window.end, scope=damaged)
        assert (report.outcome, report.rows) == ("complete", 144)
        assert it.verdict(START, END) == exact(account.total)


async def test_ranges_become_too_wide_from_one_run_to_the_next(tmp_path: Path) -> None:
    """A first page of five days is kept, and those behind it are refused: the next run asks day by day."""
    account = SyntheticAccount(700, SPRING - 5 * DAY, SPRING, seed=3)

    def behind(parameters: Mapping[str, str]) -> bool:
        return parameters.get("offset") not in {None, "0"}

    faults = Faults((Fault("error_code", share=1.0, code=104, when=behind),))
    async with small_bench(tmp_path, account, faults=faults) as it:
        with pytest.RaisesGroup(RefusedError, flatten_subgroups=True):
            await it.harvest(SPRING - 5 * DAY, SPRING)
        it.emulator.faults = Faults()
        it.emulator.behaviour = Behaviour(page_size=100, max_offset=1_000, max_days=1)
        report = await it.harvest(SPRING - 5 * DAY, SPRING)
        assert (report.outcome, report.rows) == ("complete", account.total)
        assert it.verdict(SPRING - 5 * DAY, SPRING) == exact(account.total)
