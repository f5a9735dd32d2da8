"""The files of flat tables: records in, one Parquet file a table out; and the way back."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from harvester.lake.database import to_json
from harvester.lake.folders import sync_folder
from harvester.lake.footer import sealed
from harvester.lake.rows import stored
from harvester.lake.writer import Draft, DraftWriter
from harvester.records.flat import POSITION, Flat, TablesApartError


class FlatWriter:
    """Writes batches of records, in order, as the rows of each table."""

    def __init__(self, paths: Sequence[Path], flat: Flat) -> None:
        """Start an empty draft of each table, in their order, replacing what a dead run left there.

        Raises:
            OSError: The disk refuses it.
        """
        self._flat = flat
        self._writers: dict[str, DraftWriter] = {}
        self._folder = paths[0].parent
        with ExitStack() as begun:
            for path, (name, schema) in zip(paths, flat.schemas.items(), strict=True):
                sorted_by = (
                    (flat.time, flat.key) if name == flat.main else (flat.time, flat.key, POSITION.name)
                )
                self._writers[name] = DraftWriter(path, schema, sorted_by=sorted_by)
                begun.callback(self._writers[name].abort)
            begun.pop_all()

    def write(self, batch: pa.RecordBatch) -> None:
        """Append a batch; a full row group of a table goes to disk.

        Raises:
            OSError: The disk refuses it.
        """
        for name, rows in self._flat.split(batch).items():
            self._writers[name].write(rows)

    def finish(self, metadata: Mapping[str, str]) -> Draft:
        """Close, sync and read back all; the names too are durable, since they are to be shown together.

        Args:
            metadata: Goes into each footer, with the name of its table and the rows of all.

        Raises:
            OSError: The disk refuses it.
            DraftError: A file on disk is not what was written.
        """
        rows = to_json({name: writer.rows for name, writer in self._writers.items()})
        drafts = [
            writer.finish(sealed({**metadata, "harvester.table": name, "harvester.rows": rows}))
            for name, writer in self._writers.items()
        ]
        # Else a power cut could take one draft away while another had been renamed already.
        sync_folder(self._folder)
        main, *others = drafts
        return Draft(main.path, main.rows, main.bytes, main.sha256, tuple(others))

    def abort(self) -> None:
        """Throw the drafts away, finished or not."""
        for writer in self._writers.values():
            writer.abort()


def joined(paths: Sequence[Path], flat: Flat) -> Iterator[pa.RecordBatch]:
    """The records of published tables with their lists, in order; streamed, never held.

    Raises:
        OSError: A file cannot be read, or its checksums are wrong.
        pa.ArrowException: A file is damaged.
        TablesApartError: The files do not belong together.
    """
    with ExitStack() as stack:
        streams = [
            stack.enter_context(closing(stored(path, schema)))
            for path, schema in zip(paths, flat.schemas.values(), strict=True)
        ]
        rows = {
            name: _Rows(stream, item.schema)
            for (name, item), stream in zip(flat.lists.items(), streams[1:], strict=True)
        }
        for records in streams[0]:
            counts = {
                name: pc.sum(records[item.count], min_count=0).as_py() for name, item in flat.lists.items()
            }
            yield flat.join(records, {name: rows[name].take(count) for name, count in counts.items()})
        for name, rest in rows.items():
            if rest.take(1).num_rows:
                raise TablesApartError(f"there are more {name} than the {flat.main} count")


class _Rows:
    """Rows of a stream, so many at a time."""

    def __init__(self, stream: Iterator[pa.RecordBatch], schema: pa.Schema) -> None:
        self._stream = stream
        self._rest = pa.RecordBatch.from_pylist([], schema)

    def take(self, count: int) -> pa.RecordBatch:
        """The next ``count`` rows, or fewer at the end."""
        held = [self._rest]
        while (
            sum(batch.num_rows for batch in held) < count and (batch := next(self._stream, None)) is not None
        ):
            held.append(batch)
        rows = pa.concat_batches(held)
        self._rest = rows.slice(count)
        return rows.slice(0, count)
