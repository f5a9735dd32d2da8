"""Flat tables, killed, refused and cut off from power everywhere: the next run shows all files."""

import errno
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import duckdb
import pytest

from tests.disk.bench import SCALE, Case, Mode, Server, fresh
from tests.disk.log import changes
from tests.disk.power import cuts
from tests.disk.small import CALLING

pytestmark = pytest.mark.large

WANTED = {item.key: item.calls for item in CALLING}
HALVES = 2  # side by side
DRAWS = 2 * SCALE  # disks that a power cut leaves at one moment
NEAR = 8  # changes after a rename that one may come late
_database = duckdb.connect()


def look(lake: Path) -> tuple[Mapping[int, int | None], Mapping[int, list[int]]]:
    """The sessions with the number of calls that they claim, and the calls of each; no key or place twice."""
    tables = []
    for table, columns in (
        ("sessions", "call_session_history_id, calls_count"),
        ("calls", "call_session_history_id, position, call_id"),
    ):
        files = f"{lake}/calls.{table}/**/*.parquet"
        query = f"SELECT {columns} FROM read_parquet('{files}', hive_partitioning = false) ORDER BY ALL"
        there = list(lake.glob(f"calls.{table}/**/*.parquet"))
        tables.append(_database.execute(query).fetchall() if there else [])
    sessions, calls = tables
    assert max(Counter(key for key, _ in sessions).values(), default=1) == 1
    found: dict[int, list[int]] = {}
    for key, position, call in calls:
        assert position == len(found.setdefault(key, []))
        found[key].append(call)
    return dict(sessions), found


def misses_nothing(lake: Path) -> bool:
    """Whether each session that readers see has its calls."""
    sessions, calls = look(lake)
    return all(
        count == (None if WANTED[key] is None else len(WANTED[key] or ()))
        and calls.get(key, []) == (WANTED[key] or [])
        for key, count in sessions.items()
    )


def is_whole(case: Case) -> bool:
    """Whether all is there, in both tables, and nothing left over."""
    sessions, calls = look(case.lake)
    workshop = case.lake / "_harvester"
    left = [*workshop.glob("tmp/calls/*"), *workshop.glob("spool/calls/*")]
    here = {key: ids for key, ids in WANTED.items() if ids}
    return misses_nothing(case.lake) and sessions.keys() == WANTED.keys() and calls == here and not left


@pytest.mark.parametrize("part", range(HALVES))
def test_killed_before_every_change(server: Server, part: int) -> None:
    """P4, P5: a session that readers see has its calls at any moment, and nothing is lost or doubled."""
    at = 1 + part
    while True:
        with fresh(server) as case:
            if not case.attempt(Mode.KILL, at, tables="flat").killed:
                return
            assert misses_nothing(case.lake)
            assert case.attempt(tables="flat").complete
            assert is_whole(case)
        at += HALVES if SCALE > 1 else 4 * HALVES


@pytest.mark.parametrize("mode", [Mode.FAIL_ONCE, Mode.FAIL_ON], ids=str)
def test_calls_are_refused(server: Server, mode: Mode) -> None:
    """P5, P10: also between two renames; no success is claimed, and the next run shows all files."""
    at = 1
    while True:
        with fresh(server) as case:
            ended = case.attempt(mode, at, errno=errno.EIO, tables="flat")
            if ended.changes < at:
                return
            assert misses_nothing(case.lake)
            assert is_whole(case) if ended.complete else ended.error
            assert case.attempt(tables="flat").complete
            assert is_whole(case)
        at += 13 // SCALE or 1


@pytest.mark.parametrize("part", range(HALVES))
def test_any_disk_that_a_power_cut_leaves(server: Server, part: int) -> None:
    """P5: whichever of the renames reached it, the next run carries out the others."""
    with fresh(server) as case:
        assert case.attempt(log=str(case.log), tables="flat").complete
        assert is_whole(case)
        log = list(changes(case.log))
        for moment, disk, _ in cuts(case.lake, log):
            if moment % HALVES != part or all(
                item.what != "r" for item in log[max(0, moment - NEAR) : moment]
            ):
                continue
            for draw in range(DRAWS):
                with fresh(server) as after:
                    disk.after(f"{moment} {draw}", after.lake)
                    look(after.lake)
                    assert after.attempt(tables="flat").complete, (moment, draw)
                    assert is_whole(after), (moment, draw)
