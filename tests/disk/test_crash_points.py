"""SIGKILL at every change of a file: the next run goes on, and the lake ends as if nothing had been."""

import time
from random import Random

import pytest

from tests.disk.bench import PARTS, SCALE, Case, Ended, Mode, Server, fresh
from tests.disk.judge import is_old_or_new
from tests.disk.log import changes

pytestmark = pytest.mark.large


def restarted(case: Case) -> Ended:
    """Start again after a crash, and see that it cost little and lost nothing."""
    assert is_old_or_new(case.seen), "readers never saw anything but whole partitions"
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
def test_killed_before_every_change(server: Server, part: int) -> None:
    """P5: nothing is lost, doubled or altered, and nothing is asked again that had arrived."""
    for keep_raw in (True, False)[:SCALE]:
        at = 1 + part
        while _is_killed(server, at, keep_raw=keep_raw):
            at += PARTS


@pytest.mark.parametrize("part", range(PARTS))
def test_killed_in_the_middle_of_a_write(server: Server, part: int) -> None:
    """P5: half of it is there; of every other write by default, of each in the long form."""
    for at in _writes(server)[part :: PARTS * (2 if SCALE == 1 else 1)]:
        with fresh(server, keep_raw=True) as case:
            assert case.attempt(Mode.TEAR, at).killed
            restarted(case)


@pytest.mark.parametrize("part", range(PARTS))
def test_killed_again_while_it_recovers(server: Server, part: int) -> None:
    """P5: the second run dies too, and the third, each a little further on its way."""
    chance = Random(part)  # noqa: S311  (chance, not a secret)
    for _ in range(15 * SCALE):
        with fresh(server, keep_raw=chance.random() < 0.5) as case:
            case.attempt(Mode.KILL, chance.randint(1, 300))
            for mode, most in ((Mode.KILL, 60), (Mode.TEAR, 300)):
                assert is_old_or_new(case.seen)
                case.attempt(mode, chance.randint(1, most))
            assert is_old_or_new(case.seen)
            assert case.attempt().complete
            assert case.is_whole(), case.seen


@pytest.mark.parametrize("part", range(PARTS))
def test_killed_at_any_time(server: Server, part: int) -> None:
    """P5: not at a call but by the clock, a process that is started again until it is done."""
    chance, kills = Random(f"{part} of {PARTS}"), 0  # noqa: S311  (chance, not a secret)
    with fresh(server) as case:
        began = time.monotonic()
        case.attempt()
        whole = time.monotonic() - began
    while kills < 50 * SCALE:
        with fresh(server, keep_raw=chance.random() < 0.5) as case:
            while (ended := case.attempt(kill_after=whole * chance.random())).killed:
                kills += 1
                assert is_old_or_new(case.seen)
            assert ended.complete
            assert case.is_whole(), case.seen


def _is_killed(server: Server, at: int, *, keep_raw: bool) -> bool:
    with fresh(server, keep_raw=keep_raw) as case:
        if not case.attempt(Mode.KILL, at).killed:
            return False
        restarted(case)
        return True


def _writes(server: Server) -> list[int]:
    """Which of the changes are writes of more than a byte."""
    with fresh(server, keep_raw=True) as case:
        case.attempt(log=str(case.log))
        counted = [change for change in changes(case.log) if change.what != "m"]
    return [at for at, change in enumerate(counted, 1) if change.what == "w" and len(change.data) > 1]
