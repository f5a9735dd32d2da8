"""Several processes, and what ends their run: what the next one knows of it, and what is told."""

import sys
from pathlib import Path

import pytest

from harvester.api.pacing import Pace
from harvester.emulator import Fault, Faults, SyntheticAccount
from harvester.errors import UnavailableError, first_failure
from tests.acceptance.family import ACCOUNTS, CHILD, behaving, histories, home
from tests.acceptance.harness import DAY, SPRING, Bench, bench

START, END = SPRING - 4 * DAY, SPRING
HOUR = 3_600
BUSY = Faults((Fault("http_429", share=1.0, retry_after=float(HOUR)),))

pytestmark = [pytest.mark.real_time, pytest.mark.skipif(sys.platform != "linux", reason="needs descriptors")]


async def _failure(it: Bench, pace: Pace, name: str, processes: int) -> str:
    """Why a run fails that begins when another has ended."""
    with pytest.raises((ExceptionGroup, UnavailableError)) as failure:
        await it.harvest(START, END, name=name, pace=pace, processes=processes, concurrency=4)
    error = first_failure(failure.value)
    assert isinstance(error, UnavailableError)
    return str(error)


@pytest.mark.parametrize("processes", [1, 2])
async def test_a_pause_that_ends_a_run_of_several_processes_is_kept_by_the_next(
    tmp_path: Path, processes: int
) -> None:
    """P7: the next dataset or account fails without a request, in however many processes it is harvested."""
    pace = Pace(None)
    async with bench(tmp_path, SyntheticAccount(200, START, END, seed=3), faults=BUSY) as it:
        assert "asks for a pause of 3600 s" in await _failure(it, pace, "one", 2)
        assert HOUR - 60 < pace.rest <= HOUR
        asked = len(it.emulator.requests)
        it.emulator.faults = Faults()
        assert "asked for a pause" in await _failure(it, pace, "two", processes)
        assert len(it.emulator.requests) == asked


async def test_what_a_refused_run_of_several_processes_asked_is_told(tmp_path: Path) -> None:
    """The report of a child that is refused counts what the process asked that was told so."""
    async with home(tmp_path, histories(), behaving(refused_children=frozenset({CHILD}))) as it:
        (report,) = await it.harvest(ACCOUNTS[1], processes=2, concurrency=4)
        assert f"account {CHILD} is refused" in report.refused
        assert 0 < report.requests <= len(it.bench.emulator.requests)
