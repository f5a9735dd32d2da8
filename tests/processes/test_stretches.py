from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from harvester.lake.database import Database
from harvester.lake.entries import ProvenWindow
from harvester.lake.layout import Granularity, partition_at
from harvester.lake.ledger import Ledger
from harvester.processes.stretches import stretches
from harvester.window import Window, merged

pytestmark = pytest.mark.large

DAY = 86_400
START = 1_704_067_200  # 2024-01-01


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """Of a new lake."""
    with Database.open(tmp_path / "ledger.sqlite") as database:
        ledger = Ledger(database, "calls")
        ledger.claim(1, {}, 0.0)
        yield ledger


def _days(first: float, last: float) -> Window:
    return Window(START + int(first * DAY), START + int(last * DAY))


@pytest.mark.parametrize("granularity", list(Granularity))
@pytest.mark.parametrize("processes", [1, 2, 5])
@pytest.mark.parametrize(
    "todo",
    [
        (_days(0, 90),),
        (_days(0.5, 1.5),),
        (_days(0.1, 0.2), _days(0.3, 3), _days(40.7, 366)),
        tuple(_days(day, day + 0.25) for day in range(50)),
    ],
)
def test_stretches_are_whole_partitions(
    ledger: Ledger, todo: tuple[Window, ...], granularity: Granularity, processes: int
) -> None:
    """Together they are what there is to do, in order; no partition is in two of them."""
    found = stretches(ledger, todo, granularity, processes)
    assert merged(window for item in found for window in item.todo) == merged(todo)
    assert sum(item.seconds for item in found) == sum(window.seconds for window in todo)
    for one, other in pairwise(found):
        last, first = one.todo[-1].end - 1, other.todo[0].start
        assert partition_at(granularity, last) < partition_at(granularity, first)
    for item in found:
        assert tuple(lease.window for lease in item.leases) == item.todo


def test_stretches_are_few_and_end_short(ledger: Ledger) -> None:
    """They shrink towards the end, so that the last one is not waited for long; each costs a request."""
    found = [item.seconds for item in stretches(ledger, (_days(0, 1000),), Granularity.DAY, 4)]
    assert found[0] == 125 * DAY
    assert max(found[-4:]) <= 1000 * DAY / 4 / 10
    assert len(found) <= 4 * 9


def test_windows_of_an_earlier_run_stay_whole(ledger: Ledger) -> None:
    """Where a window was begun or proven before, no stretch ends: its answers are used as they are."""
    proven, begun = _days(9.5, 31.25), _days(31.25, 44)
    ledger.record(proven, proven=[ProvenWindow(proven, 7)], waiting=[begun], run=1)
    found = stretches(ledger, (_days(0, 50),), Granularity.DAY, 4)
    leases = [lease for item in found for lease in item.leases]
    assert [lease.window for lease in leases if lease.proven] == [proven]
    assert [lease.window for lease in leases].count(begun) == 1
    assert merged(lease.window for lease in leases) == (_days(0, 50),)
    for item in found:
        spans = merged(lease.window for lease in item.leases)
        assert spans == item.todo
    assert len(found) > 4
