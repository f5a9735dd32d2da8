"""SIGKILL at every change of a file: the next run goes on, and the lake ends as if nothing had been."""

import pytest

from tests.disk import small
from tests.disk.bench import Case, Ended, Mode, Server, fresh

PARTS = 4  # so that they run side by side

pytestmark = pytest.mark.large


def restarted(case: Case) -> Ended:
    """Start again after a crash, and see that it cost little and lost nothing."""
    assert small.is_old_or_new(case.seen), "readers never saw anything but whole partitions"
    spared = case.open_windows
    before = case.asked[-1]
    ended = case.attempt()
    assert ended.complete, ended
    assert case.is_whole(), case.seen
    in_flight = len(before) - 2 * sum(line.startswith("!") for line in before)
    asked = {line for line in before if line.startswith("?")}
    again = [line for line in case.asked[-1] if line in asked]
    assert len(again) <= in_flight + spared, again
    return ended


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("mode", [Mode.KILL, Mode.TEAR], ids=str)
def test_killed_at_every_change(server: Server, mode: Mode, part: int) -> None:
    """P5: before it, or in the middle of a write: nothing lost, doubled or altered, and asked again."""
    at = 1 + part
    while True:
        with fresh(server, keep_raw=at % 2 == 0) as case:
            if not case.attempt(mode, at).killed:
                return
            restarted(case)
        at += PARTS
