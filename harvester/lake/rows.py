"""Rows of a file, and cutting sorted record batches by time."""

from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from harvester.lake.layout import Granularity
from harvester.window import Window


def stored(path: Path, schema: pa.Schema) -> Generator[pa.RecordBatch, None, None]:
    """The rows of a file with the columns of ``schema``, in order; streamed, never held.

    Raises:
        OSError: It cannot be read, or its checksums are wrong.
        pa.ArrowException: It is damaged.
    """
    with pq.ParquetFile(path, page_checksum_verification=True) as file:
        # Parquet has no whole-second timestamps: they come back as milliseconds.
        yield from (batch.cast(schema) for batch in file.iter_batches())


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
