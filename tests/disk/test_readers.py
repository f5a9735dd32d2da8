"""Whoever reads the lake while it is written, killed and written again sees whole partitions.

DuckDB and Polars ask for the size of a file and open it in two steps. A replacement between the two makes
them fail, loudly, and reading again mends it. That is the one failure a reader may see here.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import duckdb
import pytest

from tests.disk.bench import SCALE, Server, fresh
from tests.disk.judge import are_old_or_new, look, look_by_polars

LAKES = 10 * SCALE

pytestmark = pytest.mark.large


def by_duckdb() -> Callable[[Path], Mapping[str, int]]:
    """A reader with a connection of its own."""
    database = duckdb.connect()
    return lambda lake: look(lake, database).counts


@dataclass(slots=True)
class Reader:
    """Polls one lake after the other, until told to stop.

    Attributes:
        read: Gives the rows of each partition.
        lake: Where.
        polls: How often it looked, and saw.
        overtaken: How often a file was replaced under its eyes, and it could not read.
        wrong: What it should not have seen.
    """

    read: Callable[[Path], Mapping[str, int]]
    lake: Path
    polls: int = 0
    overtaken: int = 0
    wrong: list[object] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def poll(self) -> None:
        """Look, again and again; partitions come and grow, and never go back."""
        before: Mapping[str, int] = {}
        while not self.stop.wait(0.001):
            files = self._files()
            try:
                counts = self.read(self.lake)
            except BaseException as error:  # noqa: BLE001  (whatever it makes of a torn file; Polars panics)
                if files == self._files():
                    self.wrong.append(error)
                self.overtaken += 1
                continue
            if not are_old_or_new(counts) or any(counts.get(name, 0) < rows for name, rows in before.items()):
                self.wrong.append((before, counts))
            before = counts
            self.polls += 1

    def _files(self) -> dict[Path, int]:
        return {path: path.stat().st_ino for path in self.lake.glob("calls/**/*.parquet")}


@pytest.mark.parametrize("reading", [by_duckdb, lambda: look_by_polars], ids=["DuckDB", "Polars"])
def test_readers_see_whole_partitions(
    server: Server, reading: Callable[[], Callable[[Path], Mapping[str, int]]]
) -> None:
    """P4: throughout runs that add files, replace one, are killed and start again."""
    chance, polls, overtaken = Random("readers"), 0, 0  # noqa: S311  (chance, not a secret)
    for _ in range(LAKES):
        with fresh(server) as case:
            reader = Reader(reading(), case.lake)
            thread = threading.Thread(target=reader.poll)
            thread.start()
            try:
                while not case.attempt(kill_after=0.3 * chance.random()).complete:
                    pass
            finally:
                reader.stop.set()
                thread.join()
            assert not reader.wrong, reader.wrong
            polls += reader.polls
            overtaken += reader.overtaken
    assert polls > LAKES, "they looked while it ran"
    print(f"{polls} looks, {overtaken} overtaken")  # noqa: T201  (for the table in tests/README.md)
