"""Records that the API cannot serve: what asks for them fails for ever, and everything else is answered."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from harvester.emulator import Fault, Faults, SyntheticAccount
from harvester.errors import RequestError
from harvester.window import as_second
from tests.acceptance.harness import DAY, SPRING, small_bench
from tests.acceptance.oracle import exact

START, END = SPRING - 6 * DAY, SPRING
MINUTE = 60

pytestmark = pytest.mark.large


def _account() -> SyntheticAccount:
    return SyntheticAccount(1_300, START, END, seed=12)


def _about(seconds: list[int]) -> Callable[[Mapping[str, str]], bool]:
    """Whether a question is about one of ``seconds``."""

    def is_about(parameters: Mapping[str, str]) -> bool:
        first, last = as_second(parameters["from_date"]), as_second(parameters["to_date"])
        return any(first <= second <= last for second in seconds)

    return is_about


@pytest.mark.parametrize("count", [1, 5])
async def test_any_number_of_answers_that_nobody_can_read_are_gaps(tmp_path: Path, count: int) -> None:
    """F10: they are told from an outage; the days without them are published, and the others once mended."""
    sick = [START + DAY // 2 + number * 5 * DAY // count for number in range(count)]
    faults = Faults((Fault("cut_json", share=1.0, when=_about(sick)),))
    async with small_bench(tmp_path, _account(), faults=faults) as it:
        spans: list[int] = []
        for _ in range(3):
            began = asyncio.get_running_loop().time()
            report = await it.harvest(START, END, rate=8)
            assert report.outcome == "gaps"
            assert asyncio.get_running_loop().time() - began < 10 * MINUTE
            gaps = report.gaps
            assert {second for second in sick for gap in gaps if second in gap.window} == set(sick)
            spans.append(sum(gap.window.seconds for gap in gaps))
        assert spans[0] > spans[1] > spans[2]
        days = {second // DAY for second in sick}
        assert len(list((tmp_path / "lake").rglob("*.parquet"))) == 6 - len(days)
        it.emulator.faults = Faults()
        assert (await it.harvest(START, END)).outcome == "complete"
        assert it.verdict(START, END) == exact(it.account.total)


@pytest.mark.parametrize(
    "fault",
    [Fault("http_500"), *[Fault("error_code", code=code) for code in (1, 13, 999)]],
    ids=["500", "1", "13", "999"],
)
async def test_a_record_that_the_api_cannot_serve_is_a_gap(tmp_path: Path, fault: Fault) -> None:
    """F08: it costs some tries, and its own day, and is narrower each run; none waits for an hour."""
    sick = START + 5 * DAY // 2
    broken = Faults((replace(fault, share=1.0, when=_about([sick])),))
    async with small_bench(tmp_path, _account(), faults=broken) as it:
        spans = []
        for _ in range(3):
            began, before = asyncio.get_running_loop().time(), len(it.emulator.requests)
            report = await it.harvest(START, END, rate=8)
            (gap,) = report.gaps
            assert sick in gap.window
            spans.append(gap.window.seconds)
            assert asyncio.get_running_loop().time() - began < 10 * MINUTE
            # It and three halves of it, tried eight times each; controls and probes; and a hundred good ones.
            assert len(it.emulator.requests) - before < 4 * (8 + 8) + 100
        assert spans[0] > 4 * spans[1] > 16 * spans[2]
        assert len(list((tmp_path / "lake").rglob("*.parquet"))) == 5
        it.emulator.faults = Faults()
        assert (await it.harvest(START, END)).outcome == "complete"
        assert it.verdict(START, END) == exact(it.account.total)


@pytest.mark.parametrize("code", [999, 134], ids=["unknown", "usage"])
async def test_what_is_refused_whatever_it_asks_ends_the_run_at_once(tmp_path: Path, code: int) -> None:
    """It is told with its code, and no plan is cut to pieces for it."""
    faults = Faults((Fault("error_code", share=1.0, code=code),))
    async with small_bench(tmp_path, _account(), faults=faults) as it:
        with pytest.RaisesGroup(RequestError, allow_unwrapped=True, flatten_subgroups=True):
            await it.harvest(START, END, concurrency=1)
        assert len(it.emulator.requests) <= 2
