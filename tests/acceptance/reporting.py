"""What the tests of reports share: histories, and the rows in which two lakes differ."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb

from harvester.datasets import AUDIT, BRIEF_CALLS, TRANSACTIONS, Dataset
from harvester.emulator import (
    Account,
    Behaviour,
    Emulator,
    ReportBehaviour,
    SyntheticAccount,
)
from tests.acceptance.harness import DAY, SPRING

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
CALL = {
    "call_session_history_id": 7,
    "account_id": 4_714_487,
    "start_date": "2024-03-29 10:00:00",
    "duration": 5,
    "active": False,
}
FETCHING = "DownloadHistoryReport"


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
