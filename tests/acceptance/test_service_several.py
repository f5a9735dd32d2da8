"""One ``sync`` over several datasets, of which one fails: what becomes of the others."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from harvester.config import Job
from harvester.datasets import TRANSACTIONS
from harvester.emulator import Fault, Faults
from harvester.errors import DatasetError, RefusedError
from harvester.number_key import NumberKey
from harvester.window import Window
from tests.acceptance.harness import DAY, SPRING
from tests.acceptance.living import Living, LivingAccount
from tests.acceptance.oracle import exact
from tests.acceptance.syncing import Watched, watched

HOUR = 3_600
BEGINS = SPRING + 20 * DAY
# Calls alone are asked for with a switch of that name.
FORBIDDEN = Fault("error_code", share=1.0, code=104, when=lambda asked: "with_calls" not in asked)


def account() -> LivingAccount:
    """A session every other hour, long known when the lake begins."""
    return LivingAccount([Living(second, second) for second in range(SPRING, BEGINS, 2 * HOUR)], BEGINS)


def refused(it: Watched) -> Job:
    """What the key's role may not read."""
    return it.job(SPRING, name="transactions", dataset=TRANSACTIONS)


@pytest.mark.parametrize("first", [True, False], ids=["refused first", "refused last"])
async def test_the_history_is_filled_though_another_dataset_is_refused(
    tmp_path: Path, *, first: bool
) -> None:
    """One round brings a dataset up to date, and fills its history; then the refusal of the other is told."""
    async with watched(tmp_path, account(), BEGINS, faults=Faults((FORBIDDEN,))) as it:
        jobs = (refused(it), it.job(SPRING)) if first else (it.job(SPRING), refused(it))
        with pytest.raises(RefusedError):
            await it.service(*jobs).run()
        (done,) = it.rounds
        assert it.verdict(Window(SPRING, done.covered or 0)) == exact(20 * 12)
        assert set(it.health["errors"]) == {"transactions", "service"}


async def test_the_run_under_way_is_of_the_dataset_that_is_being_read(tmp_path: Path) -> None:
    """Whoever shows it learns with each request whose it is; before and after there is none."""
    shown: list[tuple[str, str]] = []

    def look(asked: Mapping[str, str]) -> bool:
        if service.running is not None:
            shown.append((service.running.job.name, asked["with_calls"]))
        return False

    look_on = Fault("http_503", share=1.0, when=look)
    async with watched(tmp_path, account(), BEGINS, faults=Faults((look_on,))) as it:
        service = it.service(it.job(SPRING), it.job(SPRING, name="bare", switches={"calls": False}))
        assert service.running is None
        await service.run()
        assert set(shown) == {("calls", "true"), ("bare", "false")}
        assert service.running is None


async def test_a_damaged_file_of_one_dataset_leaves_the_service_to_the_others(tmp_path: Path) -> None:
    """Round after round the others go on; the health file says which dataset fails, and what mends it."""
    async with watched(tmp_path, account(), BEGINS) as it:
        jobs = it.job(SPRING, name="sales"), it.job(SPRING)
        await it.service(*jobs).run()
        (*_, newest) = sorted((tmp_path / "lake" / "sales").rglob("*.parquet"))
        newest.write_bytes(newest.read_bytes() + b"x")
        it.rounds.clear()
        service = it.service(*jobs, every=HOUR)
        told = list[Any]()
        loop = asyncio.get_running_loop()
        loop.call_later(5 * HOUR - 60, lambda: told.append(it.health))
        loop.call_later(5 * HOUR, service.stop)
        await service.run()
        assert {done.name for done in it.rounds} == {"calls"}
        assert len(it.rounds) >= 4
        assert told[0]["state"] == "failing"
        assert set(told[0]["errors"]) == {"sales"}
        assert f"{newest.name} of the lake is damaged or gone" in told[0]["errors"]["sales"]
        assert it.verdict(Window(SPRING, it.rounds[-1].covered or 0)) == exact(20 * 12)


async def test_numbers_hashed_with_another_key_are_one_datasets_failure(tmp_path: Path) -> None:
    """A lake with two keys is brought up to date by a round with each; the other dataset is told by name."""
    async with watched(tmp_path, account(), BEGINS) as it:
        keys = {"alpha": NumberKey(b"a" * 32), "beta": NumberKey(b"b" * 32)}
        for name, key in keys.items():
            await it.once(it.job(SPRING, name=name, number_key=key))
        for key, fits, other in ((keys["alpha"], "alpha", "beta"), (keys["beta"], "beta", "alpha")):
            it.rounds.clear()
            with pytest.raises(DatasetError, match=f"dataset '{other}' of this lake was started otherwise"):
                await it.service(*(it.job(SPRING, name=name, number_key=key) for name in keys)).run()
            assert [done.name for done in it.rounds] == [fits]


async def test_a_lone_dataset_that_cannot_be_served_ends_the_service(tmp_path: Path) -> None:
    """There is nothing else to go on with, and no later round would find it otherwise."""
    async with watched(tmp_path, account(), BEGINS) as it:
        await it.once(it.job(SPRING))
        service = it.service(it.job(SPRING, number_key=NumberKey(b"a" * 32)), every=HOUR)
        asyncio.get_running_loop().call_later(5 * HOUR, service.stop)
        with pytest.raises(DatasetError):
            await service.run()


async def test_history_that_cannot_be_filled_is_told(tmp_path: Path) -> None:
    """Rounds go on, and until the next one the health file says what failed."""
    old = Fault("error_code", share=1.0, code=104, when=lambda asked: asked["from_date"] < "2024-04-10")
    async with watched(tmp_path, account(), BEGINS, faults=Faults((old,))) as it:
        service = it.service(it.job(SPRING), every=HOUR)
        told = list[Any]()
        loop = asyncio.get_running_loop()
        loop.call_later(5 * HOUR - 60, lambda: told.append(it.health))
        loop.call_later(5 * HOUR, service.stop)
        await service.run()
        assert len(it.rounds) >= 4
        assert (told[0]["state"], set(told[0]["errors"])) == ("failing", {"calls"})
