"""The disk refuses one call, or every call from then on: the run says so, and the next goes on."""

import errno
from pathlib import Path

import pytest

from tests.disk.bench import PARTS, SCALE, Case, Ended, Mode, Server, fresh
from tests.disk.judge import is_old_or_new
from tests.disk.log import Change, changes

ERRORS = (errno.ENOSPC, errno.EIO, errno.EACCES, errno.EROFS, errno.EMFILE)
# Said of the file that was refused, of the ledger as a whole, or of the lake before anything was asked.
HONEST = ("OSError", "PermissionError", "LakeError")

pytestmark = pytest.mark.large


def is_harmless(refused: Change) -> bool:
    """Whether a run may go on: SQLite tidies up, or syncs its folder once more; or a folder is there."""
    return refused.name.startswith("ledger.sqlite") or refused.name == "_harvester" or refused.other == "d"


def check(case: Case, ended: Ended) -> None:
    """It was told, readers are unharmed, and the next run completes the lake."""
    assert not ended.killed
    assert is_old_or_new(case.seen)
    refused = [change for change in changes(case.log) if change.what == "!"]
    if ended.complete:
        assert case.is_whole(), "success is earned"
        assert all(map(is_harmless, refused)), refused
    else:
        assert ended.error is not None
        assert ended.error.startswith(HONEST), ended.error
    unsynced = {change.inode for change in refused if change.other == "s"}
    files = [path.stat().st_ino for path in case.lake.glob("calls/**/*.parquet")]
    assert not unsynced.intersection(files), "a file that could not be synced is written anew"
    case.log.unlink()
    again = case.attempt()
    assert again.complete, again
    assert case.is_whole(), case.seen
    # What could not be removed either is beyond any program: the next run finds it as if nothing were wrong.
    stuck = {change.name for change in refused if change.other == "u"}
    gone = {change.inode for change in refused if change.other == "s" and change.name not in stuck}
    evidence = [path.stat().st_ino for path in case.lake.glob("_harvester/raw/calls/*")]
    assert not gone.intersection(evidence), "nor is it evidence"


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("mode", [Mode.FAIL_ONCE, Mode.FAIL_ON], ids=str)
def test_any_call_is_refused(server: Server, mode: Mode, part: int) -> None:
    """P5, P10: whatever fails, no success is claimed that is none, and what is published stays whole.

    Every other call fails with one of the errors, and every sixth with all after it; in the long form each
    with all of them, and opening to read fails, too.
    """
    at = 1 + part
    while True:
        for number in range(at // PARTS, at // PARTS + min(SCALE, len(ERRORS))):
            with fresh(server, keep_raw=True) as case:
                error = ERRORS[number % len(ERRORS)]
                ended = case.attempt(mode, at, errno=error, opens=SCALE > 1, log=str(case.log))
                if ended.changes < at:
                    return
                check(case, ended)
        at += PARTS if SCALE > 1 else 2 * PARTS if mode is Mode.FAIL_ONCE else 6 * PARTS


@pytest.mark.parametrize(
    ("kind", "least"), [(".draft", 4), (".spool", 2)], ids=["of partitions and of quarantine", "of evidence"]
)
def test_a_sync_that_failed_is_not_tried_again(server: Server, kind: str, least: int) -> None:
    """F36: the kernel drops what it could not write and says so once: the next run writes the file anew."""
    tried = 0
    with fresh(server, keep_raw=True) as case:
        case.attempt(log=str(case.log))
        counted = [change for change in changes(case.log) if change.what != "m"]
        syncs = [
            at for at, change in enumerate(counted, 1) if change.what == "s" and change.name.endswith(kind)
        ]
    for at in syncs:
        with fresh(server, keep_raw=True) as case:
            ended = case.attempt(Mode.FAIL_ONCE, at, errno=errno.EIO, log=str(case.log))
            after = list(changes(case.log))
            (place,) = (number for number, change in enumerate(after) if change.what == "!")
            assert after[place].name.endswith(kind), "the call that was meant"
            assert not ended.complete
            assert not [
                item for item in after[place + 1 :] if item.path == after[place].path and item.what in "sr"
            ]
            check(case, ended)
        tried += 1
    assert tried >= least


def test_the_disk_is_seen(server: Server) -> None:
    """Python's, SQLite's and Parquet's calls are all counted: none of the lake's files changes unseen."""
    with fresh(server, keep_raw=True) as case:
        ended = case.attempt(log=str(case.log))
        seen = list(changes(case.log))
        assert ended.changes == sum(change.what != "m" for change in seen)
        written = {Path(change.path).suffix for change in seen if change.what == "w"}
        assert {".sqlite", ".sqlite-wal", ".draft", ".spool"} <= written
