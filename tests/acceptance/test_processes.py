"""Several processes at one lake: the same lake, the same promises."""

import asyncio
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from random import Random
from types import MappingProxyType
from typing import Any

import pytest
from structlog.testing import capture_logs

from harvester.cli.exit_codes import ExitCode, exit_code
from harvester.datasets import CALLS
from harvester.emulator import Behaviour, Fault, Faults, ListedAccount, SyntheticAccount
from harvester.errors import LakeLockedError, RequestError, WorkerLostError, first_failure
from harvester.inspection import holdings
from harvester.lake.lock import owned
from harvester.number_key import NumberKey
from harvester.window import as_text
from tests.acceptance.harness import DAY, SPRING, Bench, bench, small_bench
from tests.acceptance.oracle import exact

START, END = SPRING - 12 * DAY, SPRING
SLOW = Behaviour(latency=0.1)
BARE = MappingProxyType({"calls": False, "records": False, "resources": False})

pytestmark = [pytest.mark.real_time, pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")]


def _account(sessions: int = 3_000) -> SyntheticAccount:
    return SyntheticAccount(sessions, START, END, seed=12)


def _files(lake: Path) -> dict[str, str]:
    """What readers see, by its hash."""
    paths = sorted(lake.rglob("*.parquet"))
    return {str(path.relative_to(lake)): sha256(path.read_bytes()).hexdigest() for path in paths}


def _workers(run: int) -> list[int]:
    """The workers of a run that are alive: children of its server of forks, which is its own child."""
    return [worker for server in _children(run) for worker in _children(server)]


def _children(parent: int) -> list[int]:
    return [
        int(path.name)
        for path in Path("/proc").glob("[0-9]*")
        if f"PPid:\t{parent}\n".encode() in _read(path / "status")
        and b"multiprocessing.forkserver" in _read(path / "cmdline")
    ]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # it has just ended
        return b""


async def _until(condition: Callable[[], object]) -> None:
    """Wait for what shows itself in files and processes alone."""
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110  (nobody here could set an event)
            await asyncio.sleep(0.01)


async def _all_gone(workers: list[int], folder: Path) -> None:
    """Wait until these have ended, and with their last thread, a moment later, freed the lake."""
    await _until(lambda: not any(_read(Path(f"/proc/{worker}/cmdline")) for worker in workers))
    await _until(lambda: _is_free(folder / "lake" / "_harvester" / "lock"))


def _is_free(lock: Path) -> bool:
    try:
        with owned(lock, started=0.0):
            return True
    except LakeLockedError:
        return False


def _demand_nothing_left(folder: Path) -> None:
    workshop = folder / "lake" / "_harvester"
    assert not [*(workshop / "spool" / "calls").iterdir(), *(workshop / "tmp" / "calls").iterdir()]


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({}, id="nested"),
        pytest.param(
            {"tables": "flat", "redact_urls": True, "number_key": NumberKey(b"k" * 32)},
            id="flat and hidden",
            marks=pytest.mark.large,
        ),
    ],
)
async def test_two_processes_bring_what_one_brings(tmp_path: Path, settings: dict[str, Any]) -> None:
    """The files are the same, byte by byte, the report adds up, and hardly more is asked."""
    async with bench(tmp_path, _account(6_000)) as it:
        one = await it.harvest(START, END, lake="one", **settings)
        it.emulator.reset()
        two = await it.harvest(START, END, lake="two", processes=2, **settings)
        assert two.outcome == "complete"
        assert (two.rows, two.partitions, two.published_rows) == (one.rows, 12, one.published_rows)
        assert two.requests == len(it.emulator.requests) <= one.requests + 10
        assert two.planned is not None
        assert _files(tmp_path / "two") == _files(tmp_path / "one")
        if not settings:
            assert it.verdict(START, END, lake="two") == exact(it.account.total)
        again = await it.harvest(START, END, lake="two", processes=2, **settings)
        assert again.covered


@pytest.mark.large
@pytest.mark.parametrize(("processes", "rate"), [(2, 10.0), (4, 6.0)])
async def test_the_budget_holds_across_processes(tmp_path: Path, processes: int, rate: float) -> None:
    """P7: the API sees R + 1 requests at most in any second, whoever sent them."""
    account = SyntheticAccount(round(rate * 80), START, END, shape="uniform", seed=7)
    # Small pages: an emulator that renders takes its time to notice arrivals, and then several at once.
    behaviour = Behaviour(page_size=20, latency=0.1, latency_sigma=0.5)
    async with bench(tmp_path, account, behaviour) as it:
        settings: dict[str, Any] = {"dataset": replace(CALLS, page_size=20), "switches": BARE}
        report = await it.harvest(START, END, rate=rate, concurrency=16, processes=processes, **settings)
        assert (report.outcome, report.rows) == ("complete", account.total)
        assert report.requests > 4 * rate
        assert it.emulator.busiest_second() <= rate + 1


@pytest.mark.large
async def test_a_pause_stops_all_processes(tmp_path: Path) -> None:
    """While the API asks for a pause nobody asks, whichever process was told; then all ask more slowly."""
    faults = Faults((Fault("http_429", requests=(60,), retry_after=2.0),))
    async with small_bench(tmp_path, _account(12_000), Behaviour(latency=0.1), faults) as it:
        with capture_logs() as lines:
            report = await it.harvest(START, END, rate=100.0, processes=2)
        assert (report.outcome, report.rows, report.retries) == ("complete", it.account.total, 1)
        assert 2 <= report.paused < 4
        arrivals = sorted(asked.arrived for asked in it.emulator.requests)
        assert max(later - sooner for sooner, later in pairwise(arrivals)) >= 1.8
        cuts = [line["next_per_second"] for line in lines if line["event"] == "the API refuses this rate"]
        assert (len(cuts), report.cuts) == (2, 1)


@pytest.mark.large
async def test_the_first_signal_drains_all_processes(tmp_path: Path) -> None:
    """Stopped early, they finish their windows; the next run completes the lake, asking for nothing twice."""
    async with small_bench(tmp_path, _account(12_000), SLOW) as it:
        backfill = it.backfill(START, END, processes=2)
        async with asyncio.TaskGroup() as group:
            running = group.create_task(backfill.run())
            await _until(lambda: (moment := backfill.snapshot()) and moment.partitions)
            backfill.stop()
        assert running.result().outcome == "interrupted"
        assert 0 < running.result().rows < it.account.total
        assert (await it.harvest(START, END)).outcome == "complete"
        assert it.verdict(START, END) == exact(it.account.total)
        asked = Counter((item.start, item.end, item.offset, item.descending) for item in it.emulator.requests)
        assert max(asked.values()) == 1


async def _harvest_and_kill(it: Bench) -> None:
    backfill = it.backfill(START, END, processes=2)
    async with asyncio.TaskGroup() as group:
        group.create_task(backfill.run())
        await _until(lambda: (moment := backfill.snapshot()) and moment.partitions)
        os.kill(_workers(os.getpid())[0], signal.SIGKILL)


@pytest.mark.large
async def test_a_worker_is_killed(tmp_path: Path) -> None:
    """P5: the run fails and says why, all its processes end, and the next one completes the lake."""
    async with bench(tmp_path, _account(), SLOW) as it:
        with pytest.raises(ExceptionGroup) as failure:
            await _harvest_and_kill(it)
        error = first_failure(failure.value)
        assert isinstance(error, WorkerLostError)
        assert "signal 9" in str(error)
        assert exit_code(error) == ExitCode.UNEXPECTED
        assert not _workers(os.getpid())
        assert (await it.harvest(START, END, processes=2)).outcome == "complete"
        assert it.verdict(START, END) == exact(it.account.total)
        _demand_nothing_left(tmp_path)


async def test_what_a_worker_cannot_do_ends_the_run(tmp_path: Path) -> None:
    """A refusal by the API is told as it would be by a lone process, with its exit code."""
    async with bench(tmp_path, _account()) as it:
        with pytest.raises(ExceptionGroup) as failure:
            await it.harvest(START, END, processes=2, filters={"application_id": "999999"})
        error = first_failure(failure.value)
        assert isinstance(error, RequestError)
        assert (error.code, exit_code(error)) == (116, ExitCode.USAGE)


@pytest.mark.large
async def test_what_workers_notice_is_told(tmp_path: Path) -> None:
    """Gaps are logged when they are found, published with ``--allow-gaps``, and in the report; exit 3."""
    faults = Faults((Fault("wrong_total", share=1.0),))
    record = {"call_session_history_id": 1, "start_date": as_text(START)}
    async with bench(tmp_path, ListedAccount([record]), Behaviour(), faults) as it:
        end = START + 1  # too short to be halved
        with capture_logs() as lines:
            report = await it.harvest(START, end, processes=2, allow_gaps=True)
        assert report.outcome == "gaps"
        logged = {line["window"] for line in lines if line["event"] == "gap"}
        assert logged == {str(gap.window) for gap in report.gaps} != set()
        it.emulator.faults = Faults()
        assert (await it.harvest(START, end, processes=2)).outcome == "complete"
        assert it.verdict(START, end) == exact(1)


@asynccontextmanager
async def _command(it: Bench) -> AsyncIterator[subprocess.Popen[bytes]]:
    """The command, with two processes, in a group of its own."""
    it.backfill(START, END)  # writes the key file
    api = ["--endpoint", it.endpoint, "--credentials", str(it.folder / "key.json"), "--rate", "none"]
    span = ["--from", as_text(START), "--to", as_text(END), "--processes", "2"]
    lake = ["--lake", str(it.folder / "lake")]
    command = [sys.executable, "-m", "harvester", "backfill", *span, *lake, *api, "--quiet"]
    process = subprocess.Popen(  # noqa: ASYNC220,S603  (our own program)
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.large
async def test_a_signal_to_the_whole_group_drains_all_processes(tmp_path: Path) -> None:
    """As ``timeout`` and systemd send it: the same end as by one to the coordinator alone."""
    async with bench(tmp_path, _account(), Behaviour(latency=0.5)) as it:
        async with _command(it) as process:
            await _until(lambda: any((tmp_path / "lake" / "calls").rglob("*.parquet")))
            os.killpg(process.pid, signal.SIGTERM)
            await _until(lambda: process.poll() is not None)
            assert process.returncode == ExitCode.SIGNAL + signal.SIGTERM
        (held,) = holdings(tmp_path / "lake")
        assert held.runs[0].outcome == "interrupted"
        assert (await it.harvest(START, END, processes=2)).outcome == "complete"
        assert it.verdict(START, END) == exact(it.account.total)


@pytest.mark.large
async def test_the_coordinator_is_killed(tmp_path: Path) -> None:
    """P5: its workers end by themselves, and the next run completes the lake."""
    async with bench(tmp_path, _account(), SLOW) as it:
        async with _command(it) as process:
            await _until(lambda: any((tmp_path / "lake" / "calls").rglob("*.parquet")))
            workers = _workers(process.pid)
            assert len(workers) == 2
            process.kill()
            await _all_gone(workers, tmp_path)
        assert (await it.harvest(START, END, processes=2)).outcome == "complete"
        assert it.verdict(START, END) == exact(it.account.total)
        _demand_nothing_left(tmp_path)


@pytest.mark.large
async def test_killed_at_any_time(tmp_path: Path) -> None:
    """P2, P5: one of its processes after the other is killed, and in the end the lake is the account."""
    chance = Random(3)  # noqa: S311  (chance by seed)
    async with bench(tmp_path, _account(), SLOW) as it:
        for kill in range(4):
            async with _command(it) as process:
                await _until(lambda: _workers(process.pid) or process.poll() is not None)
                await asyncio.sleep(chance.uniform(0.5, 2))
                victims = [process.pid, *_workers(process.pid)]
                with suppress(ProcessLookupError):
                    os.kill(victims[kill % len(victims)], signal.SIGKILL)
                await _until(lambda: process.poll() is not None)
            await _all_gone(victims, tmp_path)
            assert it.verdict(START, END).surplus == it.verdict(START, END).doubled == 0
        assert (await it.harvest(START, END)).outcome == "complete"
        assert it.verdict(START, END) == exact(it.account.total)
        _demand_nothing_left(tmp_path)
