"""What readers see of a partition, and what of it stays when its files are rewritten."""

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa

from harvester.errors import FileDamagedError
from harvester.lake.assembly import PublishedPiece
from harvester.lake.catalog import Publications
from harvester.lake.entries import Part, Publication
from harvester.lake.layout import Layout, Partition
from harvester.lake.table import Table
from harvester.records.flat import TablesApartError
from harvester.window import Window, shares


class Shown:
    """The published files of a dataset, for the run that rewrites them."""

    def __init__(
        self, layout: Layout, table: Table, catalog: Publications, covered: Sequence[Window]
    ) -> None:
        """Prepare; nothing is read yet.

        Args:
            layout: Where files lie.
            table: What they have in common.
            catalog: What was published.
            covered: The seconds that were proven and published before the run.
        """
        self._layout = layout
        self._table = table
        self._catalog = catalog
        self._covered = covered
        self._intact: Publication | None = None  # the last that was looked at

    def is_seen(self, partition: Partition) -> bool:
        """Whether readers see a file of it, or should."""
        return self._catalog.has_file(partition.span) or self.lies_there(partition)

    def lies_there(self, partition: Partition) -> bool:
        """Whether a file lies in its place, whatever the ledger knows."""
        return any((self._layout.root / file).exists() for file in self._layout.files(partition))

    def kept(self, partition: Partition, windows: Iterable[Window]) -> list[PublishedPiece]:
        """What was published of a partition before this run, within ``windows``.

        Its rows are read in the thread of the writer, and may raise ``FileDamagedError``.
        """
        covered = shares(self._covered, partition.span)
        parts = [part for window in windows for part in shares(covered, window)]
        files = self._catalog.published(partition.span) if parts else []

        def read() -> Iterator[pa.RecordBatch]:
            for file in files:  # one; without it, the seconds are proven, and hold no record
                yield from self._read(file)

        return [PublishedPiece(part, self._table.time, read) for part in parts]

    def sound(self, partition: Partition, windows: Iterable[Window]) -> list[PublishedPiece]:
        """The same, to stand in for what cannot be had anew; less what verify found wrong in the files."""
        kept = self.kept(partition, windows)
        return [piece for piece in kept if not self._catalog.has_damage(piece.window)]

    def _read(self, file: Publication) -> Iterator[pa.RecordBatch]:
        """The records of a publication, if its files are still what was published.

        Rewritten as they are, they would be given new hashes, and verify could find nothing any more.

        Raises:
            FileDamagedError: They are not.
        """
        paths = [self._layout.root / part.path for part in file.files]
        with readable(file.path):
            if file != self._intact:
                if not all(map(_is_intact, paths, file.files)):
                    raise FileDamagedError(file.path)
                self._intact = file
            yield from self._table.read(paths)


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Say what mends a file of the lake that is damaged.

    Raises:
        FileDamagedError: It is.
    """
    try:
        yield
    except (FileNotFoundError, pa.ArrowException, TablesApartError) as error:
        raise FileDamagedError(path) from error


def _is_intact(path: Path, part: Part) -> bool:
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_size != part.bytes:
            return False
        return hashlib.file_digest(file, "sha256").hexdigest() == part.sha256
