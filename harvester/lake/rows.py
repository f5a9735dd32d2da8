"""Cutting sorted record batches by time."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from harvester.lake.layout import Granularity
from harvester.window import Window


@dataclass(frozen=True, slots=True)
class TimeColumn:
    """The column that rows are sorted by, ascending; whole seconds, UTC."""

    name: str

    def cut(self, batches: Iterable[pa.RecordBatch], window: Window) -> Iterator[pa.RecordBatch]:
        """The rows inside ``window``, in order and without copying; empty batches are left out."""
        for batch in batches:
            start = self._rows_before(batch, window.start)
            length = self._rows_before(batch, window.end) - start
            if length:
                yield batch.slice(start, length)

    def starts(self, batches: Iterable[pa.RecordBatch], granularity: Granularity) -> set[int]:
        """The first seconds of the partitions that hold a row."""
        seconds: set[int] = set()
        for batch in batches:
            floors = pc.floor_temporal(batch[self.name], unit=granularity.value)
            seconds.update(pc.unique(floors).cast(pa.int64()).to_pylist())
        return seconds

    def _rows_before(self, batch: pa.RecordBatch, second: int) -> int:
        moment = pa.scalar(second, pa.timestamp("s", "UTC"))
        count: int = pc.sum(pc.less(batch[self.name], moment), min_count=0).as_py()
        return count
