"""``sync --every``: round after round in virtual time, through outages, refusals and signals."""

import asyncio
import json
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path

import pytest

from harvester.datasets import TRANSACTIONS
from harvester.emulator import Fault, Faults
from harvester.errors import ConfigError, LakeLockedError, RefusedError, UnavailableError
from harvester.health import HealthFile
from harvester.lake.database import Database
from harvester.window import Window
from tests.acceptance.harness import DAY, SPRING
from tests.acceptance.living import Living, LivingAccount
from tests.acceptance.oracle import exact
from tests.acceptance.syncing import Watched, watched

MINUTE, HOUR = 60, 3_600
BEGINS = SPRING + 3 * DAY


def account(days: int = 4, every: int = HOUR) -> LivingAccount:
    """A session every so many seconds, each shown from its own second on."""
    span = range(SPRING, SPRING + days * DAY, every)
    return LivingAccount([Living(second, second, second) for second in span], BEGINS)


def between(start: float, end: float) -> Callable[[Mapping[str, str]], bool]:
    """Whether the loop's time is in ``[start, end)``."""
    return lambda _parameters: start <= asyncio.get_running_loop().time() < end


def away(start: float, end: float, kind: str = "http_503") -> Faults:
    """The API is away."""
    return Faults((Fault(kind, share=1.0, when=between(start, end)),))


async def test_rounds_come_at_their_interval_and_never_quite(tmp_path: Path) -> None:
    """Within a tenth of it, either way, and not always the same: services do not march in step."""
    began: list[float] = []
    async with watched(tmp_path, account(), BEGINS) as it:
        job = it.job(SPRING)
        await it.serve_until(BEGINS + 4 * HOUR, job, every=15 * MINUTE, tell=lambda _: began.append(it.now()))
        steps = [later - earlier for earlier, later in pairwise(began[1:])]
        assert 14 <= len(steps) <= 18
        assert all(13 * MINUTE <= step <= 17 * MINUTE for step in steps)
        assert len({round(step) for step in steps}) > 10
        assert it.verdict(Window(SPRING, it.rounds[-1].covered or 0)) == exact(24 * 3 + 3)


async def test_an_outage_costs_rounds_and_does_not_end_the_service(tmp_path: Path) -> None:
    """The health file says since when; the round after the outage takes in what was missed."""
    states: list[tuple[str, int, bool]] = []

    async with watched(tmp_path, account(), BEGINS, faults=away(2 * HOUR, 5 * HOUR)) as it:
        service = it.service(it.job(SPRING), every=30 * MINUTE)

        async def look() -> None:
            while True:
                await asyncio.sleep(30 * MINUTE)
                health = it.health
                states.append((health["state"], health["failures"], bool(health["errors"])))

        watcher = asyncio.create_task(look())
        asyncio.get_running_loop().call_later(7 * HOUR, service.stop)
        await service.run()
        watcher.cancel()
        assert {state for state, _, _ in states} == {"ok", "failing"}
        assert all((state == "failing") == failed == (failures > 0) for state, failures, failed in states)
        assert max(failures for _, failures, _ in states) >= 2
        assert states[-1] == ("ok", 0, False)
        assert it.verdict(Window(SPRING, it.rounds[-1].covered or 0)).missing == 0


async def test_a_pause_of_an_hour_is_kept_by_the_rounds_that_follow(tmp_path: Path) -> None:
    """P7: every other round fails without a request until the pause is over; then the service goes on."""
    busy = Fault("http_429", share=1.0, retry_after=HOUR, when=between(2 * HOUR, 2.5 * HOUR))
    async with watched(tmp_path, account(), BEGINS, faults=Faults((busy,))) as it:
        jobs = it.job(SPRING), it.job(SPRING, dataset=TRANSACTIONS, name="transactions")
        await it.serve_until(BEGINS + 4 * HOUR, *jobs, every=5 * MINUTE)
        told = [asked.arrived for asked in it.emulator.requests if asked.status == 429]
        assert len(told) == 1
        assert not [asked for asked in it.emulator.requests if told[0] < asked.arrived < told[0] + HOUR - 1]
        assert it.health["state"] == "ended"
        assert it.verdict(Window(SPRING, it.rounds[-1].covered or 0)).missing == 0
        assert it.emulator.requests[-1].arrived > told[0] + HOUR


async def test_without_a_service_a_failed_round_is_a_failure(tmp_path: Path) -> None:
    """One round, one outcome; the health file says the same."""
    async with watched(tmp_path, account(), BEGINS, faults=away(0, DAY)) as it:
        with pytest.raises(UnavailableError):
            await it.once(it.job(SPRING))
        assert (it.health["state"], it.health["last_success"]) == ("ended", None)
        assert "failed 8 times" in it.health["errors"]["calls"]


async def test_a_refused_key_ends_the_service(tmp_path: Path) -> None:
    """No later round would be accepted; the code is that of any other command."""
    async with watched(tmp_path, account(), BEGINS) as it:
        it.emulator.faults = Faults((Fault("error_code", share=1.0, when=between(3 * HOUR, DAY), code=433),))
        with pytest.raises(RefusedError):
            await it.serve_until(BEGINS + DAY, it.job(SPRING), every=HOUR)
        assert 3 <= len(it.rounds) <= 4
        assert (it.health["state"], it.health["next_round"]) == ("ended", None)
        assert it.health["last_success"] is not None


async def test_it_stops_within_the_round_and_the_next_goes_on(tmp_path: Path) -> None:
    """As backfill does at the first signal: what was begun is finished, nothing is begun any more."""
    async with watched(tmp_path, account(every=300), BEGINS, page_size=10) as it:
        job = it.job(SPRING, rate=2.0)
        (done,) = await it.serve_until(BEGINS + 6, job, every=HOUR)
        assert (done.outcome, done.requests > 0) == ("interrupted", True)
        (done,) = await it.serve_until(it.now() + 3 * HOUR, job, every=HOUR)
        assert it.verdict(Window(SPRING, done.covered or 0)).missing == 0


async def test_stopped_while_it_waits_it_ends_at_once(tmp_path: Path) -> None:
    """A wait is not worth finishing."""
    async with watched(tmp_path, account(), BEGINS) as it:
        await it.serve_until(BEGINS + 30 * MINUTE, it.job(SPRING), every=6 * HOUR)
        assert it.now() - BEGINS < 31 * MINUTE
        assert len(it.rounds) == 1


@pytest.mark.large
async def test_history_waits_for_what_is_fresh(tmp_path: Path) -> None:
    """Filling pauses when a round is due, and goes on after it; the budget is one."""
    start = SPRING - 15 * DAY
    old = [Living(second, second) for second in range(start, BEGINS, 1_800)]
    async with watched(tmp_path, LivingAccount(old, BEGINS), BEGINS, page_size=4) as it:
        job = it.job(start, rate=1.0)
        before: list[int] = []
        await it.serve_until(
            BEGINS + 12 * MINUTE,
            job,
            every=MINUTE,
            tell=lambda _: before.append(_files(it)),
        )
        assert len(it.rounds) > 8, "rounds were not held up by the history"
        growing = [earlier < later for earlier, later in pairwise(before)]
        assert sum(growing) >= 2, "the history was filled between several rounds"
        assert it.emulator.busiest_second() <= 2
        covered = it.rounds[-1].covered or 0
        assert it.verdict(Window(start, covered)) == exact(it.account.count(start, covered))


async def test_one_lock_for_all_of_it(tmp_path: Path) -> None:
    """From the first round to the last, between rounds too."""
    async with watched(tmp_path, account(), BEGINS) as it:
        service = it.service(it.job(SPRING), every=HOUR)
        async with asyncio.TaskGroup() as group:
            group.create_task(service.run())
            await asyncio.sleep(HOUR / 2)
            with pytest.raises(LakeLockedError):
                await it.once(it.job(SPRING))
            service.stop()


async def test_a_service_that_was_followed_ends(tmp_path: Path) -> None:
    """Its lock was removed, and another has taken the lake over: it publishes nothing more."""
    async with watched(tmp_path, account(), BEGINS) as it:
        service = it.service(it.job(SPRING), every=HOUR)

        def follow() -> None:
            with Database.open(tmp_path / "lake" / "_harvester" / "ledger.sqlite", started=BEGINS + HOUR):
                pass

        asyncio.get_running_loop().call_later(HOUR / 2, follow)
        with pytest.raises(LakeLockedError):
            await service.run()


async def test_a_refused_dataset_leaves_the_others_alone(tmp_path: Path) -> None:
    """The role may serve one and not the other: the one goes on, and the health file names the other."""
    async with watched(tmp_path, account(), BEGINS) as it:
        other = it.job(SPRING, name="transactions", dataset=TRANSACTIONS)
        await it.serve_until(BEGINS + 3 * HOUR, it.job(SPRING), other, every=HOUR)
        assert {done.name for done in it.rounds} == {"calls"}
        assert set(it.health["errors"]) == {"transactions"}
        assert it.health["last_success"] is None


def test_a_health_file_that_cannot_be_written_is_said_at_once(tmp_path: Path) -> None:
    """Before anything is asked."""
    with pytest.raises(ConfigError, match="cannot write --health-file"):
        HealthFile(tmp_path / "none" / "health.json")


async def test_a_service_that_does_not_own_the_lake_leaves_the_health_file_alone(tmp_path: Path) -> None:
    """A second one is refused, and the file goes on telling of the first."""
    async with watched(tmp_path, account(), BEGINS) as it:
        service = it.service(it.job(SPRING), every=HOUR)
        async with asyncio.TaskGroup() as group:
            group.create_task(service.run())
            await asyncio.sleep(HOUR / 2)
            told = it.health
            with pytest.raises(LakeLockedError):
                await it.once(it.job(SPRING))
            assert it.health == told
            assert (told["state"], told["rounds"]) == ("ok", 1)
            service.stop()


async def test_a_restart_keeps_the_last_success(tmp_path: Path) -> None:
    """Of this lake, and from a file that can be read; of any other it knows nothing."""
    async with watched(tmp_path, account(), BEGINS) as it:
        await it.once(it.job(SPRING))
        success = it.health["last_success"]
        it.emulator.faults = away(0, DAY)
        for lake, expected in (("lake", success), ("other", None)):
            with pytest.raises(UnavailableError):
                await it.once(it.job(SPRING, lake=tmp_path / lake))
            assert (it.health["state"], it.health["last_success"]) == ("ended", expected)
        for unreadable in ("", "[]", '{"lake": 7}', f'{{"lake": "{tmp_path}/lake", "last_success": "soon"}}'):
            (tmp_path / "health.json").write_text(unreadable)
            with pytest.raises(UnavailableError):
                await it.once(it.job(SPRING))
            assert it.health["last_success"] is None


async def test_the_health_file_tells_gaps_and_coverage(tmp_path: Path) -> None:
    """Whoever watches sees how far the lake goes, and what it misses."""
    crowd = [Living(key, BEGINS - 5 * HOUR) for key in range(1, 30)]
    async with watched(tmp_path, LivingAccount(crowd, BEGINS), BEGINS, page_size=1) as it:
        (done,) = await it.serve_until(BEGINS + MINUTE, it.job(SPRING), every=HOUR)
        health = it.health
        assert health["datasets"]["calls"] == json.loads(json.dumps(done.as_json()))
        assert len(health["datasets"]["calls"]["gaps"]) == 1
        assert health["last_success"] is not None


def _files(it: Watched) -> int:
    return len(list((it.folder / "lake" / "calls").rglob("*.parquet")))
