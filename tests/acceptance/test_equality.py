"""The first promise: what the account holds is what the lake holds, record for record."""

from pathlib import Path

import pytest

from harvester.emulator import Behaviour, SyntheticAccount
from tests.acceptance.harness import DAY, SPRING, bench, small_bench
from tests.acceptance.oracle import exact

QUARTER = 91 * DAY
SHAPES = {
    "uniform": (1_500, QUARTER),
    "daily": (1_500, QUARTER),
    "burst": (1_500, QUARTER),
    "spike": (1_500, QUARTER),
    "sparse": (250, 300 * DAY),
}

pytestmark = pytest.mark.large


@pytest.mark.parametrize("to_inclusive", [True, False])
@pytest.mark.parametrize("shape", SHAPES)
async def test_the_lake_equals_the_account(tmp_path: Path, shape: str, to_inclusive: bool) -> None:  # noqa: FBT001
    """Every record arrives once and unaltered, whatever the shape and whether ``to_date`` is inclusive."""
    sessions, seconds = SHAPES[shape]
    start, end = SPRING - seconds, SPRING
    account = SyntheticAccount(
        sessions, start, end, shape="uniform" if shape == "sparse" else shape, seed=1, spike=900
    )
    async with small_bench(tmp_path, account, Behaviour(to_inclusive=to_inclusive)) as it:
        report = await it.harvest(start, end)
        assert (report.outcome, report.rows, report.gaps) == ("complete", account.total, ())
        assert it.verdict(start, end) == exact(account.total)
        assert report.requests == len(it.emulator.requests)


async def test_the_lake_equals_the_account_at_the_caps_of_the_vendor(tmp_path: Path) -> None:
    """The same with pages of a thousand, and a second that holds nearly as many as paging reaches."""
    start, end = SPRING - QUARTER, SPRING
    account = SyntheticAccount(15_000, start, end, shape="spike", seed=1, spike=9_000)
    async with bench(tmp_path, account) as it:
        report = await it.harvest(start, end)
        assert (report.outcome, report.rows, report.gaps) == ("complete", account.total, ())
        assert it.verdict(start, end) == exact(account.total)


@pytest.mark.parametrize(
    "behaviour",
    [
        Behaviour(from_inclusive=False, to_inclusive=False),
        Behaviour(from_inclusive=False),
        Behaviour(order="shuffled"),
        Behaviour(order="shuffled", from_inclusive=False, to_inclusive=False),
        Behaviour(beyond_cap="clamp", gzip=False),
        Behaviour(max_days=7),
        Behaviour(latency=0.3, latency_sigma=0.8),
    ],
    ids=["both-exclusive", "from-exclusive", "shuffled", "shuffled-exclusive", "clamp", "seven-days", "slow"],
)
@pytest.mark.parametrize("shape", ["daily", "spike"])
async def test_what_is_unknown_of_the_api_does_not_matter(
    tmp_path: Path, behaviour: Behaviour, shape: str
) -> None:
    """Bounds, the order within a second, caps and widths: the lake is the same under every answer."""
    start, end = SPRING - 20 * DAY, SPRING
    account = SyntheticAccount(1_500, start, end, shape=shape, seed=2, spike=300)
    async with small_bench(tmp_path, account, behaviour) as it:
        report = await it.harvest(start, end)
        assert (report.outcome, report.rows) == ("complete", account.total)
        assert it.verdict(start, end) == exact(account.total)
