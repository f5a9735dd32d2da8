"""Verify, repair and recover tell accounts apart: what is found of one, and mended, touches no other."""

from pathlib import Path

import pytest

from harvester.account import named
from harvester.datasets import CALLS
from harvester.errors import LakeError
from harvester.inspection import holdings
from harvester.lake.recover import rebuild
from harvester.todo import damaged
from harvester.window import as_text
from tests.acceptance.family import (
    ACCOUNTS,
    CHILD,
    END,
    INCLUDED,
    OTHER,
    PAGE,
    PARENT,
    START,
    behaving,
    histories,
    home,
    listed,
)
from tests.acceptance.oracle import exact

pytestmark = pytest.mark.large


@INCLUDED
async def test_verify_and_repair_know_whose_it_is(tmp_path: Path, *, included: bool) -> None:
    """A late record of a child is found there and nowhere else, and mended by asking for that child alone."""

    def records(account_id: int) -> list[dict[str, object]]:
        return [
            {CALLS.key: number, "account_id": account_id, "start_date": as_text(START + number * 600)}
            for number in range(1, 3 * PAGE)
        ]

    family, members = listed({number: records(number) for number in (PARENT, CHILD, OTHER)})
    async with home(tmp_path, family, behaving(includes_children=included)) as it:
        await it.harvest()
        members[CHILD].add(records(CHILD)[0] | {CALLS.key: 9_999})
        results = await it.verify()
        assert [len(result.differing) for result in results.values()] == [0, 1, 0]
        it.bench.emulator.reset()
        suspect = results[named("calls", ACCOUNTS[1])].differing[0].window
        for account in ACCOUNTS:
            settings = it.settings(account)
            await it.bench.harvest(suspect.start, suspect.end, scope=damaged, **settings)
        assert 0 < len(it.bench.emulator.requests) <= 5
        for account in ACCOUNTS:
            assert it.verdict(account) == exact(it.truth(account).total)
        assert all(result.is_sound for result in (await it.verify()).values())


@pytest.mark.parametrize("tables", ["nested", "flat"])
async def test_a_lost_ledger_is_rebuilt_account_by_account(tmp_path: Path, tables: str) -> None:
    """From the files in their folders; and a file in another account's folder is left aside."""
    async with home(tmp_path, histories(records=200)) as it:
        await it.harvest(tables=tables)
        lake = tmp_path / "lake"
        held = {item.name: (item.rows, item.identity, item.coverage) for item in holdings(lake)}
        for part in (lake / "_harvester").glob("ledger.sqlite*"):
            part.unlink()
        with pytest.raises(LakeError, match="recover"):
            await it.harvest(tables=tables)
        assert not rebuild(lake, now=END).aside
        assert {item.name: (item.rows, item.identity, item.coverage) for item in holdings(lake)} == held
        it.bench.emulator.reset()
        assert all(report.covered for report in await it.harvest(tables=tables))
        assert it.bench.emulator.requests == []

        for part in (lake / "_harvester").glob("ledger.sqlite*"):
            part.unlink()
        for path in sorted(lake.glob(f"calls*/account_id={OTHER}/date=*/*.parquet")):
            path.replace(Path(str(path).replace(str(OTHER), str(CHILD))))
        aside = rebuild(lake, now=END).aside
        assert aside
        assert all(f"account_id={CHILD}" in str(item.path) for item in aside)


@INCLUDED
async def test_a_recovered_lake_is_verified_against_the_api(tmp_path: Path, *, included: bool) -> None:
    """Whether a parent's answers hold its children's records went with the ledger: a look at one tells."""

    def record(account_id: int, number: int) -> dict[str, object]:
        time = as_text(START + 600 * number + account_id % 7)
        return {"account_id": account_id, "start_date": time, CALLS.key: number}

    family, members = listed(
        {one.id: [record(one.id, number) for number in range(1, 40)] for one in ACCOUNTS}
    )
    async with home(tmp_path, family, behaving(includes_children=included)) as it:
        await it.harvest()
        for part in (tmp_path / "lake/_harvester").glob("ledger.sqlite*"):
            part.unlink()
        rebuild(tmp_path / "lake", now=END)
        assert [result.is_sound for result in (await it.verify()).values()] == [True] * 3
        members[PARENT].add(record(PARENT, 40))
        differing = [result.differing for result in (await it.verify()).values()]
        assert [(count.api, count.lake) for counts in differing for count in counts] == [(40, 39)]


async def test_verify_names_what_nobody_published(tmp_path: Path) -> None:
    """In an account's folder, and beside them all, where readers of the whole dataset see it; each once."""
    async with home(tmp_path, histories(records=60)) as it:
        await it.harvest()
        folder = tmp_path / "lake/calls"
        file = next(folder.rglob("*.parquet"))
        places = [folder / "account_id=7/copy.parquet", folder / f"account_id={OTHER}/copy.parquet"]
        for place in (*places, folder / "copy.parquet"):
            place.parent.mkdir(exist_ok=True)
            place.write_bytes(file.read_bytes())
        results = list((await it.verify()).values())
        assert [len(result.findings) for result in results] == [2, 0, 1]
        assert all("it was not published" in item.text for result in results for item in result.findings)
