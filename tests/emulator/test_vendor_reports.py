"""The vendor's own client orders, looks at and downloads reports of the emulator."""

import csv
import io
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from voximplant.apiclient import VoximplantAPI, VoximplantException

from harvester.datasets import AUDIT, TRANSACTIONS
from harvester.emulator import Behaviour, Emulator, ReportBehaviour, SyntheticAccount
from tests.emulator.asking import PRIVATE_KEY
from tests.emulator.vendor import Ask, Task, asking

pytestmark = pytest.mark.real_time

START = datetime(2024, 5, 29, tzinfo=UTC)
RANGE = {"from_date": START, "to_date": START + timedelta(days=1)}
FIRST = int(START.timestamp())
ORDERS: dict[str, Callable[[VoximplantAPI], Any]] = {
    "calls": lambda client: client.get_call_history_async(**RANGE, with_calls=True),
    "calls_brief": lambda client: client.get_brief_call_history("csv", **RANGE, with_header=True),
    "transactions": lambda client: client.get_transaction_history_async(**RANGE, output="csv"),
    "audit": lambda client: client.get_audit_log_async(**RANGE),
}
KEYS = {"calls": "session_id", "calls_brief": "session_id", "audit": "audit_log_id"}


def emulator(reports: ReportBehaviour | None = None) -> Emulator:
    """An account with a day of each history."""
    return Emulator(
        SyntheticAccount(300, FIRST, FIRST + 86_400, seed=5),
        Behaviour(reports=reports or ReportBehaviour()),
        private_key=PRIVATE_KEY,
        histories={
            dataset.name: SyntheticAccount(200, FIRST, FIRST + 86_400, seed=5, dataset=dataset)
            for dataset in (TRANSACTIONS, AUDIT)
        },
    )


def ready(client: VoximplantAPI, number: int) -> Any:
    """Look at the list until the report is completed; a thread of the emulator makes it meanwhile."""
    for _ in range(1_000):
        listed = client.get_history_reports(history_report_id=number)
        if "completed" in listed["result"][0]:
            return listed
    raise AssertionError("it was never made")


@pytest.fixture
def ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Run the client against an emulator."""
    return asking(tmp_path, monkeypatch)


@pytest.mark.parametrize("kind", ORDERS)
async def test_the_whole_way(ask: Ask, kind: str) -> None:
    """Ordered, listed as completed with what it holds, and downloaded as text."""

    def task(client: VoximplantAPI) -> tuple[Any, Any, Any]:
        order = ORDERS[kind](client)
        listed = ready(client, order["history_report_id"])
        return order, listed, client.download_history_report(order["history_report_id"])

    order, listed, file = await ask(emulator(), task)
    assert order["result"] == 1
    (report,) = listed["result"]
    assert (listed["count"], listed["total_count"]) == (1, 1)
    assert (report["history_type"], report["format"]) == (kind, "csv")
    assert report["completed"] >= report["created"]
    assert isinstance(report["store_until"], date)
    assert report["filters"]["from_date"] == "2024-05-29 00:00:00"
    rows = list(csv.DictReader(io.StringIO(file["file_content"]), delimiter=";"))
    keys = {row[KEYS.get(kind, "transaction_id")] for row in rows}
    (held,) = [figure for name, figure in report["calculated_data"].items() if name.startswith("total_")]
    assert held == len(keys) == (301 if kind.startswith("calls") else 200)
    assert report["file_size"] == len(file["file_content"].encode())


async def test_a_report_that_is_not_ready(ask: Ask) -> None:
    """It is listed without a moment of completion, and cannot be downloaded."""

    def task(client: VoximplantAPI) -> Any:
        number = ORDERS["calls_brief"](client)["history_report_id"]
        (report,) = client.get_history_reports(history_type=["calls_brief"], is_completed=False)["result"]
        assert "completed" not in report
        return client.download_history_report(number)["error"]["code"]

    assert await ask(emulator(ReportBehaviour(seconds=600)), task) == 356


@pytest.mark.parametrize(
    ("reports", "code"), [(ReportBehaviour(failing=1), 357), (ReportBehaviour(kept=0.0), 355)]
)
async def test_a_report_that_failed_or_is_gone(ask: Ask, reports: ReportBehaviour, code: int) -> None:
    """The client hands on the vendor's code, in the answer."""

    def task(client: VoximplantAPI) -> Any:
        return client.download_history_report(ORDERS["calls"](client)["history_report_id"])["error"]["code"]

    assert await ask(emulator(reports), task) == code


@pytest.mark.parametrize(
    ("task", "roles", "code"),
    [
        (lambda client: (ORDERS["audit"](client), ORDERS["audit"](client)), ["Owner"], 515),
        (ORDERS["audit"], ["Supervisor"], 104),
        (ORDERS["transactions"], ["Supervisor"], 104),
        (lambda client: client.get_history_reports(history_type="letters"), ["Owner"], 371),
        (lambda client: client.get_brief_call_history("json", **RANGE), ["Owner"], 105),
        (lambda client: client.get_brief_call_history("csv", **RANGE, rule_name="x"), ["Owner"], 134),
    ],
)
async def test_refusals(ask: Ask, task: Task, roles: list[str], code: int) -> None:
    """What is wrong arrives as the client's exception, with the vendor's code."""
    with pytest.raises(VoximplantException) as caught:
        await ask(emulator(ReportBehaviour(repeat_after=60)), task, *roles)
    assert caught.value.code == code


async def test_who_may_order_may_not_download(ask: Ask) -> None:
    """The vendor's roles of the two methods differ: support can do the one alone."""

    def task(client: VoximplantAPI) -> Any:
        return client.download_history_report(ORDERS["calls"](client)["history_report_id"])["error"]["code"]

    assert await ask(emulator(), task, "Support") == 104
