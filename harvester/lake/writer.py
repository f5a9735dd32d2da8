"""One Parquet file: whole row groups in, a proven draft out."""

import hashlib
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from harvester.errors import HarvestError

ROW_GROUP = 131_072  # rows


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
    """

    path: Path
    rows: int
    bytes: int
    sha256: str


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
        self._writer = pq.ParquetWriter(
            path,
            schema,
            compression="zstd",
            compression_level=3,
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
        """Close, sync and read back.

        Args:
            metadata: Goes into the file's footer.

        Raises:
            OSError: The disk refuses it.
            DraftError: The file's footer disagrees with what was written.
        """
        self._flush()
        self._writer.add_key_value_metadata(dict(metadata))
        self._writer.close()
        # close() has been seen to report success on a full disk: only what can be read back counts.
        rows = pq.read_metadata(self._path).num_rows
        if rows != self._rows:
            raise DraftError(f"{self._path} holds {rows} rows, {self._rows} were written")
        with self._path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            os.fsync(file.fileno())
            size = os.fstat(file.fileno()).st_size
        return Draft(self._path, rows, size, digest)

    def abort(self) -> None:
        """Throw the draft away: a ``ParquetWriter`` left early leaves a valid, short file."""
        with suppress(OSError, pa.ArrowException):
            self._writer.close()
        self._path.unlink(missing_ok=True)

    def _hold(self, batch: pa.RecordBatch) -> None:
        if batch.num_rows:
            self._waiting.append(batch)
            self._waiting_rows += batch.num_rows

    def _flush(self) -> None:
        if self._waiting:
            table = pa.Table.from_batches(self._waiting).combine_chunks()
            self._writer.write_table(table, row_group_size=ROW_GROUP)
            self._rows += self._waiting_rows
            self._waiting, self._waiting_rows = [], 0
