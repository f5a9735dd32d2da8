"""The power fails at any moment: the next run goes on from what the disk kept; nothing promised is gone."""

from pathlib import Path

import pytest

from tests.disk.bench import PARTS, SCALE, Server, fresh
from tests.disk.judge import is_old_or_new, promised
from tests.disk.log import changes
from tests.disk.power import cuts

STATES = 240 * SCALE

pytestmark = pytest.mark.large


@pytest.mark.parametrize("part", range(PARTS))
def test_any_disk_that_a_power_cut_leaves(server: Server, part: int) -> None:
    """P5: no disk shows half a partition, all recover, and what was reported complete is there."""
    with fresh(server, keep_raw=part % 2 == 0) as case:
        assert case.attempt(log=str(case.log)).complete
        log = list(changes(case.log))
        draws = -(-STATES // len(log))
        step = max(1, PARTS * len(log) * draws // STATES)
        states = 0
        for moment, disk, marks in cuts(case.lake, log):
            for draw in range(draws):
                if (moment * draws + draw) % step != part * step // PARTS:
                    continue
                with fresh(server, keep_raw=case.keep_raw) as after:
                    disk.after(f"{moment} {draw}", after.lake)
                    seen = after.seen
                    assert is_old_or_new(seen), (moment, draw, seen)
                    assert promised(marks).items() <= seen.counts.items(), (moment, draw, seen)
                    ended = after.attempt()
                    assert ended.complete, (moment, draw, ended)
                    assert after.is_whole(), (moment, draw, after.seen)
                    states += 1
        assert states >= STATES // PARTS - 1


def test_the_log_tells_all(server: Server, tmp_path: Path) -> None:
    """Played to its end, with nothing lost, it gives the very files that are there."""
    with fresh(server, keep_raw=True) as case:
        case.attempt(log=str(case.log))
        *_, (_, disk, _) = cuts(case.lake, changes(case.log))
        disk.settle()
        disk.after("", tmp_path / "lake")
        for path in case.lake.rglob("*"):
            if path.is_file():
                assert (tmp_path / "lake" / path.relative_to(case.lake)).read_bytes() == path.read_bytes()
