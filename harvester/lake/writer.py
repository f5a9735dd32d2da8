"""One Parquet file: whole row groups in, a proven draft out."""

import hashlib
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from harvester.errors import HarvestError
from harvester.lake.entries import Part

ROW_GROUP = 16_384  # rows
COMPRESSION, LEVEL = "zstd", 1


class DraftError(HarvestError):
    """A draft on disk is not what was written to it; it is not published."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A finished file under its temporary name, durable and read back.

    Attributes:
        path: Where it lies.
        rows: Its records, from its own footer.
        bytes: Its size.
        sha256: Its hash, hexadecimal.
        others: With flat tables, the files of the other tables; this is that of the records.
    """

    path: Path
    rows: int
    bytes: int
    sha256: str
    others: tuple["Draft", ...] = ()

    def shown_at(self, path: Path) -> Part:
        """What it becomes at ``path``, relative to the lake."""
        return Part(path, self.rows, self.bytes, self.sha256)


class Writer(Protocol):
    """What becomes a draft."""

    def write(self, batch: pa.RecordBatch) -> None:
        """Append a batch."""
        ...

    def finish(self, metadata: Mapping[str, str]) -> Draft:
        """Close, sync and read back."""
        ...

    def abort(self) -> None:
        """Throw it away, finished or not."""
        ...


class DraftWriter:
    """Writes batches, in order, into row groups of exactly ``ROW_GROUP`` rows (the last may be shorter).

    Row groups are cut by rows alone, so the same rows give the same file however they arrived.
    """

    def __init__(self, path: Path, schema: pa.Schema, *, sorted_by: tuple[str, ...]) -> None:
        """Start an empty draft, replacing what a dead run left there.

        Raises:
            OSError: The disk refuses it.
        """
        self._path = path
        self._waiting: list[pa.RecordBatch] = []
        self._waiting_rows = 0
        self._rows = 0
        self._file = _HashedFile(path)
        self._writer = pq.ParquetWriter(
            self._file,
            schema,
            compression=COMPRESSION,
            compression_level=LEVEL,
            # Without them 47 of 60 flipped bits were read back as wrong data; with them, none.
            write_page_checksum=True,
            sorting_columns=[pq.SortingColumn(schema.get_field_index(name)) for name in sorted_by],
        )

    @property
    def rows(self) -> int:
        """How many it was given."""
        return self._rows + self._waiting_rows

    @property
    def waiting_bytes(self) -> int:
        """Arrow bytes held until their row group is full."""
        return sum(batch.nbytes for batch in self._waiting)

    def write(self, batch: pa.RecordBatch) -> None:
        """Append a batch; a full row group goes to disk.

        Raises:
            OSError: The disk refuses it.
        """
        while self._waiting_rows + batch.num_rows >= ROW_GROUP:
            head = ROW_GROUP - self._waiting_rows
            self._hold(batch.slice(0, head))
            self._flush()
            batch = batch.slice(head)
        self._hold(batch)

    def finish(self, metadata: Mapping[str, str]) -> Draft:
        """Close, sync and read back: only what the disk gives back counts, not what a call reported.

        Args:
            metadata: Goes into the file's footer.

        Raises:
            OSError: The disk refuses it. After a failed sync the kernel may have dropped what was written,
                and says so once: the draft is lost, and a later sync of it would prove nothing.
            DraftError: The file on disk is not what was written.
        """
        self._flush()
        self._writer.add_key_value_metadata(dict(metadata))
        # The writer's own close() has been seen to report success on a full disk.
        self._writer.close()
        self._file.sync()
        with self._path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            size = os.fstat(file.fileno()).st_size
        if (size, digest) != (self._file.written, self._file.sha256):
            raise DraftError(f"{self._path} holds {size} bytes that are not the {self._file.written} written")
        rows = pq.read_metadata(self._path).num_rows
        if rows != self._rows:
            raise DraftError(f"{self._path} holds {rows} rows, {self._rows} were written")
        return Draft(self._path, rows, size, digest)

    def abort(self) -> None:
        """Throw the draft away: a ``ParquetWriter`` left early leaves a valid, short file.

        What the disk refuses is left to the next start, which clears the drafts of dead runs away.
        """
        self._file.discard()
        with suppress(OSError, pa.ArrowException):
            self._writer.close()
        with suppress(OSError):
            self._path.unlink(missing_ok=True)

    def _hold(self, batch: pa.RecordBatch) -> None:
        if batch.num_rows:
            self._waiting.append(batch)
            self._waiting_rows += batch.num_rows

    def _flush(self) -> None:
        if self._waiting:
            rows, self._waiting = self._waiting, []
            self._writer.write_table(_joined(rows, self._writer.schema), row_group_size=ROW_GROUP)
            self._file.flush()
            self._rows += self._waiting_rows
            self._waiting_rows = 0


def _joined(batches: list[pa.RecordBatch], schema: pa.Schema) -> pa.Table:
    """The batches as a table of one chunk; ``batches`` is emptied.

    Column by column, and each is let go as soon as it is copied: a row group is never held twice.
    """
    columns = [list(chunks) for chunks in zip(*(batch.columns for batch in batches), strict=True)]
    batches.clear()
    columns.reverse()
    joined = []
    while columns:
        joined.append(pa.concat_arrays(columns.pop()))
    return pa.Table.from_arrays(joined, schema=schema)


class _HashedFile:
    """A new file that knows what was written to it, for the comparison with what the disk gives back."""

    closed = False  # by whoever writes to it; the handle is closed by sync or discard

    def __init__(self, path: Path) -> None:
        self.written = 0
        self._hash = hashlib.sha256()
        self._file = path.open("wb")

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()

    def write(self, data: bytes) -> int:
        if not self._file.closed:
            self._file.write(data)
            self._hash.update(data)
            self.written += len(data)
        return len(data)

    def tell(self) -> int:
        return self.written

    def flush(self) -> None:
        if not self._file.closed:
            self._file.flush()

    def sync(self) -> None:
        """Make it durable and close it; by the handle that wrote, which is told of every earlier failure."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()

    def discard(self) -> None:
        """Take no more, without a word: a writer that is closed or collected would still write a footer."""
        with suppress(OSError):
            self._file.close()
