"""Whether the files that readers see are those that were published, byte for byte and row for row."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from harvester.lake.database import to_json
from harvester.lake.entries import Part, Publication
from harvester.records.flat import POSITION, Flat, TablesApartError
from harvester.window import Window, as_text

_HELD = 20_000_000  # keys in memory at once: 160 MB


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong.

    Attributes:
        path: The file, relative to the lake.
        text: What is wrong with it.
        windows: The published seconds to be read anew; none if reading does not help.
        stray: Whether nobody published it: it lies beside what was, which may be sound.
    """

    path: Path
    text: str
    windows: tuple[Window, ...] = ()
    stray: bool = False


@dataclass(frozen=True, slots=True)
class Expected:
    """What the files of a dataset must be.

    Attributes:
        root: The lake.
        time: The column that rows are sorted by; whole seconds, UTC.
        key: The column that identifies a row.
        metadata: What every footer must say.
        flat: The tables that records became; ``None`` if they are nested.
    """

    root: Path
    time: str
    key: str
    metadata: Mapping[str, str]
    flat: Flat | None = None

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables, that of the records first; one without a name if records are nested."""
        return ("",) if self.flat is None else tuple(self.flat.schemas)

    def examine(self, file: Publication) -> Finding | None:
        """Look at one published file, or those of several tables, from their hashes to their rows.

        Returns:
            The first thing wrong with it, or ``None``.
        """
        wrong = next(self._wrong(file), None)
        return None if wrong is None else Finding(*wrong, file.covers)

    def _wrong(self, file: Publication) -> Iterator[tuple[Path, str]]:
        for part in file.files:
            yield from ((part.path, text) for text in self._changed(part))
        for table, part in zip(self.tables, file.files, strict=True):
            yield from ((part.path, text) for text in self._unsound(file, table, part))

    def _changed(self, file: Part) -> Iterator[str]:
        path = self.root / file.path
        try:
            with path.open("rb") as content:
                digest = hashlib.file_digest(content, "sha256").hexdigest()
            size = path.stat().st_size
        except FileNotFoundError:
            yield "the file is not there"
            return
        except OSError as error:
            yield f"the file cannot be read: {error.strerror}"
            return
        if (size, digest) != (file.bytes, file.sha256):
            yield f"the file was changed: {size} bytes, SHA-256 {digest}, were {file.bytes}, {file.sha256}"

    def _unsound(self, file: Publication, table: str, part: Part) -> Iterator[str]:
        try:
            with pq.ParquetFile(self.root / part.path, page_checksum_verification=True) as parquet:
                yield from self._footer(file, table, part, parquet.metadata)
                if self.flat is None or table == self.flat.main:
                    yield from self._rows(file, parquet)
                else:
                    self.flat.check(
                        table, self._counting(file, self.flat.lists[table].count), self._places(parquet)
                    )
        except TablesApartError as error:
            yield str(error)
        except (OSError, pa.ArrowException) as error:
            yield f"the file is no sound Parquet: {' '.join(str(error).split())}"

    def _footer(self, file: Publication, table: str, part: Part, footer: pq.FileMetaData) -> Iterator[str]:
        if footer.num_rows != part.rows:
            yield f"the footer tells of {footer.num_rows} rows, the ledger of {part.rows}"
        told = {name.decode(): value.decode() for name, value in (footer.metadata or {}).items()}
        covers = [[as_text(window.start), as_text(window.end)] for window in file.covers]
        facts = {"harvester.covers": json.dumps(covers), "harvester.complete": json.dumps(file.complete)}
        if self.flat is not None:
            rows = {name: part.rows for name, part in zip(self.tables, file.files, strict=True)}
            facts |= {"harvester.table": table, "harvester.rows": to_json(rows)}
        wanted = {**self.metadata, **facts}
        for name, value in wanted.items():
            if told.get(name) != value:
                yield f"the footer says {told.get(name)} for {name}, the ledger says {value}"

    def _rows(self, file: Publication, parquet: pq.ParquetFile) -> Iterator[str]:
        rows = parquet.read(columns=[self.time, self.key])
        seconds = rows[self.time].cast(pa.timestamp("s", "UTC")).cast(pa.int64()).combine_chunks()
        keys = rows[self.key].combine_chunks()
        inside = sum(_count(seconds, window) for window in file.covers)
        if inside != len(seconds):
            yield f"{len(seconds) - inside} rows lie outside the seconds that the file covers"
        tie = pc.and_(pc.equal(seconds[:-1], seconds[1:]), pc.less(keys[:-1], keys[1:]))
        if not pc.all(pc.or_(pc.less(seconds[:-1], seconds[1:]), tie), min_count=0).as_py():
            yield "the rows are not in order, or a key comes twice"

    def _counting(self, file: Publication, count: str) -> pa.RecordBatch:
        """Time and key of the records, and how many elements a list of each has."""
        with pq.ParquetFile(self.root / file.path, page_checksum_verification=True) as parquet:
            return _whole(parquet.read(columns=[self.time, self.key, count]))

    def _places(self, parquet: pq.ParquetFile) -> pa.RecordBatch:
        """To which record each element belongs, and where it stood."""
        return _whole(parquet.read(columns=[self.time, self.key, POSITION.name]))

    def seconds(self, file: Publication) -> pa.Array:
        """When the rows of a file happened, Unix time, ascending.

        Raises:
            OSError: It cannot be read.
            pa.ArrowException: It is damaged.
        """
        return self._column(file, self.time).cast(pa.timestamp("s", "UTC")).view(pa.int64())

    def doubled(self, files: Sequence[Publication]) -> Iterator[Finding]:
        """Files that share a key with another.

        Holds 20 million keys at most, and reads the column several times if there are more.

        Raises:
            OSError: A file cannot be read.
            pa.ArrowException: A file is damaged.
        """
        passes = max(1, ceil(sum(file.rows for file in files) / _HELD))
        for number in range(passes):
            parts = [self._keys(file, passes, number) for file in files]
            counts = pc.value_counts(pa.chunked_array(parts, pa.int64()))
            twice = counts.filter(pc.greater(counts.field("counts"), 1)).field("values")
            if len(twice) == 0:
                continue
            for file, part in zip(files, parts, strict=True):
                if again := pc.sum(pc.is_in(part, value_set=twice), min_count=0).as_py():
                    yield Finding(file.path, f"{again} of its keys are in another file too", file.covers)

    def _keys(self, file: Publication, passes: int, number: int) -> pa.Array:
        keys = self._column(file, self.key)
        if passes == 1:
            return keys
        # Arrow has no remainder; keys are far from the bounds of int64, and never negative in practice.
        rest = pc.subtract(keys, pc.multiply(pc.divide(keys, passes), passes))
        return keys.filter(pc.equal(pc.abs(rest), number))

    def _column(self, file: Publication, name: str) -> pa.Array:
        # Not read_table: for one file, it makes a data set first, which takes longer than to read most files.
        with pq.ParquetFile(self.root / file.path) as parquet:
            if name not in parquet.schema_arrow.names:
                raise pa.ArrowInvalid(f"there is no column {name}")
            return parquet.read(columns=[name])[name].combine_chunks()


def strays(
    root: Path, folders: Iterable[Path], files: Sequence[Publication], others: Sequence[Path] = ()
) -> Iterator[Finding]:
    """Parquet files that readers see in ``folders``, less ``others``, and that nobody published."""
    known = {root / part.path for file in files for part in file.files}
    for path in sorted(path for folder in folders for path in folder.rglob("*.parquet")):
        if path not in known and not any(map(path.is_relative_to, others)):
            yield Finding(
                path.relative_to(root),
                "readers see this file, but it was not published; move it away",
                stray=True,
            )


def _whole(table: pa.Table) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays(
        [column.combine_chunks() for column in table.columns], schema=table.schema
    )


def _count(seconds: pa.Array, window: Window) -> int:
    inside = pc.and_(pc.greater_equal(seconds, window.start), pc.less(seconds, window.end))
    count: int = pc.sum(inside, min_count=0).as_py()
    return count
