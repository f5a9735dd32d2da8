"""``sync`` and what comes late: wherever it lies, the round that counts it reads it."""

from dataclasses import replace
from pathlib import Path

import pytest

from harvester.lake.entries import Suspect
from harvester.lake.layout import Layout
from harvester.lake.ledger import Ledger
from harvester.lake.opening import entered
from harvester.window import Window
from tests.acceptance.harness import DAY, SPRING
from tests.acceptance.living import Living, LivingAccount
from tests.acceptance.oracle import exact
from tests.acceptance.syncing import BEGINS, HOUR, SPAN, each, passing, watched

pytestmark = pytest.mark.large


@pytest.mark.parametrize("behind", [0, 1, 2])
async def test_a_late_session_next_to_where_a_day_is_halved(tmp_path: Path, behind: int) -> None:
    """P1: it is not counted with the first half because it lies on its end, and that half read in vain."""
    late = Living(1, SPRING + 2 * DAY + 143 * 300 + behind, appears=BEGINS + HOUR)
    account = each(300, late)
    async with watched(tmp_path, account, BEGINS, page_size=20) as it:
        await it.once(it.job(SPRING))
        await passing(1.5)
        done = await it.once(it.job(SPRING))
        assert (done.outcome, len(done.changed)) == ("complete", 1)
        assert it.verdict(SPAN) == exact(account.total)


async def test_a_late_session_beside_one_that_runs(tmp_path: Path) -> None:
    """P10: seconds left for a running call are read anew when it has ended; until then nothing is wrong."""
    running = Living(1, BEGINS - 3 * HOUR + 7, ends=BEGINS + 20 * HOUR)
    late = Living(2, BEGINS - 4 * HOUR + 9, appears=BEGINS + HOUR)
    async with watched(tmp_path, each(1_800, running, late), BEGINS) as it:
        for _ in range(3):
            assert (await it.once(it.job(SPRING))).gaps == ()
            await passing(1)


async def test_history_that_takes_longer_than_a_round(tmp_path: Path) -> None:
    """P5: the rounds between do not begin it anew, and the partition is mended in the end."""
    span = Window(SPRING, SPRING + 40 * DAY)
    busy, quiet = (
        range(span.start + 2 * HOUR, SPRING + 10 * DAY, 2 * HOUR),
        range(SPRING + 10 * DAY, span.end, DAY),
    )
    account = LivingAccount([Living(second, second) for second in (*busy, *quiet)], span.end)
    async with watched(tmp_path, account, span.end + HOUR, page_size=1) as it:
        job = it.job(SPRING, partition="month")
        await it.once(job)
        with entered(Layout(job.lake, ""), started=it.now()) as database:
            damage = Suspect(Window(SPRING, SPRING + 10 * DAY), "file", "it is damaged")
            Ledger(database, "calls").accuse("file", [damage], it.now())
        it.emulator.reset()
        slow = replace(job, rate=0.2, concurrency=2)
        (last, *_) = await it.serve_until(it.now() + 1.5 * HOUR, slow, every=300)
        assert last.gaps == ()
        assert len(it.emulator.requests) < 300


@pytest.mark.parametrize("crowded", [False, True])
async def test_a_gap_in_history_that_takes_longer_than_a_round(tmp_path: Path, crowded: bool) -> None:  # noqa: FBT001
    """P1: a filling that was paused goes on where it was, whether or not it has met a gap."""
    span = Window(SPRING, SPRING + 20 * DAY)
    crowd = [Living(key, SPRING + HOUR) for key in range(1, 30)] if crowded else []
    plain = [Living(second, second) for second in range(span.start + 2 * HOUR, span.end, 2 * HOUR)]
    account = LivingAccount([*crowd, *plain], span.end)
    async with watched(tmp_path, account, span.end + HOUR, page_size=1) as it:
        slow = replace(it.job(SPRING), rate=0.5, concurrency=2)
        await it.serve_until(span.end + 7 * HOUR, slow, every=300)
        withheld = sum(session.second < SPRING + DAY for session in plain) + len(crowd)
        assert it.verdict(span).missing == (withheld if crowded else 0)
