"""Reading by report: the lake is the same as by pages, and the commands know the way."""

import json
from collections import Counter
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
    Behaviour,
    Emulator,
    ListedAccount,
    ReportBehaviour,
    SyntheticAccount,
)
from harvester.examination import examine
from harvester.forecast import forecast
from harvester.inspection import damages, holdings
from harvester.lake.spool import SpoolFile
from harvester.number_key import NumberKey
from harvester.todo import damaged
from harvester.window import Window
from tests.acceptance.harness import DAY, SPRING, bench
from tests.acceptance.oracle import exact
from tests.acceptance.process import served_beside
from tests.acceptance.reporting import (
    CALL,
    END,
    START,
    UNKNOWN,
    differing,
    orders,
    others,
    settings,
)
from tests.acceptance.verifying import verify
from tests.keys import PRIVATE_KEY


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


@pytest.mark.large
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


async def test_filters_narrow_reports_as_they_narrow_pages(tmp_path: Path) -> None:
    """They go along with the order and with the count."""
    calls = SyntheticAccount(1_200, START, END, seed=4)
    async with bench(tmp_path, calls) as it:
        filters = {"application_id": "10733205"}
        paged = await it.harvest(START, END, filters=filters, name="some")
        report = await it.harvest(START, END, dataset=BRIEF_CALLS, filters=filters)
        assert 0 < report.rows == paged.rows < 1_200


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
