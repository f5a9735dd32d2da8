"""What answers may hold where accounts are kept apart: nothing, misfits, and records of others."""

from collections.abc import Mapping
from pathlib import Path

from harvester.datasets import CALLS
from harvester.window import as_text
from tests.acceptance.family import (
    ACCOUNTS,
    CHILD,
    PARENT,
    START,
    behaving,
    home,
    listed,
)
from tests.acceptance.oracle import exact

BARE: Mapping[str, bool] = {"records": False, "resources": False}


def calls(account_id: int, count: int, *, apart: float = 60.0) -> list[dict[str, object]]:
    """So many sessions of an account, so many seconds apart."""
    record = {"account_id": account_id, "duration": 5, "active": False}
    return [
        record | {CALLS.key: number, "start_date": as_text(START + 60 + int(number * apart))}
        for number in range(1, count + 1)
    ]


async def test_a_report_without_a_record_is_proven(tmp_path: Path) -> None:
    """An account that had no call in a month is harvested by report, and covered from then on."""
    family, _ = listed({PARENT: [], CHILD: calls(CHILD, 3)})
    async with home(tmp_path, family) as it:
        reports = await it.harvest(*ACCOUNTS[:2], via="reports", switches=BARE)
        assert [(report.outcome, report.rows) for report in reports] == [("complete", 0), ("complete", 3)]
        assert [report.covered for report in await it.harvest(*ACCOUNTS[:2], switches=BARE)] == [True, True]


async def test_a_second_whose_order_changes_is_proven(tmp_path: Path) -> None:
    """Where a page boundary cuts a crowded second, that second is read again, for a parent as for a child."""
    family, _ = listed({PARENT: calls(PARENT, 120, apart=0.03), CHILD: calls(CHILD, 120, apart=0.03)})
    async with home(tmp_path, family, behaving(order="shuffled", includes_children=True)) as it:
        await it.harvest(*ACCOUNTS[:2])
        assert [it.verdict(account) for account in ACCOUNTS[:2]] == [exact(120)] * 2
