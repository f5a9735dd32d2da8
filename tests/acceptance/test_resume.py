"""A stopped run goes on where it was, and asks again for nothing that had arrived."""

import asyncio
import os
import signal
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from harvester.cli.exit_codes import ExitCode, exit_code
from harvester.cli.supervise import supervise
from harvester.datasets import CALLS
from harvester.emulator import Behaviour, Fault, Faults, ListedAccount, SyntheticAccount
from harvester.errors import LakeLockedError
from harvester.harvest import Backfill
from harvester.inspection import holdings
from harvester.lake import publish, sink
from harvester.lake.catalog import Catalog
from harvester.lake.database import Database
from harvester.lake.entries import Intent
from harvester.lake.layout import Layout
from harvester.lake.publish import recover
from harvester.lake.spool import Spool
from harvester.window import as_text
from tests.acceptance.harness import DAY, SPRING, Bench, bench, small_bench
from tests.acceptance.oracle import exact
from tests.lake.test_publish import Killed

START, END = SPRING - 30 * DAY, SPRING

pytestmark = pytest.mark.large
SLOW = Behaviour(latency=0.6, latency_sigma=0.3)


def _account() -> SyntheticAccount:
    return SyntheticAccount(3_000, START, END, seed=6)


def _asked(it: Bench) -> Counter[tuple[object, ...]]:
    return Counter((item.start, item.end, item.offset, item.descending) for item in it.emulator.requests)


async def _stop_after(run: Backfill, seconds: float) -> None:
    await asyncio.sleep(seconds)
    run.stop()


async def test_the_first_signal_drains(tmp_path: Path) -> None:
    """Stopped early, a run finishes its windows; the next completes the lake, asking for no page twice."""
    async with small_bench(tmp_path, _account(), SLOW) as it:
        run = it.backfill(START, END)
        async with asyncio.TaskGroup() as group:
            group.create_task(_stop_after(run, 3.0))
            stopped = group.create_task(run.run())
        assert stopped.result().outcome == "interrupted"
        assert 0 < stopped.result().rows < it.account.total
        report = await it.harvest(START, END)
        assert report.outcome == "complete"
        assert it.verdict(START, END) == exact(it.account.total)
        assert max(_asked(it).values()) == 1


@pytest.mark.parametrize("seconds", [0.1, 1.0, 2.0, 3.0])
async def test_cancelled_at_any_moment(tmp_path: Path, seconds: float) -> None:
    """Cut off, a run loses only the answers that had not arrived: the next asks for these alone."""
    async with small_bench(tmp_path, _account(), SLOW) as it:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(seconds):
                await it.harvest(START, END)
        (held,) = holdings(tmp_path / "lake")
        assert [run.outcome for run in held.runs] == ["interrupted"], "nothing failed"
        in_flight = it.emulator.in_flight
        report = await it.harvest(START, END)
        assert report.outcome == "complete"
        assert it.verdict(START, END) == exact(it.account.total)
        repeated = sum(times - 1 for times in _asked(it).values())
        assert repeated <= max(8, in_flight)
        assert not list((tmp_path / "lake" / "_harvester" / "spool" / "calls").iterdir())
        assert not list((tmp_path / "lake" / "_harvester" / "tmp" / "calls").iterdir())


class _Unseen:
    """A display without anything to show."""

    async def show(self) -> None:
        """Show nothing."""


@pytest.mark.parametrize(
    "outage",
    [Fault("http_503", share=1.0), Fault("http_429", share=1.0, retry_after=600)],
    ids=lambda it: it.kind,
)
async def test_draining_in_an_outage_has_an_end(tmp_path: Path, outage: Fault) -> None:
    """P11: what no answer comes for is cut off half a minute after the signal; the next run goes on there."""
    async with small_bench(tmp_path, _account(), SLOW) as it:
        loop = asyncio.get_running_loop()
        loop.call_later(2.0, setattr, it.emulator, "faults", Faults((outage,)))
        loop.call_later(4.0, os.kill, os.getpid(), signal.SIGHUP)
        assert await supervise(it.backfill(START, END), _Unseen()) == (None, [signal.SIGHUP])
        (held,) = holdings(tmp_path / "lake")
        assert [run.outcome for run in held.runs] == ["interrupted"]
        it.emulator.faults = Faults()
        answered = len(it.emulator.requests)
        assert (await it.harvest(START, END)).outcome == "complete"
        assert it.verdict(START, END) == exact(it.account.total)
        whole = await it.harvest(START, END, lake="other")
        assert len(it.emulator.requests) - answered < 2 * whole.requests, "what had arrived was not asked for"


async def test_kept_answers(tmp_path: Path) -> None:
    """``--keep-raw`` keeps every answer as received, beside the lake's tables."""
    async with small_bench(tmp_path, _account()) as it:
        report = await it.harvest(START, END, keep_raw=True)
        kept = list((tmp_path / "lake" / "_harvester" / "raw" / "calls").glob("*.spool"))
        assert sum(path.stat().st_size for path in kept) > 0.95 * report.received


def _evidence(folder: Path) -> int:
    """Bytes of all kept answers."""
    return sum(path.stat().st_size for path in (folder / "_harvester" / "raw").rglob("*.spool"))


@pytest.mark.parametrize(
    ("owner", "name"), [(Spool, "free"), (Catalog, "publish"), (publish, "sync_folders"), (Path, "replace")]
)
@pytest.mark.parametrize("keep_raw", [True, False])
@pytest.mark.parametrize("more", [0, DAY])
async def test_a_crash_before_answers_are_freed_loses_no_evidence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owner: object, name: str, more: int, *, keep_raw: bool
) -> None:
    """The next run keeps, or drops, what the dead one had not freed, also if nothing is left to do."""
    account = SyntheticAccount(400, START, END, seed=6)
    async with bench(tmp_path, account) as it:
        await it.harvest(START, START + 3 * DAY, lake="whole", keep_raw=True)
        monkeypatch.setattr(owner, name, _die)
        with pytest.raises(BaseExceptionGroup):
            await it.harvest(START, START + 3 * DAY, keep_raw=keep_raw)
        monkeypatch.undo()
        report = await it.harvest(START, START + 3 * DAY + more, keep_raw=keep_raw)
        assert report.outcome == "complete"
        truth = list(account.sessions(START, START + 3 * DAY + more))
        assert it.verdict(START, START + 3 * DAY + more) == exact(len(truth))
        assert not list((tmp_path / "lake" / "_harvester" / "spool" / "calls").iterdir())
        kept, whole = _evidence(tmp_path / "lake"), _evidence(tmp_path / "whole")
        assert kept >= whole if keep_raw else kept == 0


def _die(*_arguments: object, **_options: object) -> None:
    raise Killed


async def test_a_run_that_was_followed_by_another_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Paused before a rename, its lock lost: it says who owns the lake now, and the next run completes it."""
    account = SyntheticAccount(400, START, END, seed=6)
    work = publish.show

    def followed(root: Path, intents: list[Intent]) -> None:
        monkeypatch.undo()
        with Database.open(root / "_harvester" / "ledger.sqlite") as ledger:
            recover(Layout(root, "calls"), Catalog(ledger, "calls"))
        work(root, intents)

    async with bench(tmp_path, account) as it:
        monkeypatch.setattr(sink, "show", followed)
        with pytest.raises(LakeLockedError, match="taken over by another run") as refusal:
            await it.harvest(START, END)
        assert exit_code(refusal.value) == ExitCode.LOCKED
        assert (await it.harvest(START, END)).outcome == "complete"
        assert it.verdict(START, END) == exact(account.total)


async def test_a_spool_that_is_gone(tmp_path: Path) -> None:
    """What a power cut took of the spool, down to the last answer, is asked for again."""
    async with small_bench(tmp_path, _account(), SLOW) as it:
        run = it.backfill(START, END, partition="month")
        async with asyncio.TaskGroup() as group:
            group.create_task(_stop_after(run, 3.0))
            group.create_task(run.run())
        kept = list((tmp_path / "lake" / "_harvester" / "spool" / "calls").iterdir())
        for number, path in enumerate(kept):
            path.write_bytes(b"") if number % 2 else path.unlink()
        assert kept
        assert (await it.harvest(START, END, partition="month")).outcome == "complete"
        assert it.verdict(START, END) == exact(it.account.total)


async def test_half_a_reading_passes_for_no_proof(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proven window whose answers are gone is open again, though half of it holds as many records now."""
    end = START + DAY
    account = ListedAccount(_session(key, START + 600 * key) for key in range(1, 41))
    async with bench(tmp_path, account, dataset=replace(CALLS, page_size=10, max_offset=90)) as it:
        monkeypatch.setattr(Catalog, "intend", _die)
        with pytest.raises(BaseExceptionGroup):
            await it.harvest(START, end)
        monkeypatch.undo()
        for path in (tmp_path / "lake" / "_harvester" / "spool" / "calls").iterdir():
            path.unlink()
        for key in range(41, 51):
            account.add(_session(key, START + key))
        away = Fault("stall", share=1.0, when=lambda asked: int(asked["offset"]) >= 40)
        it.emulator.faults = Faults((away,))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5):
                await it.harvest(START, end, concurrency=4)
        it.emulator.faults = Faults()
        assert (await it.harvest(START, end)).outcome == "complete"
        assert it.verdict(START, end) == exact(50)


def _session(key: int, second: int) -> dict[str, object]:
    return {"call_session_history_id": key, "start_date": as_text(second)}


@pytest.mark.parametrize("keep_raw", [False, True])
async def test_a_kill_between_publishing_and_freeing(tmp_path: Path, keep_raw: bool) -> None:  # noqa: FBT001
    """The next start frees the answers of what is published, though it has nothing to do; or keeps them."""
    workshop = tmp_path / "lake" / "_harvester"
    async with bench(tmp_path, SyntheticAccount(10, START, END)) as it:
        await it.harvest(START, END)
        left = workshop / "spool" / "calls" / f"{START}.spool"
        left.write_bytes(b"an answer")
        assert (await it.harvest(START, END, keep_raw=keep_raw)).covered
        assert not left.exists()
        assert (workshop / "raw" / "calls" / left.name).exists() == keep_raw


async def test_answers_of_the_second_behind_are_no_business_of_a_window(tmp_path: Path) -> None:
    """A window that paging leaves right at its end, by an inclusive bound, keeps nothing of what follows."""
    small = replace(CALLS, page_size=2, max_offset=2)
    records = [
        {"call_session_history_id": key, "start_date": as_text(START + key // 4)} for key in range(1, 7)
    ]
    async with bench(tmp_path, ListedAccount(records), Behaviour(page_size=2, max_offset=2)) as it:
        report = await it.harvest(START, START + 1, dataset=small)
        assert (report.outcome, report.rows) == ("complete", 3)
        assert it.verdict(START, START + 1) == exact(3)
        assert not list((tmp_path / "lake" / "_harvester" / "spool" / "calls").iterdir())
