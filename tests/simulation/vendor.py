"""What the vendor remembers from one life of the program to the next: reports, and what was deleted.

A life has a server of its own, in its own process, so this is a file beside the lake.
"""

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson

from harvester.emulator.render import gzipped
from harvester.emulator.shelf import Made, Ordered, Shelf

Tell = Callable[..., None]


class Memory:
    """A file of lines; what was written is there for the next life, however this one ends."""

    def __init__(self, path: Path) -> None:
        """Keep it at ``path``."""
        self._path = path

    def note(self, what: str, **facts: object) -> None:
        """Remember something."""
        with self._path.open("ab", buffering=0) as file:
            file.write(orjson.dumps([what, facts], option=orjson.OPT_APPEND_NEWLINE))

    def notes(self, what: str) -> Iterator[dict[str, Any]]:
        """What was remembered of a kind, oldest first."""
        for line in self._path.read_bytes().splitlines() if self._path.exists() else ():
            kind, facts = orjson.loads(line)
            if kind == what:
                yield facts


class KeptShelf(Shelf):
    """The reports of all lives."""

    def __init__(self, memory: Memory, tell: Tell, wall: Callable[[], float], deadly: int) -> None:
        """Keep them in ``memory``; ``tell`` of every order; kill the life once ``deadly`` things are done."""
        super().__init__()
        self._memory = memory
        self._tell = tell
        self._wall = wall
        self._done = 0
        self._deadly = deadly

    def restore(self) -> None:
        """Put what was ordered in earlier lives on the shelf, each as old as it is."""
        loop = asyncio.get_running_loop()
        for facts in self._memory.notes("report"):
            making, file = loop.create_future(), facts["file"].encode()
            making.set_result(Made(file, gzipped(file), facts["rows"]))
            self._made += 1
            super().put(
                Ordered(
                    id=facts["id"],
                    history_type=facts["type"],
                    filters=facts["filters"],
                    account_id=facts["account"],
                    created=facts["created"],
                    ordered=loop.time() + facts["at"] - self._wall(),
                    making=making,
                    total=facts["total"],
                    fails=facts["fails"],
                )
            )

    def put(self, report: Ordered) -> None:
        """Keep a report, and say so."""
        super().put(report)
        made = report.making.result()  # jobs run inline here
        filters = dict(report.filters)
        self._memory.note(
            "report",
            id=report.id,
            type=report.history_type,
            filters=filters,
            account=report.account_id,
            created=report.created,
            at=self._wall(),
            total=report.total,
            fails=report.fails,
            file=made.file.decode(),
            rows=made.rows,
        )
        self._tell("ordered", number=report.id, type=report.history_type, filters=filters, fails=report.fails)
        self.done()

    def done(self) -> None:
        """The vendor did something that cannot be taken back: kills the life if it is time."""
        self._done += 1
        if self._done == self._deadly:
            self._tell("killed", done=self._done)
            os.kill(os.getpid(), signal.SIGKILL)
