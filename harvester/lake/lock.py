"""One owner of a lake at a time."""

import fcntl
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from harvester.errors import LakeLockedError


@contextmanager
def owned(path: Path, *, started: float) -> Iterator[None]:
    """Own the lake for the length of the ``with`` block; the kernel frees it when the process dies.

    Args:
        path: The lock file; its folder exists.
        started: Unix time, written down for whoever comes second.

    Raises:
        LakeLockedError: Another process owns the lake; says which, where, and since when.
    """
    # Never unlinked: a second process may hold the old inode open, and would own a lake of its own.
    with path.open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise LakeLockedError(f"{path.parent.parent} is owned by another run ({_owner(path)})") from error
        since = datetime.fromtimestamp(started, UTC).isoformat(timespec="seconds")
        file.truncate(0)
        json.dump({"pid": os.getpid(), "host": socket.gethostname(), "since": since}, file)
        file.flush()
        yield


def _owner(path: Path) -> str:
    try:
        owner = json.loads(path.read_text(encoding="utf-8"))
        return f"process {owner['pid']} on {owner['host']}, since {owner['since']}"
    except (ValueError, KeyError, TypeError):
        return "its owner is just starting"
