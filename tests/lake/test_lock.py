import errno
import fcntl
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from harvester.errors import LakeError, LakeLockedError
from harvester.lake.lock import owned, refuse_owned

HOLD = """
import sys, time
from pathlib import Path
from harvester.lake.lock import owned
with owned(Path(sys.argv[1]), started=0):
    print("owned", flush=True)
    time.sleep(3600)
"""


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    """The lock file of a new lake; its folder exists."""
    (tmp_path / "_harvester").mkdir()
    return tmp_path / "_harvester" / "lock"


def test_the_second_owner_is_told_who_the_first_is(lock: Path) -> None:
    """P6: process, host and since when, for as long as the first one works."""
    expected = (
        f"{lock.parent.parent} is owned by another run (process {os.getpid()} on {socket.gethostname()},"
    )
    for started, since in ((0, "1970-01-01T00:00:00+00:00"), (1e9, "2001-09-09T01:46:40+00:00")):
        with (
            owned(lock, started=started),
            pytest.raises(LakeLockedError) as refusal,
            owned(lock, started=5),
        ):
            pytest.fail("two owners")
        assert str(refusal.value) == f"{expected} since {since})"


def test_whether_a_lake_is_owned_can_be_seen_without_owning_it(lock: Path) -> None:
    """A look writes nothing, and the first to come may own it afterwards."""
    refuse_owned(lock)
    assert not lock.exists()
    with owned(lock, started=0):
        with pytest.raises(LakeLockedError, match=f"process {os.getpid()} on "):
            refuse_owned(lock)
        assert json.loads(lock.read_text())["pid"] == os.getpid()
    refuse_owned(lock)
    with owned(lock, started=0):
        pass


DEAD = f'{{"pid": 4194305, "host": "{socket.gethostname()}", "since": "1970"}}'  # no process has this number
HUGE = '{"pid": 1e999, "host": "", "since": ""}'


@pytest.mark.parametrize(
    "content",
    ["", '{"pid": 1', "[]", "{}", "\ufeff", "[" * 100_000, HUGE, DEAD, DEAD.replace("4194305", "-1")],
)
def test_an_owner_that_has_not_signed_yet_is_an_owner(lock: Path, content: str) -> None:
    """The lock is the kernel's; what the file says is only for people."""
    lock.write_text(content, encoding="utf-8")
    with lock.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(LakeLockedError, match="its owner is just starting"), owned(lock, started=0):
            pytest.fail("two owners")
    with owned(lock, started=0):
        assert lock.read_text(encoding="utf-8").startswith('{"pid": ')


def test_a_killed_owner_leaves_the_lake_free(lock: Path) -> None:
    """P5: no lock file has to be removed by hand."""
    command = [sys.executable, "-c", HOLD, str(lock)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as owner:  # noqa: S603  (this file's own words)
        assert owner.stdout is not None
        assert owner.stdout.readline() == b"owned\n"
        with pytest.raises(LakeLockedError, match=f"process {owner.pid} "), owned(lock, started=0):
            pytest.fail("two owners")
        owner.kill()
    with owned(lock, started=0):
        assert lock.exists()


@pytest.mark.parametrize(
    ("pid", "host"),
    [(1, socket.gethostname()), (4_194_305, "another"), (os.getpid(), socket.gethostname())],
    ids=["somebody else's", "elsewhere", "this"],
)
def test_an_owner_that_may_be_alive_is_named(lock: Path, pid: int, host: str) -> None:
    """Also one that is somebody else's process, or on another machine, where nobody can look."""
    lock.write_text(json.dumps({"pid": pid, "host": host, "since": "noon"}), encoding="utf-8")
    with lock.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with (
            pytest.raises(LakeLockedError, match=f"process {pid} on {host}, since noon"),
            owned(lock, started=0),
        ):
            pytest.fail("two owners")


def test_a_file_system_without_locks_is_no_place_for_a_lake(
    lock: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is said so, rather than harvested without one."""

    def refuse(_file: object, _operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(LakeError, match="needs a local file system"), owned(lock, started=0):
        pytest.fail("owned without a lock")


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC])
def test_a_lake_that_is_not_ours_to_write_is_told_with_a_remedy(
    lock: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """Running again would not help, as it does when the disk is full."""

    def refuse(path: Path, *_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number), str(path))

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises((LakeError, OSError)) as refusal, owned(lock, started=0):
        pytest.fail("owned without a file")
    assert isinstance(refusal.value, LakeError) is (number != errno.ENOSPC)
    if number != errno.ENOSPC:
        reason = f"{lock.parent.parent} cannot be written ({os.strerror(number)})"
        assert str(refusal.value) == f"{reason}; give a folder you own with --lake"


@pytest.mark.parametrize("often", [1, 2, 9])
def test_a_lock_that_was_replaced_meanwhile_is_taken_anew(
    lock: Path, monkeypatch: pytest.MonkeyPatch, often: int
) -> None:
    """Between opening and locking it; whoever comes next must find the very file that is locked."""
    work, left = fcntl.flock, iter(range(often))

    def replaced(file: object, operation: int) -> None:
        if next(left, None) is not None:
            lock.unlink()
        work(file, operation)  # type: ignore[arg-type]

    monkeypatch.setattr(fcntl, "flock", replaced)
    if often > 3:
        with pytest.raises(LakeLockedError, match="replaced over and over"), owned(lock, started=0):
            pytest.fail("owned a file that is gone")
        return
    with owned(lock, started=0), pytest.raises(LakeLockedError), owned(lock, started=0):
        pytest.fail("two owners")


@pytest.mark.parametrize("there", [True, False])
def test_a_link_is_no_lock(lock: Path, tmp_path: Path, *, there: bool) -> None:
    """What it points to is neither emptied nor made."""
    target = tmp_path / "target"
    if there:
        target.write_text("of value")
    lock.symlink_to(target)
    with pytest.raises(LakeError, match=r"lock is a symbolic link; .* remove it"), owned(lock, started=0):
        pytest.fail("owned by a link")
    assert (target.read_text() if there else target.exists()) == ("of value" if there else False)
