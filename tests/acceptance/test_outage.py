"""An outage in the middle of a run: hardly asked meanwhile, survived if it is short, said if it is long."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from harvester.emulator import Behaviour, Fault, Faults, SyntheticAccount
from harvester.errors import UnavailableError
from tests.acceptance.harness import DAY, SPRING, Bench, small_bench
from tests.acceptance.oracle import Verdict, exact

START, END = SPRING - 6 * DAY, SPRING

pytestmark = pytest.mark.large
BUDGET: Mapping[str, Any] = {"rate": 1.5, "concurrency": 4}


class Outage:
    """When the API is away, by the loop's clock."""

    def __init__(self, start: float, seconds: float) -> None:
        """An outage of ``seconds`` from ``start``."""
        self.start, self.end = start, start + seconds

    def faults(self, kind: str) -> Faults:
        """A plan in which every request of the outage goes wrong."""

        def away(_parameters: Mapping[str, str]) -> bool:
            return self.start <= asyncio.get_running_loop().time() < self.end

        return Faults((Fault(kind, share=1.0, when=away),))

    def requests(self, it: Bench) -> int:
        """How many requests came during the outage."""
        return sum(self.start <= asked.arrived < self.end for asked in it.emulator.requests)


def _account() -> SyntheticAccount:
    return SyntheticAccount(1_500, START, END, seed=31)


@pytest.mark.parametrize(
    ("kind", "paused"), [("http_503", 290), ("html_200", 290), ("cut_json", 290), ("stall", 100)]
)
async def test_five_minutes_without_the_api(tmp_path: Path, kind: str, paused: float) -> None:
    """The run goes on by itself, the lake equals the account, and few requests came meanwhile."""
    outage = Outage(6, 300)
    async with small_bench(tmp_path, _account(), Behaviour(latency=0.2), outage.faults(kind)) as it:
        report = await it.harvest(START, END, **BUDGET)
        assert report.outcome == "complete"
        assert it.verdict(START, END) == exact(it.account.total)
        # Five failures, what else was under way, and a probe after 1, 2, 4 … 60 seconds.
        assert 5 <= outage.requests(it) <= 5 + 4 + 9
        assert it.emulator.busiest_second() <= 2.5
        assert paused <= report.paused <= 300 + 61 + 60  # silence takes a minute to notice, each time


async def test_an_outage_that_lasts(tmp_path: Path) -> None:
    """After an hour the run ends and says so; what is published stays, and the next run completes it."""
    outage = Outage(10, 5 * 3600)
    async with small_bench(tmp_path, _account(), Behaviour(latency=0.2), outage.faults("http_503")) as it:
        with pytest.RaisesGroup(
            pytest.RaisesExc(UnavailableError, match=r"out of reach for 3\d\d\d s"), flatten_subgroups=True
        ):
            await it.harvest(START, END, **BUDGET)
        assert asyncio.get_running_loop().time() <= 10 + 3700
        assert outage.requests(it) <= 5 + 4 + 6 + 60
        verdict = it.verdict(START, END)
        assert 0 < verdict.rows < it.account.total
        assert verdict == Verdict(verdict.rows, it.account.total - verdict.rows, 0, 0, 0, 0)
        outage.end = 0
        assert (await it.harvest(START, END, **BUDGET)).outcome == "complete"
        assert it.verdict(START, END) == exact(it.account.total)
