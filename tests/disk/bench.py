"""Cases for the warm process: a lake in memory each, what is done to it, and what a reader finds after."""

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import Any

import orjson

from tests.disk import small
from tests.disk.judge import COMPLETE, Seen, look

MEMORY = Path("/dev/shm")  # noqa: S108  (a file system in memory: a thousand small lakes)
PARTS = 4  # of what would take long in one go, so that they run side by side
SCALE = int(os.environ.get("HARVESTER_CRASHES", "1"))  # how many times as many cases as by default


class Mode(IntEnum):
    """What the disk does at the n-th change."""

    COUNT = 0
    KILL = 1
    TEAR = 2  # half of a write, then the kill
    FAIL_ONCE = 3
    FAIL_ON = 4  # from then on


@dataclass(frozen=True, slots=True)
class Ended:
    """How an attempt ended.

    Attributes:
        killed: Whether it was.
        outcomes: Of its runs, as far as they came.
        error: What the last one raised.
        changes: How many changes it made to files of the lake, or tried to.
    """

    killed: bool
    outcomes: tuple[str, ...] = ()
    error: str | None = None
    changes: int = 0

    @property
    def complete(self) -> bool:
        """Whether it says that all is there; the command exits with 0 then, and only then."""
        return self.outcomes == ("complete", "complete")


class Server:
    """The warm process."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def ask(self, case: dict[str, Any]) -> Ended:
        """Try one case in a child of its own."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(case) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        if answer["signal"]:
            assert answer["signal"] == 9, f"died by itself, of signal {answer['signal']}"
            return Ended(killed=True)
        return Ended(False, tuple(answer["outcomes"]), answer["error"], answer["calls"])  # noqa: FBT003


@contextmanager
def warm(library: Path) -> Iterator[Server]:
    """Start the warm process under the disk that fails on command."""
    command = [sys.executable, "-m", "tests.disk.server"]
    environment = {**os.environ, "LD_PRELOAD": str(library)}
    with subprocess.Popen(  # noqa: S603  (our own program)
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        yield Server(process)


@dataclass(slots=True)
class Case:
    """One lake and its past.

    Attributes:
        server: Tries things.
        folder: Holds the lake, and what was noted about it.
        keep_raw: Whether its answers are kept as evidence.
        notes: Where questions and answers are noted, if not in ``folder``.
        noted: How many were there before the last attempt.
        asked: Those of each attempt.
    """

    server: Server
    folder: Path
    keep_raw: bool = False
    notes: Path | None = None
    noted: int = 0
    asked: list[list[str]] = field(default_factory=list)

    @property
    def lake(self) -> Path:
        """The lake."""
        return self.folder / "lake"

    @property
    def log(self) -> Path:
        """Where the changes are written down, if they are."""
        return self.folder / "log"

    def attempt(self, mode: Mode = Mode.COUNT, at: int = 0, **more: object) -> Ended:
        """Run both runs until something ends it; notes what was asked meanwhile."""
        notes = self.notes or self.folder / "notes"
        case = {"lake": str(self.lake), "notes": str(notes), "keep_raw": self.keep_raw}
        ended = self.server.ask({**case, "mode": mode, "at": at, **more})
        lines = notes.read_text().splitlines() if notes.exists() else []
        self.asked.append(lines[self.noted :])
        self.noted = len(lines)
        return ended

    @property
    def seen(self) -> Seen:
        """What readers see now."""
        return look(self.lake)

    @property
    def open_windows(self) -> int:
        """How many windows the ledger knows as begun and not read."""
        if not (self.lake / "_harvester").exists():
            return 0
        copy = self.folder / "ledger"  # what is read of a ledger may write to it
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(self.lake / "_harvester", copy, ignore=lambda *_: ["spool", "tmp", "raw"])
        with closing(sqlite3.connect(copy / "ledger.sqlite")) as connection:
            if not connection.execute("SELECT 1 FROM sqlite_master").fetchone():
                return 0
            return int(connection.execute("SELECT count(*) FROM window WHERE state = 'open'").fetchone()[0])

    def is_whole(self) -> bool:
        """Whether all is there, and nothing left over: rows, quarantine, evidence, an empty workshop."""
        workshop = self.lake / "_harvester"
        quarantined = [
            orjson.loads(line)["key"]
            for path in (workshop / "quarantine" / "calls").iterdir()
            for line in path.read_bytes().splitlines()
        ]
        left = [*workshop.glob("tmp/calls/*"), *workshop.glob("spool/calls/*")]
        evidence = b"".join(path.read_bytes() for path in workshop.glob("raw/calls/*"))
        kept = {int(key) for key in re.findall(rb'"call_session_history_id":(\d+)', evidence)}
        return (
            self.seen == COMPLETE
            and sorted(quarantined)
            == sorted(item.key for item in small.HISTORY if item.key not in small.GOOD)
            and not left
            and (not self.keep_raw or kept == {session.key for session in small.HISTORY})
        )


@contextmanager
def fresh(server: Server, *, keep_raw: bool = False) -> Iterator[Case]:
    """A case with no lake yet."""
    folder = Path(tempfile.mkdtemp(dir=MEMORY if MEMORY.is_dir() else None))
    try:
        yield Case(server, folder, keep_raw)
    finally:
        shutil.rmtree(folder)
