"""What answers may hold where accounts are kept apart: nothing, misfits, and records of others."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb
import pytest

from harvester.account import named
from harvester.datasets import CALLS, TRANSACTIONS
from harvester.emulator import Family, ListedAccount
from harvester.emulator.render import Entry, Parts
from harvester.window import as_text
from tests.acceptance.family import (
    ACCOUNTS,
    CHILD,
    OTHER,
    PARENT,
    START,
    behaving,
    home,
    listed,
)
from tests.acceptance.oracle import exact


class Stamped(ListedAccount):
    """Its session 4 says something else of its account."""

    said = b""

    def render(self, entries: Sequence[Entry], parts: Parts) -> list[bytes]:
        """As the history, but for that."""
        own = f'"account_id":{self.account_id}'.encode()
        return [
            raw.replace(own, b'"account_id":' + self.said) if b'_history_id":4,' in raw else raw
            for raw in super().render(entries, parts)
        ]


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


@pytest.mark.parametrize(
    "said", [b'"n/a"', b'""', b"4714487.0", b"1180591620717411303424", b'{"id":4714487}'], ids=bytes.decode
)
async def test_an_account_that_cannot_be_read_is_not_somebody_elses(tmp_path: Path, said: bytes) -> None:
    """P3: a record whose ``account_id`` itself does not fit is in its owner's quarantine, not lost."""
    members = [Stamped(calls(account, 5), account_id=account) for account in (PARENT, CHILD)]
    for member in members:
        member.said = said
    async with home(tmp_path, Family(*members)) as it:
        reports = await it.harvest(*ACCOUNTS[:2])
        assert [(report.rows, report.quarantined) for report in reports] == [(4, 1)] * 2
        for account in ACCOUNTS[:2]:
            folder = tmp_path / "lake/_harvester/quarantine" / named("calls", account)
            (line,) = duckdb.execute(f"SELECT key, text FROM read_json('{folder}/*.jsonl')").fetchall()
            assert line[0] == 4
            assert f'"account_id":{said.decode()}' in line[1]
        assert all(result.is_sound for result in (await it.verify()).values())


async def test_a_misfit_of_somebody_else_is_not_a_childs(tmp_path: Path) -> None:
    """An answer for a child whose only foreign record does not fit is refused as a whole, too."""
    odd = Stamped([*calls(CHILD, 3), calls(CHILD, 4)[3] | {"rule_name": 7}], account_id=CHILD)
    odd.said = str(OTHER).encode()
    async with home(tmp_path, Family(ListedAccount(account_id=PARENT), odd)) as it:
        (report,) = await it.harvest(ACCOUNTS[1])
        assert f"records of {OTHER}" in report.refused
        assert (report.rows, report.quarantined) == (0, 0)


@pytest.mark.parametrize("same_ids", [False, True], ids=["ids-differ", "ids-alike"])
@pytest.mark.parametrize("misfit_of", [None, PARENT, CHILD], ids=["fitting", "own-misfit", "childs-misfit"])
async def test_a_report_that_holds_the_childrens_records_is_proven(
    tmp_path: Path, misfit_of: int | None, *, same_ids: bool
) -> None:
    """By the owner's alone: a child's misfit is not counted, and sessions of two accounts are two."""

    def history(account_id: int, first: int) -> list[dict[str, object]]:
        sound = [
            record | {CALLS.key: first + number, "calls": [{"call_id": account_id + number}]}
            for number, record in enumerate(calls(account_id, 3))
        ]
        odd = sound[0] | {CALLS.key: first + 9, "user_id": "nobody"}
        return [*sound, odd] if misfit_of == account_id else sound

    family, _ = listed({PARENT: history(PARENT, 1), CHILD: history(CHILD, 1 if same_ids else 101)})
    async with home(tmp_path, family, behaving(includes_children=True)) as it:
        reports = await it.harvest(*ACCOUNTS[:2], via="reports", switches=BARE)
        assert [report.outcome for report in reports] == ["complete"] * 2
        kept = [int(misfit_of == account.id) for account in ACCOUNTS[:2]]
        assert [(report.rows, report.quarantined) for report in reports] == [(3, number) for number in kept]
        for account in ACCOUNTS[:2]:
            files = f"{tmp_path}/lake/{named('calls', account)}/**/*.parquet"
            rows = duckdb.execute(
                f"SELECT account_id, [call.call_id FOR call IN calls] FROM"
                f" read_parquet('{files}', hive_partitioning = false) ORDER BY {CALLS.key}"
            ).fetchall()
            assert rows == [(account.id, [account.id + number]) for number in range(3)]
        assert all(result.is_sound for result in (await it.verify()).values())


async def test_an_account_that_is_sent_as_text_is_known(tmp_path: Path) -> None:
    """A parent's transaction beside a child's does not make its answers mixed: ``verify`` counts all."""

    def records(account_id: int) -> list[dict[str, object]]:
        return [
            {"account_id": str(account_id), TRANSACTIONS.key: number, "performed_at": as_text(START + number)}
            for number in range(1, 40)
        ]

    parent, child = (
        ListedAccount(records(account), account_id=account, dataset=TRANSACTIONS)
        for account in (PARENT, CHILD)
    )
    async with home(tmp_path, Family(parent, child), dataset=TRANSACTIONS) as it:
        await it.harvest(*ACCOUNTS[:2])
        parent.add(records(PARENT)[0] | {TRANSACTIONS.key: 40})
        results = await it.verify()
        counts = [count for result in results.values() for count in result.differing]
        assert [(count.api, count.lake) for count in counts] == [(40, 39)]
