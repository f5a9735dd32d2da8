"""The command as a user starts it, killed by the clock and started again until it is done."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import duckdb
import pytest

from harvester.emulator import Behaviour, Emulator, SyntheticAccount
from harvester.window import as_text
from tests.acceptance.harness import DAY, SPRING
from tests.acceptance.oracle import exact, judge
from tests.acceptance.process import Served, served_beside
from tests.disk.bench import SCALE

KILLS = 8 if SCALE == 1 else 40 * SCALE
START, END = SPRING - 2 * DAY, SPRING

pytestmark = [pytest.mark.large, pytest.mark.real_time]


@pytest.fixture
def account() -> SyntheticAccount:
    """Twelve pages, and a partition of about 250 sessions for each hour."""
    return SyntheticAccount(12_000, START, END, shape="uniform", seed=4)


@pytest.fixture
def served(tmp_path: Path, account: SyntheticAccount) -> Iterator[Served]:
    """Serves it slowly, so that a run takes long enough to be killed in."""
    with served_beside(tmp_path, Emulator(account, Behaviour(latency=0.05))) as served:
        yield served


def test_the_command_is_killed_at_any_time(tmp_path: Path, served: Served, account: SyntheticAccount) -> None:
    """P4, P5: no reader sees a partition with a wrong count, and in the end the lake is the account."""
    chance, kills, lakes = Random(7), 0, 0  # noqa: S311  (chance, not a secret)
    began = time.monotonic()
    assert _run(served, tmp_path / "whole") == 0
    whole = time.monotonic() - began
    while kills < KILLS:
        lake = tmp_path / f"lake {lakes}"
        lakes += 1
        while (code := _run(served, lake, kill_after=whole * chance.random())) is None:
            kills += 1
            _demand_whole_partitions(lake, account)
        assert code == 0
        assert judge(lake, account.sessions(START, END)) == exact(account.total)


def _run(served: Served, lake: Path, *, kill_after: float | None = None) -> int | None:
    """Run the command; returns its exit code, or ``None`` if it was killed."""
    span = ["--from", as_text(START), "--to", as_text(END), "--partition", "hour", "--concurrency", "2"]
    command = [sys.executable, "-m", "harvester", "backfill", "--lake", str(lake), *span, *served.options]
    silent = subprocess.DEVNULL
    with subprocess.Popen(command, stdout=silent, stderr=silent) as process:  # noqa: S603  (our own program)
        try:
            return process.wait(kill_after)
        except subprocess.TimeoutExpired:
            process.kill()
            return None


def _demand_whole_partitions(lake: Path, account: SyntheticAccount) -> None:
    """What a reader sees of each hour is all of it."""
    for path in sorted(lake.glob("calls/**/*.parquet")):
        query = (
            "SELECT count(*), count(DISTINCT call_session_history_id), epoch(min(start_date))::BIGINT FROM"
        )
        [(rows, keys, first)] = duckdb.execute(f"{query} '{path}'").fetchall()
        hour = first // 3_600 * 3_600
        assert rows == keys == len(list(account.sessions(hour, hour + 3_600))), path
