"""The budget holds in every sliding second, and is used."""

import asyncio
from pathlib import Path

import pytest

from harvester.emulator import Behaviour, SyntheticAccount
from tests.acceptance.harness import DAY, SPRING, small_bench

START, END = SPRING - 60 * DAY, SPRING


@pytest.mark.large
@pytest.mark.parametrize(("rate", "shape"), [(5, "daily"), (20, "uniform"), (50, "daily"), (200, "uniform")])
async def test_never_more_than_the_budget_and_hardly_less(tmp_path: Path, rate: int, shape: str) -> None:
    """The API sees R + 1 requests at most in any second, and the run takes little more than requests / R."""
    account = SyntheticAccount(100 * max(60, rate), START, END, shape=shape, seed=7)
    async with small_bench(tmp_path, account, Behaviour(latency=0.3, latency_sigma=0.5, gzip=False)) as it:
        clock = asyncio.get_running_loop().time
        began = clock()
        report = await it.harvest(START, END, rate=float(rate), concurrency=max(8, rate))
        assert it.emulator.busiest_second() <= rate + 1
        assert clock() - began <= 1.03 * report.requests / rate + 2.0


@pytest.mark.large
@pytest.mark.parametrize("refuse_by", ["http", "code"])
@pytest.mark.parametrize("retry_after", [None, 3.0])
async def test_a_stricter_api_is_obeyed(tmp_path: Path, refuse_by: str, retry_after: float | None) -> None:
    """F06: an API with a smaller limit of its own slows the run down, and refuses a few requests only."""
    account = SyntheticAccount(10_000, START, END, seed=8)
    behaviour = Behaviour(requests_per_second=4, refuse_by=refuse_by, retry_after=retry_after)  # type: ignore[arg-type]  # parametrised text
    async with small_bench(tmp_path, account, behaviour) as it:
        report = await it.harvest(START, END, rate=20.0)
        assert (report.outcome, report.rows) == ("complete", account.total)
        assert 0 < report.cuts <= report.retries < 0.1 * report.requests


@pytest.mark.large
async def test_an_api_that_takes_few_at_once_is_obeyed(tmp_path: Path) -> None:
    """Fewer at a time than ``--concurrency``: fewer in a second are fewer at once."""
    account = SyntheticAccount(10_000, START, END, seed=8)
    behaviour = Behaviour(most_in_flight=2, latency=1.0, refuse_by="code")
    async with small_bench(tmp_path, account, behaviour) as it:
        report = await it.harvest(START, END, rate=20.0)
        assert (report.outcome, report.rows) == ("complete", account.total)
        assert 0 < report.cuts <= report.retries < 0.1 * report.requests
