"""One partition on its way to a file: pieces arrive in any order and are written in time order."""

from bisect import insort
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Protocol

import pyarrow as pa

from harvester.lake.layout import Partition
from harvester.lake.rows import TimeColumn
from harvester.lake.writer import ROW_GROUP, Draft, DraftError, Writer
from harvester.window import Window, merged, subtract


class Piece(Protocol):
    """Sorted rows of one span of the partition."""

    @property
    def window(self) -> Window:
        """The span; pieces of a partition are disjoint."""
        ...

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Its rows, in order."""
        ...


class PublishedPiece:
    """Rows that are published already; streamed, never held.

    Attributes:
        window: The span.
    """

    def __init__(
        self, window: Window, time: TimeColumn, read: Callable[[], Iterable[pa.RecordBatch]]
    ) -> None:
        self.window = window
        self._time = time
        self._read = read

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Its rows, in order."""
        yield from self._time.cut(self._read(), self.window)


class HarvestedPiece:
    """Rows of a proven window: held as Arrow, or dropped and replayed from the spool when their turn comes.

    Attributes:
        window: The span.
        rows: How many are held in memory.
        bytes: How much Arrow memory they take.
    """

    def __init__(
        self,
        window: Window,
        batches: Sequence[pa.RecordBatch],
        replay: Callable[[], Iterable[pa.RecordBatch]],
    ) -> None:
        self.window = window
        self.rows = sum(batch.num_rows for batch in batches)
        self.bytes = sum(batch.nbytes for batch in batches)
        self._proven_rows = self.rows
        self._held: Sequence[pa.RecordBatch] | None = batches
        self._replay = replay

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Its rows, in order.

        Raises:
            DraftError: The spool no longer gives all of them.
        """
        batches = list(self._replay()) if self._held is None else self._held
        if sum(batch.num_rows for batch in batches) != self._proven_rows:
            raise DraftError(f"the spool no longer holds the {self._proven_rows} rows of {self.window}")
        yield from batches

    def drop(self) -> None:
        """Keep only the way back to the rows."""
        self._held, self.rows, self.bytes = None, 0, 0


class Assembly:
    """The pieces of one partition. What touches files is called from the writer thread, one call at a time.

    Attributes:
        partition: What it becomes a file of.
        needed: The seconds that must be there: what is asked and what is published already; disjoint.
    """

    def __init__(
        self, partition: Partition, needed: Iterable[Window], published: Iterable[PublishedPiece]
    ) -> None:
        self.partition = partition
        self.needed = merged(needed)
        self._pieces: list[Piece] = sorted(published, key=_start)
        self._harvested: list[HarvestedPiece] = []
        self._unproven: list[Piece] = []
        self._written = 0  # pieces that are in the draft already: always a prefix
        self._writer: Writer | None = None

    def add(self, piece: HarvestedPiece) -> None:
        """Take one more piece; its place is before every unwritten piece that is younger."""
        insort(self._pieces, piece, lo=self._written, key=_start)
        self._harvested.append(piece)

    def leave(self, windows: Sequence[Window], instead: Iterable[PublishedPiece]) -> None:
        """Wait for these seconds no more; ``instead`` is what is published of them."""
        self.needed = tuple(rest for window in self.needed for rest in subtract(window, windows))
        for piece in instead:  # nothing younger is written yet: it waited for these seconds
            insort(self._pieces, piece, lo=self._written, key=_start)

    def fall_back(self, instead: Iterable[PublishedPiece]) -> None:
        """Take what is published of seconds that cannot be proven anew, and go on missing these."""
        for piece in instead:
            insort(self._pieces, piece, lo=self._written, key=_start)
            self._unproven.append(piece)

    @property
    def missing(self) -> tuple[Window, ...]:
        """Seconds still needed, oldest first."""
        covered = [piece.window for piece in self._pieces if piece not in self._unproven]
        return tuple(hole for window in self.needed for hole in subtract(window, covered))

    @property
    def held_bytes(self) -> int:
        """Arrow bytes held in memory for it."""
        return sum(piece.bytes for piece in self._harvested)

    def drop(self) -> None:
        """Free the memory: every piece is replayed from the spool when its turn comes."""
        for piece in self._harvested:
            piece.drop()

    @property
    def has_row_group(self) -> bool:
        """Whether a row group's worth of rows is held whose turn has come."""
        rows: int = sum(piece.rows for piece in self._ready() if isinstance(piece, HarvestedPiece))
        return rows >= ROW_GROUP

    def write_ready(self, begin: Callable[[], Writer]) -> None:
        """Write the pieces whose turn has come and free their memory; ``begin`` begins the draft.

        Raises:
            OSError: The disk refuses it.
        """
        if self._writer is None:
            self._writer = begin()
        for piece in self._ready():
            self._write(self._writer, piece)

    def finish(self, begin: Callable[[], Writer], metadata: Mapping[str, str]) -> Draft:
        """Write what is left, in time order, and close the draft. Pieces that are missing stay missing.

        Raises:
            OSError: The disk refuses it.
            DraftError: The draft is not what was written.
        """
        writer = self._writer = self._writer or begin()
        for piece in self._pieces[self._written :]:
            self._write(writer, piece)
        return writer.finish(metadata)

    def abort(self) -> None:
        """Throw the draft away, if there is one, finished or not."""
        if self._writer is not None:
            self._writer.abort()

    @property
    def covers(self) -> tuple[Window, ...]:
        """The seconds that its pieces prove."""
        return merged(piece.window for piece in self._pieces)

    def _ready(self) -> Iterator[Piece]:
        """Unwritten pieces with nothing needed before them that is still missing."""
        missing = self.missing
        for piece in self._pieces[self._written :]:
            if missing and missing[0].start < piece.window.start:
                return
            yield piece

    def _write(self, writer: Writer, piece: Piece) -> None:
        for batch in piece.batches():
            writer.write(batch)
        self._written += 1
        if isinstance(piece, HarvestedPiece):
            piece.drop()
            self._harvested.remove(piece)


def _start(piece: Piece) -> int:
    return piece.window.start
