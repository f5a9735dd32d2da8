"""Thousands of lives of the program, each drawn from its seed, and all promises kept in every one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SEEDS, CHUNK = 2_000, 250
ROOT = Path(__file__).parents[2]
ONCE_FAILED = {
    2414: "what runs among published records stays covered",
    3597: "a window between a gap and what the API counts otherwise is read again",
    5905: "what reaches from a cut window into a dense second can be replayed",
    6112: "verify clears away what nobody needs",
    6318: "of a record that was kept while it ran and came again, the final one counts",
    15750: "the order of a report outlives a run over less of the range",
    27077: "windows are begun by answers about all of them",
    34063: "a request that waited at the door for long leaves in its turn",
    39943: "a crowded first second is told from its neighbour while bounds are unknown",
    56748: "a cap that is found while a window is cut",
}


def _run(seeds: str, **environment: str) -> str:
    result = subprocess.run(  # noqa: S603  (our own program)
        [sys.executable, "-m", "tests.simulation", "--seeds", seeds],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, "PYTHONWARNINGS": "default", **environment},
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.mark.large
@pytest.mark.real_time
@pytest.mark.parametrize("first", range(0, SEEDS, CHUNK))
def test_every_seed_keeps_the_promises(first: int) -> None:
    """Whatever the history, the API, the network and the kills: nothing is lost, doubled, altered or torn."""
    assert f"no failure in {CHUNK} runs" in _run(f"{first}:{first + CHUNK}")


@pytest.mark.large
@pytest.mark.real_time
def test_a_seed_goes_the_same_way_in_every_process() -> None:
    """Neither another process nor another order of sets changes what happens."""
    digests = {_run("203:209", PYTHONHASHSEED=seed).splitlines()[-2] for seed in ("1", "2")}
    assert len(digests) == 1


@pytest.mark.large
@pytest.mark.real_time
def test_seeds_that_once_failed() -> None:
    """P1, P3, P4, P5: each showed a defect that two thousand seeds had not shown."""
    seeds = ",".join(map(str, ONCE_FAILED))
    assert f"no failure in {len(ONCE_FAILED)} runs" in _run(seeds)
