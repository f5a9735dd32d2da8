"""What the pipeline holds of the windows it has handed over."""

import asyncio
import weakref
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pyarrow as pa

from harvester.api.reading import Harvest, Reading
from harvester.pipeline import Pipeline
from harvester.plan.density import Density
from harvester.plan.frontier import Frontier, Lease
from harvester.window import Window


class SlowReader:
    """A second a window; it notes how many rows of earlier windows are still in memory at the end of it."""

    def __init__(self) -> None:
        self.facts: dict[str, bool | int | None] = {}
        self.alive: list[int] = []
        self._rows: list[weakref.ref[pa.RecordBatch]] = []

    async def read(self, window: Window) -> Reading:
        """One record."""
        await asyncio.sleep(1)
        self.alive.append(sum(rows() is not None for rows in self._rows))
        moment = pa.array([window.start], pa.timestamp("s", "UTC"))
        rows = pa.RecordBatch.from_arrays([moment], ["start_date"])
        self._rows.append(weakref.ref(rows))
        return Reading(harvest=Harvest(window, [rows], ()))


class ForgetfulSink:
    """Takes windows and keeps nothing."""

    def __init__(self) -> None:
        self.taken: list[Window] = []
        self.published = SimpleNamespace(partitions=0)

    async def take(
        self,
        window: Window,
        batches: Sequence[pa.RecordBatch],
        *,
        leave: Sequence[Window],
    ) -> None:
        """Note a window."""
        del batches, leave
        self.taken.append(window)


async def test_no_window_is_held_once_it_is_handed_over() -> None:
    """While a fetcher reads, nothing of what it read before is in memory, unless the sink keeps it."""
    windows = [Window(start, start + 10) for start in range(0, 50, 10)]
    frontier = Frontier([Lease(window, 1) for window in windows], Density({}), reach=100, fetchers=1)
    reader: Any = SlowReader()
    sink: Any = ForgetfulSink()
    ledger: Any = SimpleNamespace(record=lambda *_, **__: None, learn=lambda _: None)
    pipeline = Pipeline(
        frontier=frontier,
        density=Density({}),
        reader=reader,
        ledger=ledger,
        sink=sink,
        keep=lambda _window, _misfits: None,
        time_field="start_date",
        run_number=1,
        fetchers=1,
        memory=1_000,
    )
    await pipeline.run()
    assert (sink.taken, reader.alive) == (windows, [0] * len(windows))
