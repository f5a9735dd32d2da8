"""``sync``, round by round: what is new, what was left open, and what changed after it was published."""

import asyncio
from dataclasses import replace
from errno import ENOSPC
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from harvester.api.credentials import load_credentials
from harvester.datasets import BRIEF_CALLS
from harvester.errors import LakeError, UnavailableError
from harvester.harvest import Backfill
from harvester.lake.catalog import Catalog
from harvester.look_back import LookBack
from harvester.window import Window
from tests.acceptance.harness import DAY, SPRING
from tests.acceptance.living import Living, LivingAccount
from tests.acceptance.oracle import exact
from tests.acceptance.syncing import Watched, watched

pytestmark = pytest.mark.large

HOUR = 3_600
BEGINS = SPRING + 3 * DAY + 12 * HOUR
SPAN = Window(SPRING, BEGINS - HOUR)


def each(seconds: int, *special: Living, span: Window = SPAN) -> LivingAccount:
    """A session every so many seconds, and special ones, as they are at noon of the fourth day."""
    taken = {session.second for session in special}
    plain = [Living(second, second) for second in range(span.start, span.end, seconds) if second not in taken]
    return LivingAccount([*plain, *special], BEGINS)


async def _pass(hours: float) -> None:
    """Let time pass."""
    await asyncio.sleep(hours * HOUR)


def _read(it: Watched) -> list[str]:
    """What was asked for since the last look, without counts."""
    asked = [item.parameters for item in it.emulator.requests if item.parameters["count"] != "1"]
    it.emulator.reset()
    return [f"{item['from_date']} {item['offset']}" for item in asked]


async def test_a_quiet_round_costs_a_page_and_a_count_a_partition(tmp_path: Path) -> None:
    """Nothing changed: one page of what is new, one count of each partition of the look-back."""
    account = each(3_600, span=Window(SPRING, BEGINS + DAY))
    async with watched(tmp_path, account, BEGINS) as it:
        first = await it.once(it.job(SPRING))
        assert (first.outcome, first.rows, first.counts) == ("complete", 59, ())
        await _pass(1)
        it.emulator.reset()
        second = await it.once(it.job(SPRING))
        assert (second.outcome, second.rows, len(second.counts), second.changed) == ("complete", 1, 3, ())
        _, *rest = it.emulator.requests
        learned = 8  # once: what the bounds of a range mean
        assert len(rest) - len(second.counts) <= learned
        await _pass(1)
        it.emulator.reset()
        third = await it.once(it.job(SPRING))
        assert third.requests == len(it.emulator.requests) == 1 + len(third.counts)


async def test_a_late_session_is_found_by_counts_and_taken_in(tmp_path: Path) -> None:
    """Half by half, until a page holds it; the other pages of its partition are not read."""
    late = Living(1, SPRING + 2 * DAY + 5 * HOUR, appears=BEGINS + HOUR)
    account = each(300, late)
    async with watched(tmp_path, account, BEGINS, page_size=20) as it:
        await it.once(it.job(SPRING))
        await _pass(0.5)
        await it.once(it.job(SPRING))  # by now the bounds are known
        await _pass(1)
        it.emulator.reset()
        done = await it.once(it.job(SPRING))
        (change,) = done.changed
        assert late.second in change.window
        assert change.lake < 20
        assert len(_read(it)) == 2
        assert it.verdict(SPAN) == exact(account.total)


async def test_a_session_that_goes_is_taken_out(tmp_path: Path) -> None:
    """The partition is read anew and replaced, by fewer rows."""
    gone = Living(1, SPRING + 2 * DAY + 5 * HOUR, leaves=BEGINS + HOUR)
    account = each(1_800, gone)
    async with watched(tmp_path, account, BEGINS) as it:
        await it.once(it.job(SPRING))
        await _pass(2)
        done = await it.once(it.job(SPRING))
        assert len(done.changed) == 1
        assert it.verdict(SPAN) == exact(account.total)


async def test_a_change_beyond_the_look_back_is_left_to_verify(tmp_path: Path) -> None:
    """Older partitions are not counted."""
    late = Living(1, SPRING + 5 * HOUR, appears=BEGINS + HOUR)
    account = each(1_800, late)
    async with watched(tmp_path, account, BEGINS) as it:
        await it.once(it.job(SPRING))
        await _pass(2)
        done = await it.once(it.job(SPRING))
        assert (done.changed, it.verdict(SPAN).missing) == ((), 1)


@pytest.mark.parametrize("what", ["costed", "transcribed"])
async def test_what_is_unfinished_is_read_again_when_it_is_due(tmp_path: Path, what: str) -> None:
    """A cost or a transcript that comes late changes no count; its second alone is read, at a few ages."""
    second = BEGINS - 2 * HOUR
    unfinished = Living(1, second, **{what: BEGINS + 5 * HOUR})
    account = each(1_800, unfinished)
    async with watched(tmp_path, account, BEGINS) as it:
        await it.once(it.job(SPRING))
        for _ in range(4):  # up to an age of ten hours; it is due after three, and after twelve
            await _pass(2)
            await it.once(it.job(SPRING))
        assert it.verdict(SPAN) == replace(exact(account.total), missing=1, surplus=1)
        await _pass(3)
        await it.once(it.job(SPRING))
        assert it.verdict(SPAN) == exact(account.total)


async def test_flat_tables_show_what_is_unfinished_too(tmp_path: Path) -> None:
    """The cost of a call stands in a table of its own, and so does its transcript."""
    late = Living(1, BEGINS - 2 * HOUR, costed=BEGINS + HOUR / 2, transcribed=BEGINS + HOUR / 2)
    account = each(1_800, late)
    async with watched(tmp_path, account, BEGINS) as it:
        job = it.job(SPRING, tables="flat")
        await it.once(job)
        await _pass(3)
        done = await it.once(job)
        assert (done.outcome, done.changed) == ("complete", ())
        costs = sum(
            row["cost"] is not None
            for path in sorted((tmp_path / "lake").rglob("*.parquet"))
            if "cost" in (names := pq.read_schema(path).names) and "call_id" in names
            for row in pq.read_table(path, partitioning=None).to_pylist()
        )
        assert costs == account.total


async def test_a_row_that_looks_final_is_not_read_again_but_for_the_asking(tmp_path: Path) -> None:
    """No count tells of a cost that changes once more; --reread reads all of the look-back."""
    account = each(1_800)
    async with watched(tmp_path, account, BEGINS) as it:
        await it.once(it.job(SPRING))
        record = dict(next(account.sessions(BEGINS - 20 * HOUR, BEGINS)))
        account.replace({**record, "duration": 61})
        await _pass(72)
        quiet = await it.once(it.job(SPRING))
        assert (quiet.changed, it.verdict(SPAN).missing) == ((), 1)
        record = dict(next(account.sessions(BEGINS - 5 * HOUR, BEGINS)))
        account.replace({**record, "duration": 62})
        await it.once(it.job(SPRING), look_back=LookBack(6 * DAY, reread=True))
        assert it.verdict(SPAN) == exact(account.total)


async def test_a_running_call_is_asked_for_in_each_round_until_it_ends(tmp_path: Path) -> None:
    """Together with what is new, if a page brings both; the partition is counted as one all the same."""
    runs = Living(1, BEGINS - 2 * HOUR, ends=BEGINS + 3 * HOUR)
    account = each(1_800, runs)
    async with watched(tmp_path, account, BEGINS) as it:
        await it.once(it.job(SPRING))
        for hours in range(1, 5):
            await _pass(1)
            it.emulator.reset()
            done = await it.once(it.job(SPRING))
            assert (done.changed, len(done.counts)) == ((), 3)
            assert bool(done.reports[0].running) is (hours < 3)
            assert len(_read(it)) == 1
        assert it.verdict(SPAN) == exact(account.total)


async def test_history_is_filled_last_and_newest_first(tmp_path: Path) -> None:
    """The round comes before the history; the history's youngest partitions come before its oldest."""
    span = Window(SPRING, SPRING + 70 * DAY)
    account = LivingAccount([Living(n, n) for n in range(span.start, span.end, 6 * HOUR)], span.end)
    async with watched(tmp_path, account, span.end + HOUR) as it:
        await it.once(it.job(span.start))
        starts = [asked.split(" 0")[0] for asked in _read(it)]
        firsts = list(dict.fromkeys(day[:10] for day in starts))
        assert firsts[0] > firsts[1] > firsts[2]
        assert it.verdict(span) == exact(account.total)


async def test_a_gap_of_the_history_is_tried_once(tmp_path: Path) -> None:
    """It is named, and the rest of the history is filled all the same."""
    crowd = [Living(key, SPRING + HOUR) for key in range(1, 30)]
    account = LivingAccount([*crowd, Living(99, SPRING + 40 * DAY)], BEGINS)
    async with watched(tmp_path, account, SPRING + 50 * DAY, page_size=1) as it:
        done = await it.once(it.job(SPRING))
        assert (done.outcome, len(done.gaps)) == ("gaps", 1)
        assert SPRING + HOUR in done.gaps[0].window


async def test_answers_of_a_killed_round_do_not_pass_for_those_of_today(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was read anew and not published is read anew again: days may lie between."""
    late = Living(1, BEGINS - 3 * HOUR, costed=BEGINS + 20 * HOUR)
    account = each(1_800, late)
    async with watched(tmp_path, account, BEGINS) as it:
        await it.once(it.job(SPRING))

        def refuse(*_: object) -> None:
            raise OSError(ENOSPC, "No space left on device")

        await _pass(1)
        with monkeypatch.context() as patch:
            patch.setattr(Catalog, "intend", refuse)
            with pytest.raises(OSError, match="No space left"):
                await it.once(it.job(SPRING))
        await _pass(40)
        await it.once(it.job(SPRING))
        await _pass(1)
        await it.once(it.job(SPRING))
        assert it.verdict(SPAN) == exact(account.total)


async def test_a_round_that_failed_before_it_counted_is_made_up_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It moved the end of what is covered, and looked back at nothing: the next one does, days later."""
    late = Living(1, BEGINS - 5 * HOUR, appears=BEGINS + HOUR)
    account = each(1_800, late)
    async with watched(tmp_path, account, BEGINS) as it:
        job = replace(it.job(SPRING), window=SPAN)
        await Backfill(job, load_credentials(it.folder / "key.json")[0], now=it.now).run()
        await _pass(5 * 24)

        async def refuse(*_: object, **__: object) -> None:
            raise UnavailableError("the API is away")

        with monkeypatch.context() as patch:
            patch.setattr("harvester.sync.recount", refuse)
            with pytest.raises(UnavailableError):
                await it.once(it.job(SPRING))
        await _pass(5 * 24)
        done = await it.once(it.job(SPRING))
        assert len(done.changed) == 1
        assert it.verdict(SPAN) == exact(account.total)


async def test_a_damaged_file_is_said_with_its_remedy(tmp_path: Path) -> None:
    """It is not passed over: nobody could say what of it is unfinished."""
    async with watched(tmp_path, each(1_800), BEGINS) as it:
        await it.once(it.job(SPRING))
        for path in sorted((tmp_path / "lake" / "calls").rglob("*.parquet"))[-1:]:
            path.write_bytes(b"PAR1" + path.read_bytes()[4:-8] + b"\0" * 8)
        await _pass(3)
        with pytest.raises(LakeError, match=r"is damaged or gone; harvester verify and repair mend it$"):
            await it.once(it.job(SPRING))


async def test_a_round_goes_on_where_a_backfill_ended(tmp_path: Path) -> None:
    """It looks back from the end of what is covered: what was read last was young then, however long ago."""
    account = each(1_800, Living(1, BEGINS - 3 * HOUR, costed=BEGINS + 20 * HOUR))
    async with watched(tmp_path, account, BEGINS) as it:
        job = replace(it.job(SPRING), window=SPAN)
        await Backfill(job, load_credentials(it.folder / "key.json")[0], now=it.now).run()
        await _pass(10 * 24)
        done = await it.once(it.job(SPRING))
        assert done.fresh is not None
        assert (done.outcome, done.covered) == ("complete", done.fresh.end)
        assert it.verdict(SPAN) == exact(account.total)


async def test_calls_that_can_be_had_by_report_only_are_kept_up_to_date(tmp_path: Path) -> None:
    """What is new is ordered; a partition is counted by its pages, and one that changed is ordered anew."""
    late = Living(1, SPRING + 2 * DAY + 5 * HOUR, appears=BEGINS + HOUR)
    account = each(3_600, late, span=Window(SPRING, BEGINS + DAY))
    async with watched(tmp_path, account, BEGINS) as it:
        job = it.job(SPRING, dataset=BRIEF_CALLS, name="brief_calls")
        first = await it.once(job)
        assert (first.outcome, first.rows) == ("complete", 58)
        await _pass(3)
        it.emulator.reset()
        second = await it.once(job)
        assert (second.outcome, len(second.changed)) == ("complete", 1)
        orders = [item for item in it.emulator.requests if item.method == "GetBriefCallHistory"]
        assert len(orders) == sum(report.reports for report in second.reports)
        assert 1 <= len(orders) <= 3
        there = account.sessions(SPRING, BEGINS + 2 * HOUR + 60)
        wanted = sorted(int(str(item["call_session_history_id"])) for item in there)
        assert keys(tmp_path / "lake" / "brief_calls") == wanted
        await _pass(1)
        it.emulator.reset()
        quiet = await it.once(job)
        assert (quiet.outcome, quiet.rows, quiet.changed) == ("complete", 1, ())


def keys(folder: Path) -> list[int]:
    """Of the published rows, ascending."""
    query = f"SELECT call_session_history_id FROM read_parquet('{folder}/**/*.parquet')"
    return sorted(key for (key,) in duckdb.execute(query).fetchall())
