"""Child accounts by report: the same records, the same proof, and nobody else's."""

from pathlib import Path
from types import MappingProxyType
from typing import Any

import duckdb
import pytest

from harvester.account import Account
from harvester.datasets import AUDIT, TRANSACTIONS
from harvester.emulator import Behaviour, ReportBehaviour
from harvester.errors import ReportUnusableError, first_failure
from tests.acceptance.family import ACCOUNTS, CHILD, END, OTHER, SITUATIONS, START, Home, histories, home
from tests.acceptance.oracle import exact

BARE = MappingProxyType({"extended_info": False})
COLUMNS = ("transaction_id", "account_id", "performed_at", "amount")


def check_rows(it: Home, account: Account) -> None:
    """Assert that an account's folder holds its transactions, and nothing else."""
    files = f"{it.bench.folder}/lake/transactions/account_id={account.id}/**/*.parquet"
    query = "SELECT transaction_id, account_id::TEXT, strftime(performed_at, '%Y-%m-%d %H:%M:%S'), amount"
    source = f"read_parquet('{files}', hive_partitioning = false)"
    found = duckdb.execute(f"SET TimeZone = 'UTC'; {query} FROM {source} ORDER BY ALL").fetchall()
    records = it.truth(account).sessions(START, END)
    assert found == sorted(tuple(record[name] for name in COLUMNS) for record in records)


@pytest.mark.large
@SITUATIONS
async def test_each_account_by_report(
    tmp_path: Path, children_by: str, *, included: bool, same_ids: bool
) -> None:
    """Its own once, in its own folder, however it is asked for and whatever the parent's reports hold."""
    family = histories(TRANSACTIONS, same_ids=same_ids, records=300)
    async with home(tmp_path, family, Behaviour(includes_children=included), TRANSACTIONS) as it:
        reports = await it.harvest(via="reports", switches=BARE, children_by=children_by)
        assert [(report.outcome, report.reports) for report in reports] == [("complete", 1)] * 3
        for account in ACCOUNTS:
            check_rows(it, account)
        assert all(result.is_sound for result in (await it.verify(children_by)).values())


async def test_an_audit_log_by_report_and_token(tmp_path: Path) -> None:
    """The token says whose report is ordered, listed and downloaded."""
    async with home(tmp_path, histories(AUDIT, records=60), Behaviour(), AUDIT) as it:
        await it.harvest(via="reports")
        for account in ACCOUNTS:
            assert it.verdict(account) == exact(it.truth(account).total)


async def test_a_report_of_somebody_else_is_not_a_childs(tmp_path: Path) -> None:
    """It is refused, forgotten, and ordered anew by the next run."""
    family = histories(TRANSACTIONS, records=60)
    odd = Behaviour(children_only_ignores_ids=True)
    async with home(tmp_path, family, odd, TRANSACTIONS) as it:
        settings: dict[str, Any] = {"via": "reports", "switches": BARE}
        (report,) = await it.harvest(ACCOUNTS[1], children_by="parameter", **settings)
        assert f"account {CHILD} was asked for" in report.refused
        assert str(OTHER) in report.refused
        (again,) = await it.harvest(ACCOUNTS[1], **settings)
        assert (again.outcome, again.reports) == ("complete", 1)
        check_rows(it, ACCOUNTS[1])


async def test_a_report_that_does_not_say_whose_it_is(tmp_path: Path) -> None:
    """By report alone there is no telling: refused. With ``auto`` the pages tell."""
    silent = Behaviour(includes_children=True, reports=ReportBehaviour(lacking=frozenset({"account_id"})))
    async with home(tmp_path, histories(TRANSACTIONS, records=60), silent, TRANSACTIONS) as it:
        with pytest.raises(ExceptionGroup) as caught:
            await it.harvest(ACCOUNTS[0], via="reports", switches=BARE)
        assert isinstance(first_failure(caught.value), ReportUnusableError)
        assert it.verdict(ACCOUNTS[0]).rows == 0
        (report,) = await it.harvest(ACCOUNTS[0], switches=BARE)
        assert report.outcome == "complete"
        assert it.verdict(ACCOUNTS[0]) == exact(it.truth(ACCOUNTS[0]).total)
