"""One ``sync`` over several datasets, of which one fails: what becomes of the others."""

from pathlib import Path

import pytest

from harvester.config import Job
from harvester.datasets import TRANSACTIONS
from harvester.emulator import Fault, Faults
from harvester.errors import RefusedError
from harvester.window import Window
from tests.acceptance.harness import DAY, SPRING
from tests.acceptance.living import Living, LivingAccount
from tests.acceptance.oracle import exact
from tests.acceptance.syncing import Watched, watched

HOUR = 3_600
BEGINS = SPRING + 20 * DAY
# Calls alone are asked for with a switch of that name.
FORBIDDEN = Fault("error_code", share=1.0, code=104, when=lambda asked: "with_calls" not in asked)


def account() -> LivingAccount:
    """A session every other hour, long known when the lake begins."""
    return LivingAccount([Living(second, second) for second in range(SPRING, BEGINS, 2 * HOUR)], BEGINS)


def refused(it: Watched) -> Job:
    """What the key's role may not read."""
    return it.job(SPRING, name="transactions", dataset=TRANSACTIONS)


@pytest.mark.parametrize("first", [True, False], ids=["refused first", "refused last"])
async def test_the_history_is_filled_though_another_dataset_is_refused(
    tmp_path: Path, *, first: bool
) -> None:
    """One round brings a dataset up to date, and fills its history; then the refusal of the other is told."""
    async with watched(tmp_path, account(), BEGINS, faults=Faults((FORBIDDEN,))) as it:
        jobs = (refused(it), it.job(SPRING)) if first else (it.job(SPRING), refused(it))
        with pytest.raises(RefusedError):
            await it.service(*jobs).run()
        (done,) = it.rounds
        assert it.verdict(Window(SPRING, done.covered or 0)) == exact(20 * 12)
        assert set(it.health["errors"]) == {"transactions", "service"}
