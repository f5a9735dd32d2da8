"""Reading by report: ordered once, waited for, proven; and the lake is the same as by pages."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from harvester import spans
from harvester.api.credentials import load_credentials
from harvester.cli.exit_codes import ExitCode
from harvester.cli.main import main
from harvester.datasets import AUDIT, BRIEF_CALLS, CALLS, TRANSACTIONS, Dataset
from harvester.emulator import (
    Account,
    Behaviour,
    Emulator,
    Fault,
    Faults,
    ListedAccount,
    ReportBehaviour,
    SyntheticAccount,
)
from harvester.errors import ReportUnusableError, UnavailableError
from harvester.examination import examine
from harvester.forecast import forecast
from harvester.inspection import damages, holdings
from harvester.lake.spool import SpoolFile
from harvester.number_key import NumberKey
from harvester.todo import damaged
from harvester.window import Window
from tests.acceptance.harness import DAY, SPRING, Bench, bench
from tests.acceptance.oracle import exact
from tests.acceptance.process import served_beside
from tests.acceptance.test_datasets import verify
from tests.keys import PRIVATE_KEY

START, END = SPRING - 4 * DAY, SPRING
LEAVING_OUT: Mapping[str, Mapping[str, bool]] = {
    "calls": {"records": False, "resources": False},
    "transactions": {"extended_info": False},
}
UNKNOWN = {
    "as likely": Behaviour(),
    "exclusive": Behaviour(from_inclusive=False, to_inclusive=False),
    "comma": Behaviour(reports=ReportBehaviour(decimal_mark=",", bom=True, compressed="file", zoned=False)),
    "scattered": Behaviour(reports=ReportBehaviour(order="none", compressed="no", counted=False)),
}


def settings(dataset: Dataset) -> dict[str, Any]:
    """Of a run by report."""
    return {"dataset": dataset, "via": "reports", "switches": LEAVING_OUT.get(dataset.name, {})}


def others(records: int) -> dict[str, Account]:
    """The histories beside the calls."""
    return {
        dataset.name: SyntheticAccount(records, START, END, seed=4, dataset=dataset)
        for dataset in (TRANSACTIONS, AUDIT)
    }


def orders(emulator: Emulator, dataset: Dataset = BRIEF_CALLS) -> int:
    """How many reports were ordered."""
    assert dataset.report is not None
    return [asked.method for asked in emulator.requests].count(dataset.report.method)


def differing(lake: Path, dataset: Dataset) -> int:
    """Rows that only one of two lakes has.

    As far as a CSV carries it: no text and an empty one look the same in it, no list and an empty one, and
    the lines of a session come in any order.
    """
    database = duckdb.connect()
    names = [f'"{item.name}"' for item in dataset.fields if item.name not in {"calls", "records"}]
    names += ["list_sort(calls) AS calls"] if any(item.name == "calls" for item in dataset.fields) else []
    for name in ("pages", "reports"):
        files = f"read_parquet('{lake / name}/{dataset.name}/**/*.parquet', hive_partitioning = false)"
        text = "replace(replace(to_json(line)::VARCHAR, ':\"\"', ':null'), '\"calls\":[]', '\"calls\":null')"
        database.execute(
            f"CREATE TABLE {name} AS SELECT {text} AS line FROM (SELECT {', '.join(names)} FROM {files}) line"
        )
    (row,) = database.execute(
        "SELECT (SELECT count(*) FROM (FROM pages EXCEPT ALL FROM reports))"
        " + (SELECT count(*) FROM (FROM reports EXCEPT ALL FROM pages)), (SELECT count(*) FROM pages)"
    ).fetchall()
    assert row[1] > 0
    return int(row[0])


@pytest.mark.parametrize(
    ("dataset", "behaviour"),
    [
        *((CALLS, behaviour) for behaviour in UNKNOWN.values()),
        (TRANSACTIONS, UNKNOWN["exclusive"]),
        (TRANSACTIONS, UNKNOWN["comma"]),
        (AUDIT, UNKNOWN["as likely"]),
        (AUDIT, UNKNOWN["scattered"]),
    ],
    ids=lambda value: value.name if isinstance(value, Dataset) else "",
)
async def test_pages_and_reports_give_the_same_rows(
    tmp_path: Path, dataset: Dataset, behaviour: Behaviour
) -> None:
    """Whatever the vendor leaves unsaid about bounds, marks, compression, order and counts."""
    calls = SyntheticAccount(1_200, START, END, seed=4)
    async with bench(tmp_path, calls, behaviour, histories=others(1_200)) as it:
        ways = settings(dataset)
        reported = await it.harvest(START, END, lake="reports", **ways)
        paged = await it.harvest(START, END, lake="pages", **{**ways, "via": "pages"})
        assert (reported.outcome, reported.rows) == ("complete", paged.rows)
        assert (reported.quarantined, reported.lacking, reported.reports) == (0, (), 1)
        assert differing(tmp_path, dataset) == 0


async def test_brief_calls_are_the_sessions_that_the_calls_count(tmp_path: Path) -> None:
    """They have no pages: what is counted is what GetCallHistory counts, a month at a time."""
    calls = SyntheticAccount(900, START, START + 60 * DAY, seed=4)
    async with bench(tmp_path, calls) as it:
        report = await it.harvest(START, START + 60 * DAY, dataset=BRIEF_CALLS)
        assert (report.outcome, report.rows, report.reports) == ("complete", 900, 3)
        (held,) = duckdb.execute(
            "SELECT count(DISTINCT call_session_history_id), sum(duration), sum(len(calls)), min(start_date)"
            f" FROM read_parquet('{tmp_path}/lake/brief_calls/**/*.parquet')"
        ).fetchall()
        sent = list(calls.sessions(START, START + 60 * DAY))
        lasted = sum(int(str(session["duration"])) for session in sent)
        assert held[:3] == (900, lasted, sum(str(session).count("'call_id'") for session in sent))
        assert f"{held[3].astimezone(UTC):%Y-%m-%d %H:%M:%S}" == sent[0]["start_date"]
        asked = Counter(asked.method for asked in it.emulator.requests)
        assert asked == {
            "GetBriefCallHistory": 3,
            "GetHistoryReports": 3,
            "DownloadHistoryReport": 3,
            "GetCallHistory": 6,
        }
        assert (await it.harvest(START, START + 60 * DAY, dataset=BRIEF_CALLS)).covered


@pytest.mark.parametrize("empty", ["header", "nothing"])
async def test_a_month_without_records_is_proven_empty(tmp_path: Path, empty: Any) -> None:
    """By a report that holds a header, or not even that."""
    behaviour = Behaviour(reports=ReportBehaviour(empty=empty))
    async with bench(tmp_path, ListedAccount([CALL]), behaviour) as it:
        report = await it.harvest(START, END + 90 * DAY, dataset=BRIEF_CALLS)
        assert (report.outcome, report.rows, report.reports) == ("complete", 1, 4)
        assert (await it.harvest(START, END + 90 * DAY, dataset=BRIEF_CALLS)).covered


async def test_a_slow_report_is_waited_for_with_growing_patience(tmp_path: Path) -> None:
    """Half an hour takes some thirty looks, not a thousand."""
    behaviour = Behaviour(reports=ReportBehaviour(seconds=1_800))
    async with bench(tmp_path, SyntheticAccount(50, START, END, seed=4), behaviour) as it:
        report = await it.harvest(START, END, dataset=BRIEF_CALLS)
        assert (report.outcome, report.rows) == ("complete", 50)
        assert 10 < report.requests < 60


async def test_a_report_that_never_comes_ends_the_run_and_is_picked_up(tmp_path: Path) -> None:
    """After an hour; the next run finds it ready, and orders no second one."""
    behaviour = Behaviour(reports=ReportBehaviour(seconds=10_000))
    async with bench(tmp_path, SyntheticAccount(50, START, END, seed=4), behaviour) as it:
        with pytest.raises(ExceptionGroup) as caught:
            await it.harvest(START, END, dataset=BRIEF_CALLS)
        assert caught.group_contains(UnavailableError, match="picked up, not ordered again", depth=2)
        await asyncio.sleep(10_000)
        report = await it.harvest(START, END, dataset=BRIEF_CALLS)
        assert (report.outcome, report.rows, report.reports) == ("complete", 50, 0)
        assert orders(it.emulator) == 1


async def run_until(it: Bench, method: str, times: int, **more: Any) -> None:
    """Run, and be cancelled when a method is asked for the so many-th time, before it is answered."""
    seen: list[str] = []

    def watch(parameters: Mapping[str, str]) -> None:
        seen.append(parameters["cmd"])
        if seen.count(method) == times:
            task.cancel()

    it.emulator._watch = watch
    task = asyncio.ensure_future(it.harvest(START, END, **{"dataset": BRIEF_CALLS, **more}))
    with pytest.raises(asyncio.CancelledError):
        await task
    it.emulator._watch = None


@pytest.mark.parametrize("repeat_after", [0.0, 1e6], ids=["allowed", "refused"])
@pytest.mark.parametrize("method", ["GetBriefCallHistory", "GetHistoryReports", "DownloadHistoryReport"])
async def test_a_killed_run_picks_its_report_up(tmp_path: Path, method: str, repeat_after: float) -> None:
    """P5: killed before it heard of its order, while it waited, or while it fetched: one order is enough."""
    behaviour = Behaviour(reports=ReportBehaviour(seconds=30, repeat_after=repeat_after))
    async with bench(tmp_path, SyntheticAccount(300, START, END, seed=4), behaviour) as it:
        await run_until(it, method, 1)
        report = await it.harvest(START, END, dataset=BRIEF_CALLS)
        assert (report.outcome, report.rows) == ("complete", 300)
        assert orders(it.emulator) == 1


async def test_an_order_refused_as_repeated_takes_the_report_that_is_listed(tmp_path: Path) -> None:
    """Code 515: another lake of the same account ordered it a moment ago."""
    behaviour = Behaviour(reports=ReportBehaviour(repeat_after=1e6))
    async with bench(tmp_path, SyntheticAccount(300, START, END, seed=4), behaviour) as it:
        await it.harvest(START, END, dataset=BRIEF_CALLS)
        report = await it.harvest(START, END, dataset=BRIEF_CALLS, lake="other")
        assert (report.outcome, report.rows, report.reports) == ("complete", 300, 0)


@pytest.mark.parametrize("look", ["error", "pending"])
async def test_a_failed_report_is_ordered_again(tmp_path: Path, look: Any) -> None:
    """Whether the list says that it failed, or nothing at all; and though a repeat is refused for a while."""
    behaviour = Behaviour(reports=ReportBehaviour(failing=1, failed_look=look, repeat_after=90))
    async with bench(tmp_path, SyntheticAccount(300, START, END, seed=4), behaviour) as it:
        report = await it.harvest(START, END, dataset=BRIEF_CALLS)
        assert (report.outcome, report.rows, report.reports) == ("complete", 300, 2)


async def test_reports_that_always_fail_are_a_gap(tmp_path: Path) -> None:
    """Named with the reason, after shorter ones were tried; nothing is published."""
    behaviour = Behaviour(reports=ReportBehaviour(failing=10_000))
    async with bench(tmp_path, SyntheticAccount(300, START, END, seed=4), behaviour) as it:
        report = await it.harvest(START, END, dataset=BRIEF_CALLS)
        assert (report.outcome, report.rows) == ("gaps", 0)
        assert "failed" in report.gaps[0].reason
        assert report.reports == 3 * (1 + 2 + 4 + 8)
        assert not list((tmp_path / "lake" / "brief_calls").rglob("*.parquet"))


async def test_a_report_that_is_thrown_away_is_ordered_again(tmp_path: Path) -> None:
    """Code 355 says that there is none of its number any more."""
    gone = Behaviour(reports=ReportBehaviour(seconds=10, kept=1))
    async with bench(tmp_path, SyntheticAccount(300, START, END, seed=4), gone) as it:

        def watch(parameters: Mapping[str, str]) -> None:
            if parameters["cmd"] == "GetBriefCallHistory" and orders(it.emulator) == 1:
                it.emulator.behaviour = Behaviour()

        it.emulator._watch = watch
        report = await it.harvest(START, END, dataset=BRIEF_CALLS)
        assert (report.outcome, report.rows, report.reports) == ("complete", 300, 2)


async def test_a_report_that_the_vendor_cuts_is_ordered_in_parts(tmp_path: Path) -> None:
    """It holds fewer records than it says there are: shorter ranges are asked for, and remembered as such."""
    behaviour = Behaviour(reports=ReportBehaviour(most_rows=200))
    async with bench(tmp_path, SyntheticAccount(600, START, END, shape="uniform", seed=4), behaviour) as it:
        report = await it.harvest(START, END, dataset=BRIEF_CALLS)
        assert (report.outcome, report.rows) == ("complete", 600)
        assert report.windows == 4


@pytest.mark.parametrize("lost", [False, True], ids=["kept", "lost"])
async def test_what_was_proven_is_read_from_the_spool_by_the_next_run(
    tmp_path: Path,
    lost: bool,  # noqa: FBT001
) -> None:
    """A part of a partition is there, and the run was killed while it ordered the next one.

    If a power cut took the spool with it, the report is ordered anew.
    """
    behaviour = Behaviour(reports=ReportBehaviour(most_rows=200))
    calls = SyntheticAccount(600, START, END, shape="uniform", seed=4)
    async with bench(tmp_path, calls, behaviour) as it:
        more = {"partition": "month", "concurrency": 1}
        await run_until(it, "GetBriefCallHistory", 6, **more)
        before = orders(it.emulator)
        for path in (tmp_path / "lake" / "_harvester" / "spool").rglob("*.spool") if lost else ():
            path.unlink()
        report = await it.harvest(START, END, dataset=BRIEF_CALLS, **more)
        assert (report.outcome, report.rows) == ("complete", 600)
        assert (report.replayed == 0) is lost
        assert (orders(it.emulator) - before < 4) is not lost


async def test_rows_beyond_the_memory_are_read_again_from_the_report(tmp_path: Path) -> None:
    """A partition that waits for its first part keeps the others in the spool alone."""
    behaviour = Behaviour(reports=ReportBehaviour(most_rows=200))
    calls = SyntheticAccount(600, START, END, shape="uniform", seed=4)
    async with bench(tmp_path, calls, behaviour) as it:
        report = await it.harvest(START, END, dataset=BRIEF_CALLS, partition="month", memory=2)
        assert (report.outcome, report.published_rows) == ("complete", 600)


async def test_the_first_signal_waits_for_no_report(tmp_path: Path) -> None:
    """What is ordered is left to the next run, which picks it up."""
    behaviour = Behaviour(reports=ReportBehaviour(seconds=1_000))
    async with bench(tmp_path, SyntheticAccount(300, START, END, seed=4), behaviour) as it:
        backfill = it.backfill(START, END, dataset=BRIEF_CALLS)

        def watch(parameters: Mapping[str, str]) -> None:
            if parameters["cmd"] == "GetHistoryReports":
                backfill.stop()

        it.emulator._watch = watch
        began = asyncio.get_running_loop().time()
        assert (await backfill.run()).outcome == "interrupted"
        assert asyncio.get_running_loop().time() - began < 10
        it.emulator._watch = None
        assert (await it.harvest(START, END, dataset=BRIEF_CALLS)).rows == 300
        assert orders(it.emulator) == 1


@pytest.mark.parametrize(
    ("rate", "records", "method"),
    [(0.04, 3_000, "GetAuditLogAsync"), (8.0, 3_000, "GetAuditLog"), (None, 3_000, "GetAuditLog")],
)
async def test_auto_goes_the_way_that_is_quicker(
    tmp_path: Path, rate: float | None, records: int, method: str
) -> None:
    """By report if the pages would take longer, at the budget, than a report is taken to need."""
    async with bench(tmp_path, ListedAccount(), histories=others(records)) as it:
        report = await it.harvest(START, END, dataset=AUDIT, via="auto", rate=rate)
        assert (report.outcome, report.rows) == ("complete", records)
        assert it.verdict(START, END, dataset=AUDIT).missing == 0
        assert it.emulator.requests[1].method == method


@pytest.mark.parametrize(
    "behaviour",
    [
        ReportBehaviour(lacking=frozenset({"ip"})),
        ReportBehaviour(lacking=frozenset({"requested"})),
        ReportBehaviour(failing=1_000),
    ],
    ids=["a field", "the time", "all of it"],
)
async def test_auto_takes_nothing_poorer_than_pages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, behaviour: ReportBehaviour
) -> None:
    """What a report lacks is read by pages; a lacking field is remembered, and none is ordered again."""
    monkeypatch.setattr(spans, "WAIT", 0.0)
    async with bench(tmp_path, ListedAccount(), Behaviour(reports=behaviour), histories=others(3_000)) as it:
        report = await it.harvest(START, END - DAY, dataset=AUDIT, via="auto", rate=8.0)
        assert report.outcome == "complete"
        assert it.verdict(START, END - DAY, dataset=AUDIT).missing == 0
        before = orders(it.emulator, AUDIT)
        await it.harvest(START, END, dataset=AUDIT, via="auto", rate=8.0)
        assert it.verdict(START, END, dataset=AUDIT) == exact(3_000)
        assert (orders(it.emulator, AUDIT) == before) is bool(behaviour.lacking == {"ip"})


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


CALL = {
    "call_session_history_id": 7,
    "account_id": 4_714_487,
    "start_date": "2024-03-29 10:00:00",
    "duration": 5,
    "active": False,
}


async def test_repair_and_verify_know_the_way(tmp_path: Path) -> None:
    """What came late is counted by GetCallHistory, and read by report."""
    calls = ListedAccount([CALL])
    async with bench(tmp_path, calls) as it:
        await it.harvest(START, END, dataset=BRIEF_CALLS)
        calls.add({**CALL, "call_session_history_id": 8})
        result = await verify(it, "brief_calls", against_api=True)
        assert [count.api - count.lake for count in result.differing] == [1]
        (holding,) = holdings(tmp_path / "lake", name="brief_calls")
        window = damages(holding)
        assert window is not None
        report = await it.harvest(window.start, window.end, dataset=BRIEF_CALLS, scope=damaged)
        assert (report.outcome, report.rows, report.reports) == ("complete", 2, 1)
        assert (await verify(it, "brief_calls", against_api=True)).is_sound


@pytest.mark.parametrize(("way", "reports"), [("reports", 1), ("auto", 1), ("pages", 0)])
async def test_the_plan_counts_reports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str, reports: int
) -> None:
    """A handful of requests each, whatever they hold, and the time they are waited for."""
    monkeypatch.setattr(spans, "WAIT", 0.1)
    async with bench(tmp_path, ListedAccount(), histories=others(3_000)) as it:
        backfill = it.backfill(START, END, dataset=AUDIT, via=way, rate=8.0)
        plan = await forecast(backfill._job, load_credentials(it.folder / "key.json")[0])
        assert (plan.estimate.rows, plan.asked) == (3_000, 1)
        assert (plan.estimate.requests == spans.REQUESTS) is bool(reports)
        assert plan.windows == [(Window(START, END), 3_000)]


@pytest.mark.parametrize("role", ["Supervisor", "Payer"])
async def test_check_looks_at_the_list_of_reports(tmp_path: Path, role: str) -> None:
    """Where reports are needed."""
    async with bench(tmp_path, ListedAccount()) as it:
        (tmp_path / "key.json").touch(mode=0o600)
        (tmp_path / "key.json").write_text(json.dumps(it.emulator.credentials(role)))
        backfill = it.backfill(START, END, dataset=BRIEF_CALLS)
        found = {item.subject: item.failure async for item in examine(backfill._job)}
        assert ("reports" in found) is (role == "Supervisor")
        assert (found["token and role"] is None) is (role == "Supervisor")


async def test_evidence_is_kept_of_reports_too(tmp_path: Path) -> None:
    """The order, the list's word and the file, as received."""
    async with bench(tmp_path, ListedAccount([CALL])) as it:
        await it.harvest(START, END, dataset=BRIEF_CALLS, keep_raw=True)
        (path,) = (tmp_path / "lake" / "_harvester" / "raw" / "brief_calls").iterdir()
        file = SpoolFile(path)
        kept = b"".join(body for _, body in file.answers())
        assert b"history_report_id" in kept
        assert b"calculated_data" in kept


@pytest.mark.parametrize("of_pages", [True, False], ids=["pages inclusive", "pages exclusive"])
@pytest.mark.parametrize("of_reports", [(True, True), (True, False), (False, True), (False, False)])
@pytest.mark.parametrize("dense", [True, False], ids=["dense", "sparse"])
async def test_bounds_may_mean_anything(
    tmp_path: Path,
    of_pages: bool,  # noqa: FBT001
    of_reports: tuple[bool, bool],
    dense: bool,  # noqa: FBT001
) -> None:
    """Of reports and of counts, each: with a record in every second, or on the bounds alone."""
    start, end = SPRING - 600, SPRING - 400
    seconds = range(start - 200, end + 200) if dense else (start - 1, start, end - 1, end)
    stamp = "%Y-%m-%d %H:%M:%S"
    calls = ListedAccount(
        {**CALL, "call_session_history_id": at, "start_date": datetime.fromtimestamp(at, UTC).strftime(stamp)}
        for at in seconds
    )
    behaviour = Behaviour(
        from_inclusive=of_pages, to_inclusive=of_pages, reports=ReportBehaviour(inclusive=of_reports)
    )
    async with bench(tmp_path, calls, behaviour) as it:
        report = await it.harvest(start, end, dataset=BRIEF_CALLS)
        assert (report.outcome, report.rows, report.reports) == ("complete", 200 if dense else 2, 1)


def test_the_command_reads_by_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As users type it; whose key may order but not download is told which roles may."""
    days = ("--from", "2024-05-01", "--to", "2024-05-03")
    order = ["backfill", *days, "--lake", str(tmp_path / "lake"), "--dataset", "brief_calls", "--quiet"]
    calls = SyntheticAccount(200, 1_714_521_600, 1_714_694_400, seed=4)
    emulator = Emulator(calls, private_key=PRIVATE_KEY)
    with served_beside(tmp_path, emulator) as served:
        served.credentials.write_text(json.dumps(emulator.credentials("Support")))
        assert main([*order, *served.options]) == ExitCode.REFUSED
        assert "needs one of Owner, Admin, Supervisor, Accountant, Payer" in capsys.readouterr().err
        served.credentials.write_text(json.dumps(emulator.credentials("Supervisor")))
        assert main([*order, *served.options]) == ExitCode.COMPLETE
        assert "0 ordered" not in capsys.readouterr().out
    assert orders(emulator) == 1, "the second run picks up what the first one ordered"


FETCHING = "DownloadHistoryReport"


@pytest.mark.parametrize(
    ("kind", "method", "reports"),
    [
        ("cut_body", FETCHING, 1),
        ("http_503", FETCHING, 1),
        ("html_200", FETCHING, 1),
        ("empty_200", FETCHING, 1),
        ("reset", FETCHING, 1),
        ("reset", "GetBriefCallHistory", 1),
        ("html_200", "GetBriefCallHistory", 1),
        ("error_code", "GetHistoryReports", 1),
        ("empty_200", "GetHistoryReports", 1),
        ("missing_total", "GetCallHistory", 1),
        ("missing_total", FETCHING, 1),
    ],
)
async def test_passing_faults_cost_time(tmp_path: Path, kind: str, method: str, reports: int) -> None:
    """What fails once is tried again; a damaged file is fetched again before it is ordered again."""
    fault = Fault(kind, share=1.0, when=lambda parameters: parameters["cmd"] == method)
    calls = SyntheticAccount(300, START, END, seed=4)
    async with bench(tmp_path, calls, Behaviour(reports=ReportBehaviour(seconds=5))) as it:

        def watch(parameters: Mapping[str, str]) -> None:
            first = parameters["cmd"] == method and not any(item.fault for item in it.emulator.requests)
            it.emulator.faults = Faults((fault,) if first else ())

        it.emulator._watch = watch
        report = await it.harvest(START, END, dataset=BRIEF_CALLS)
        assert (report.outcome, report.rows) == ("complete", 300)
        assert any(item.fault for item in it.emulator.requests)
        assert report.reports == reports


async def test_a_count_that_is_never_told_ends_the_run(tmp_path: Path) -> None:
    """Asked so often that a passing fault is none; then what is not known is not proven."""
    fault = Fault("missing_total", share=1.0, when=lambda parameters: parameters["cmd"] == "GetCallHistory")
    async with bench(tmp_path, SyntheticAccount(30, START, END, seed=4), faults=Faults((fault,))) as it:
        with pytest.raises(UnavailableError, match="gives no total, asked 3 times"):
            await it.harvest(START, END, dataset=BRIEF_CALLS)
        assert len(it.emulator.requests) == 3


async def test_a_running_session_is_left_to_a_later_run(tmp_path: Path) -> None:
    """If the report has a column that says so."""
    running = {**CALL, "call_session_history_id": 8, "start_date": "2024-03-30 10:00:00", "active": True}
    calls = ListedAccount([CALL, running])
    async with bench(tmp_path, calls) as it:
        report = await it.harvest(START, END, dataset=BRIEF_CALLS, active_lag=10**9)
        assert (report.outcome, len(report.running)) == ("complete", 1)
        calls.replace({**running, "active": False, "duration": 77})
        report = await it.harvest(START, END, dataset=BRIEF_CALLS, active_lag=10**9)
        assert (report.outcome, report.rows, report.running) == ("complete", 1, ())
        (row,) = duckdb.execute(
            f"SELECT count(*), max(duration) FROM read_parquet('{tmp_path}/lake/brief_calls/**/*.parquet')"
        ).fetchall()
        assert row == (2, 77)


async def test_a_report_of_an_earlier_run_does_not_show_what_runs_now(tmp_path: Path) -> None:
    """A session that ran when the report was made, and has ended since, is published as it is now."""
    running = {**CALL, "call_session_history_id": 8, "start_date": "2024-03-30 10:00:00", "active": True}
    calls = ListedAccount([CALL, running])
    slow = Behaviour(reports=ReportBehaviour(seconds=5_000))
    async with bench(tmp_path, calls, slow) as it:
        with pytest.RaisesGroup(pytest.RaisesExc(UnavailableError), flatten_subgroups=True):
            await it.harvest(START, END, dataset=BRIEF_CALLS, active_lag=60)
        calls.replace({**running, "active": False, "duration": 77})
        await asyncio.sleep(3_600)
        it.emulator.behaviour = Behaviour()
        report = await it.harvest(START, END, dataset=BRIEF_CALLS, active_lag=60)
        assert (report.outcome, report.rows, report.reports, report.stale) == ("complete", 2, 1, 0)
        query = (
            f"SELECT max(duration), count(*) FILTER (active) FROM '{tmp_path}/lake/brief_calls/**/*.parquet'"
        )
        assert duckdb.execute(query).fetchall() == [(77, 0)]


async def test_filters_narrow_reports_as_they_narrow_pages(tmp_path: Path) -> None:
    """They go along with the order and with the count."""
    calls = SyntheticAccount(1_200, START, END, seed=4)
    async with bench(tmp_path, calls) as it:
        filters = {"application_id": "10733205"}
        paged = await it.harvest(START, END, filters=filters, name="some")
        report = await it.harvest(START, END, dataset=BRIEF_CALLS, filters=filters)
        assert 0 < report.rows == paged.rows < 1_200


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


async def test_numbers_are_hidden_in_reports_too(tmp_path: Path) -> None:
    """In the rows, and in quarantine."""
    odd = {**CALL, "call_session_history_id": 8, "duration": "a while"}
    calls = ListedAccount([{**item, "calls": [{"remote_number": "79991234567"}]} for item in (CALL, odd)])
    async with bench(tmp_path, calls) as it:
        report = await it.harvest(START, END, dataset=BRIEF_CALLS, number_key=NumberKey(b"k" * 32))
        assert (report.rows, report.quarantined) == (1, 1)
        (row,) = duckdb.execute(
            f"SELECT calls[1].remote_number FROM read_parquet('{tmp_path}/lake/brief_calls/**/*.parquet')"
        ).fetchall()
        hashed = NumberKey(b"k" * 32).hashed(b"79991234567")
        assert row == (hashed,)
        (path,) = (tmp_path / "lake" / "_harvester" / "quarantine" / "brief_calls").iterdir()
        assert hashed in path.read_text()
        assert "79991234567" not in path.read_text()


async def test_flat_tables_come_by_report_too(tmp_path: Path) -> None:
    """Sessions and calls apart, as many as the account has."""
    calls = SyntheticAccount(300, START, END, seed=4)
    async with bench(tmp_path, calls) as it:
        report = await it.harvest(START, END, dataset=BRIEF_CALLS, tables="flat")
        assert report.outcome == "complete"
        lake = tmp_path / "lake" / "brief_calls."
        rows = {
            name: duckdb.execute(f"SELECT count(*) FROM read_parquet('{lake}{name}/**/*.parquet')").fetchall()
            for name in ("sessions", "calls")
        }
        legs = sum(str(session).count("'call_id'") for session in calls.sessions(START, END))
        assert rows == {"sessions": [(300,)], "calls": [(legs,)]}
