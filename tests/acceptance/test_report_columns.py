"""What a report holds: columns that are missing or unknown, and lines that cannot be believed."""

from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pytest

from harvester.datasets import AUDIT, BRIEF_CALLS
from harvester.emulator import (
    Behaviour,
    Fault,
    Faults,
    ListedAccount,
    ReportBehaviour,
)
from harvester.errors import ReportUnusableError
from harvester.window import as_text
from tests.acceptance.harness import DAY, SPRING, bench
from tests.acceptance.reporting import CALL, END, FETCHING, START, others

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


async def test_a_column_that_is_not_there_is_null_and_named(tmp_path: Path) -> None:
    """By report alone, what it has no column for cannot be known."""
    behaviour = Behaviour(reports=ReportBehaviour(lacking=frozenset({"ip"})))
    async with bench(tmp_path, ListedAccount(), behaviour, histories=others(100)) as it:
        report = await it.harvest(START, END, dataset=AUDIT, via="reports")
        assert (report.outcome, report.lacking) == ("complete", ("ip",))
        (counted,) = duckdb.execute(
            f"SELECT count(*), count(ip) FROM read_parquet('{tmp_path}/lake/audit/**/*.parquet')"
        ).fetchall()
        assert counted == (100, 0)


async def test_without_a_column_for_the_key_there_is_nothing_to_prove(tmp_path: Path) -> None:
    """The run ends at once, and says which columns there are."""
    behaviour = Behaviour(reports=ReportBehaviour(lacking=frozenset({"audit_log_id"})))
    async with bench(tmp_path, ListedAccount(), behaviour, histories=others(100)) as it:
        with pytest.raises(ExceptionGroup) as caught:
            await it.harvest(START, END, dataset=AUDIT, via="reports")
        assert caught.group_contains(ReportUnusableError, match="only account_id, requested", depth=2)


async def test_a_column_that_is_not_known_is_kept(tmp_path: Path) -> None:
    """In extra, under its own name: of the session, or of the call that the line is about."""
    behaviour = Behaviour(reports=ReportBehaviour(further=(("session_mood", "calm"), ("call_codec", "opus"))))
    calls = ListedAccount([{**CALL, "calls": [{"call_id": 1}, {"call_id": 2}]}])
    async with bench(tmp_path, calls, behaviour) as it:
        report = await it.harvest(START, END, dataset=BRIEF_CALLS)
        assert dict(report.unknown) == {"session_mood": 1, "calls[].call_codec": 2}
        (row,) = duckdb.execute(
            f"SELECT extra FROM read_parquet('{tmp_path}/lake/brief_calls/**/*.parquet')"
        ).fetchall()
        assert row == (
            '{"session_mood":"calm","calls":{"0":{"call_codec":"opus"},"1":{"call_codec":"opus"}}}',
        )


async def test_a_line_that_does_not_fit_goes_to_quarantine(tmp_path: Path) -> None:
    """And counts as received."""
    odd = {**CALL, "call_session_history_id": 8, "duration": "a while"}
    async with bench(tmp_path, ListedAccount([CALL, odd])) as it:
        report = await it.harvest(START, END, dataset=BRIEF_CALLS)
        assert (report.outcome, report.rows, report.quarantined) == ("complete", 1, 1)
        (path,) = (tmp_path / "lake" / "_harvester" / "quarantine" / "brief_calls").iterdir()
        assert "duration: a text where INTEGER is documented" in path.read_text()


async def test_a_record_that_the_report_does_not_hold_is_missed(tmp_path: Path) -> None:
    """P1: though its own count agrees, the separate count of the API does not."""
    calls = ListedAccount([CALL, {**CALL, "call_session_history_id": 8}])
    async with bench(tmp_path, calls) as it:
        late: Callable[[Mapping[str, str]], None] = lambda parameters: (  # noqa: E731
            calls.add({**CALL, "call_session_history_id": 9})
            if parameters["cmd"] == "DownloadHistoryReport" and calls.total == 2
            else None
        )
        it.emulator._watch = late
        report = await it.harvest(START, END, dataset=BRIEF_CALLS)
        assert (report.outcome, report.rows, report.reports) == ("complete", 3, 2)


@pytest.mark.parametrize("from_inclusive", [True, False])
@pytest.mark.parametrize("to_inclusive", [True, False])
async def test_a_record_is_missed_where_every_second_holds_one(
    tmp_path: Path,
    from_inclusive: bool,  # noqa: FBT001
    to_inclusive: bool,  # noqa: FBT001
) -> None:
    """P1: it is not taken for one on the bounds of the count, whatever those mean; that is asked once."""
    start, end = SPRING - 600, SPRING - 400

    def call(number: int, second: int) -> dict[str, object]:
        return {**CALL, "call_session_history_id": number, "start_date": as_text(second)}

    calls = ListedAccount(call(number, start - 100 + number) for number in range(400))
    behaviour = Behaviour(from_inclusive=from_inclusive, to_inclusive=to_inclusive)
    async with bench(tmp_path, calls, behaviour) as it:
        late: Callable[[Mapping[str, str]], None] = lambda parameters: (  # noqa: E731
            calls.add(call(999, start + 50)) if parameters["cmd"] == FETCHING and calls.total == 400 else None
        )
        it.emulator._watch = late
        report = await it.harvest(start, end, dataset=BRIEF_CALLS)
        assert (report.outcome, report.rows, report.reports) == ("complete", 201, 2)
        asked = [asked.method for asked in it.emulator.requests].count("GetCallHistory")
        assert asked == 6 + (not from_inclusive)  # once, beside two counts with what is on their ends


MISFITS = [{**CALL, "call_session_history_id": number, "duration": "a while"} for number in range(30)]


@pytest.mark.parametrize(
    ("records", "reports", "faults", "reason"),
    [
        ([CALL], ReportBehaviour(miscounted=1), Faults(), "holds 1 records, and the list says 2"),
        (MISFITS, ReportBehaviour(), Faults(), "no record of the report fits the schema"),
        (
            [CALL],
            ReportBehaviour(),
            Faults((Fault("cut_body", share=1.0, when=lambda asked: asked["cmd"] == FETCHING),)),
            "the report cannot be read: the gzip file is cut short",
        ),
    ],
    ids=["miscounted", "misfits", "cut"],
)
async def test_a_report_that_cannot_be_believed_is_a_gap(
    tmp_path: Path, records: list[dict[str, object]], reports: ReportBehaviour, faults: Faults, reason: str
) -> None:
    """With what is wrong with it; that a few records do not fit is another matter."""
    async with bench(tmp_path, ListedAccount(records), Behaviour(reports=reports), faults) as it:
        start = SPRING - 3 * DAY + 36_000  # the second of the records
        report = await it.harvest(start, start + 1, dataset=BRIEF_CALLS)
        assert (report.outcome, len(report.gaps)) == ("gaps", 1)
        assert reason in report.gaps[0].reason
