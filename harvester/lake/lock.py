"""One owner of a lake at a time."""

import errno
import fcntl
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from harvester.errors import LakeError, LakeLockedError
from harvester.lake.folders import unwritable

_TRIES = 3
_NOT_OURS = {errno.EACCES, errno.EPERM, errno.EROFS}


@contextmanager
def owned(path: Path, *, started: float) -> Iterator[int]:
    """Own the lake for the length of the ``with`` block; the kernel frees it when the process dies.

    Gives the lock's file descriptor: a process that inherits it holds the lock as well, so that the lake is
    free only when the last of them is gone.

    Who removes or replaces the file meanwhile lets a second owner in; the ledger's epoch ends the first one.

    Args:
        path: The lock file; its folder exists.
        started: Unix time, written down for whoever comes second.

    Raises:
        LakeLockedError: Another process owns the lake; says which, where, and since when.
        LakeError: The lake is not ours to write, or its file system knows no locks.
    """
    # Never unlinked: a second process may hold the old inode open, and would own a lake of its own.
    with _locked(path) as file:
        since = datetime.fromtimestamp(started, UTC).isoformat(timespec="seconds")
        file.truncate(0)
        json.dump({"pid": os.getpid(), "host": socket.gethostname(), "since": since}, file)
        file.flush()
        yield file.fileno()


def refuse_owned(path: Path) -> None:
    """Refuse a lake that another process owns, without owning it or writing anything.

    Whoever begins to own it in the very instant of this look is told that it is owned.

    Args:
        path: The lock file, which need not be there.

    Raises:
        LakeLockedError: Another process owns the lake; says which, where, and since when.
    """
    try:
        with path.open(encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise _refusal(path) from error
    except OSError:
        return  # no lock yet, or one that only an owner's own try can tell of


@contextmanager
def _locked(path: Path) -> Iterator[TextIO]:
    """The lock file, locked, and still the one that others will find there."""
    for _ in range(_TRIES):
        with _opened(path) as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise _refusal(path) from error
            except OSError as error:
                reason = f"{path} cannot be locked ({error.strerror})"
                raise LakeError(f"{reason}; a lake needs a local file system") from error
            if _is_at(path, file):
                yield file
                return
    raise LakeLockedError(f"{path} is being replaced over and over; somebody else is starting or tidying up")


def _opened(path: Path) -> TextIO:
    try:
        # Of a link the target would be emptied, whatever it is.
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o666)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise LakeError(f"{path} is a symbolic link; a lock is a file of its own: remove it") from error
        if error.errno in _NOT_OURS:  # another try changes nothing
            raise unwritable(path.parent.parent, error) from error
        raise
    return os.fdopen(handle, "a+", encoding="utf-8")


def _is_at(path: Path, file: TextIO) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False


def _refusal(path: Path) -> LakeLockedError:
    return LakeLockedError(f"{path.parent.parent} is owned by another run ({_owner(path)})")


def _owner(path: Path) -> str:
    """Who says that it holds the lock: for people only, so anything may be written there."""
    try:
        owner = json.loads(path.read_text(encoding="utf-8"))
        pid, host = int(owner["pid"]), str(owner["host"])
        text = f"process {pid} on {host}, since {owner['since']}"
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return "its owner is just starting"
    # Left by an owner that died, and the one that holds the lock has not signed yet.
    return text if host != socket.gethostname() or _is_alive(pid) else "its owner is just starting"


def _is_alive(pid: int) -> bool:
    if pid <= 0:  # those mean groups of processes
        return False
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # it is somebody else's
        return True
    return True
