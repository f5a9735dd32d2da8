"""SIGKILL at every change while sync replaces partitions: each is old or new, and the next round ends it."""

from collections import Counter

import duckdb
import pytest

from harvester.window import as_text
from tests.disk.bench import PARTS, SCALE, Case, Mode, Server, fresh
from tests.disk.small import GOOD, LATE

pytestmark = pytest.mark.large
OLD = Counter(f"{as_text(session.second):.13}" for session in GOOD.values())
NEW = OLD + Counter(f"{as_text(session.second):.13}" for session in LATE)


def hours(case: Case) -> Counter[str]:
    """Rows of each hour, as a reader counts them; no key comes twice."""
    files = f"{case.lake}/calls/**/*.parquet"
    query = (
        f"SELECT start_date, call_session_history_id FROM read_parquet('{files}', hive_partitioning = false)"
    )
    rows = duckdb.connect().execute(query).fetchall()
    assert len({key for _, key in rows}) == len(rows)
    return Counter(f"{second!s:.13}" for second, _ in rows)


@pytest.mark.parametrize("part", range(PARTS))
def test_killed_before_every_change_of_a_sync(server: Server, part: int) -> None:
    """P4, P5: readers see whole partitions, replaced or not yet; the next round takes in what is left.

    Before every eighth by default.
    """
    at, seen = 1 + part, set[tuple[bool, ...]]()
    while True:
        with fresh(server) as case:
            assert case.attempt().complete
            assert hours(case) == OLD
            killed = case.attempt(Mode.KILL, at, sync=True).killed
            found = hours(case)
            assert all(rows in {OLD[hour], NEW[hour]} for hour, rows in found.items())
            seen.add(tuple(found[hour] == NEW[hour] for hour in sorted(NEW - OLD)))
            ended = case.attempt(sync=True)
            assert ended.outcomes == ("complete",), ended
            assert hours(case) == NEW
        if not killed:
            break
        at += PARTS * (8 if SCALE == 1 else 1)
    assert {(False, False), (True, True)} <= seen


def test_nothing_is_replaced_twice(server: Server) -> None:
    """A second round finds nothing to do but to count."""
    with fresh(server) as case:
        case.attempt()
        case.attempt(sync=True)
        assert case.attempt(sync=True).outcomes == ("complete",)
        published = hours(case)
        assert published == NEW
