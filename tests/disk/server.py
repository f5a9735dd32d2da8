"""A warm process that forks one child a case: a fork costs some milliseconds, and a start half a second.

Runs under the disk that fails on command. Reads one case a line, as JSON; answers with what became of it.
"""

import ctypes
import gc
import json
import logging
import os
import select
import signal
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

import structlog

from tests.disk import served, small

_disk = ctypes.CDLL(None)  # preloaded
_disk.disk_calls.restype = ctypes.c_long
_disk.disk_arm.argtypes = [
    ctypes.c_char_p,
    ctypes.c_int,
    ctypes.c_long,
    ctypes.c_int,
    ctypes.c_int,
    ctypes.c_int,
]


def main() -> None:
    """Serve until the input ends."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    with tempfile.TemporaryDirectory() as folder:
        _harvest({"lake": f"{folder}/lake", "notes": os.devnull, "keep_raw": True})
        served.warm()
        for does in served.DOES:
            _harvest({"lake": f"{folder}/served", "notes": f"{folder}/notes", "does": does})
    assert threading.active_count() == 1, "a fork keeps one thread only"
    gc.collect()
    gc.freeze()  # what is warm stays shared
    print("ready", flush=True)  # noqa: T201  (the answer)
    for line in sys.stdin:
        print(json.dumps(_tried(json.loads(line))), flush=True)  # noqa: T201


def _tried(case: dict[str, Any]) -> dict[str, Any]:
    """In a child, unless nothing goes wrong: a fork costs as much as half of a whole backfill."""
    troubled = case["mode"] or case.get("log") or "kill_after" in case
    return _forked(case) if troubled else {"signal": 0, **_attempt(case)}


def _forked(case: dict[str, Any]) -> dict[str, Any]:
    inlet, outlet = os.pipe()
    child = os.fork()
    if not child:
        os.close(inlet)
        with os.fdopen(outlet, "w") as answer:
            json.dump(_attempt(case), answer)
        os._exit(0)
    os.close(outlet)
    if "kill_after" in case and not select.select([inlet], [], [], case["kill_after"])[0]:
        os.kill(child, signal.SIGKILL)
    with os.fdopen(inlet) as answer:
        text = answer.read()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return {"signal": os.WTERMSIG(status)}
    return {"signal": 0, **json.loads(text)}


def _attempt(case: dict[str, Any]) -> dict[str, Any]:
    log = os.open(case["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600) if case.get("log") else -1
    numbers = (case.get("mode", 0), case.get("at", 0), case.get("errno", 0), log, case.get("opens", 0))
    _disk.disk_arm(case["lake"].encode(), *numbers)
    error = None
    try:
        outcomes = _harvest(case)
    except Exception as failure:  # noqa: BLE001  (the command line turns it into an exit code other than 0)
        outcomes, error = [], _told(failure)
    calls = _disk.disk_calls()
    _disk.disk_disarm()
    return {"outcomes": outcomes, "error": error, "calls": calls}


def _harvest(case: dict[str, Any]) -> list[str]:
    if case.get("does"):
        return [served.DOES[case["does"]](Path(case["lake"]), Path(case["notes"]).with_name("vendor"))]
    notes = os.open(case["notes"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        return _run(case, Path(case["lake"]), notes)
    finally:
        os.close(notes)


def _run(case: dict[str, Any], lake: Path, notes: int) -> list[str]:
    if case.get("sync"):
        return [small.sync(lake, notes)]
    outcomes = []
    for window in small.RUNS:
        options = {name: case[name] for name in ("keep_raw", "tables") if name in case}
        outcomes.append(small.run(lake, window, notes, **options))
        _disk.disk_mark(f"{outcomes[-1]} {window.end}".encode())
    return outcomes


def _told(failure: BaseException) -> str:
    while isinstance(failure, BaseExceptionGroup):
        failure = failure.exceptions[0]
    return f"{type(failure).__name__}: {failure}"


if __name__ == "__main__":
    main()
