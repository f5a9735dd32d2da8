"""What is known of a window before it is read, and what becomes of it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from harvester.api.pages import ReadPage
from harvester.api.question import Question
from harvester.records.decode import Quarantined
from harvester.window import Gap, Window


@dataclass(frozen=True, slots=True)
class Opening:
    """What is known of a window before it is read.

    Attributes:
        question: What was asked.
        page: The first page of the answer.
        begun: Pages of the window before that reach into its first second; none if by less than two pages.
        longer: What it was before its window was cut.
    """

    question: Question
    page: ReadPage
    begun: Sequence[ReadPage] = ()
    longer: "Opening | None" = None

    def asked(self, number: int) -> Question:
        """What page ``number`` answers; the first and the third are the longer window's, if it was cut."""
        return self.longer.question if self.longer and number in {0, 2} else self.question


@dataclass(frozen=True, slots=True)
class Proof:
    """What was proven.

    Attributes:
        window: The proven span; starts where the window starts.
        pages: Answers that hold all its records, and some of its neighbours'.
        following: The first page of what comes after, if the window was not read to its end.
    """

    window: Window
    pages: Sequence[ReadPage]
    following: Opening | None = None


@dataclass(frozen=True, slots=True)
class Harvest:
    """A proven window.

    Attributes:
        window: The span.
        batches: Its records, sorted by time, then key.
        quarantined: Those that did not fit the schema.
        running: Spans with records that are not final yet; they are to be read again later.
        stale: How many records claim not to be final, but are too old to wait for.
    """

    window: Window
    batches: Sequence[pa.RecordBatch]
    quarantined: Sequence[Quarantined]
    running: tuple[Window, ...] = ()
    stale: int = 0

    @property
    def rows(self) -> int:
        """Its records, without those in quarantine."""
        return sum(batch.num_rows for batch in self.batches)

    @property
    def bytes(self) -> int:
        """Arrow bytes."""
        return sum(batch.nbytes for batch in self.batches)

    def hourly(self, time_field: str) -> Counter[int]:
        """How many of its records came in each hour, by hours since the Unix epoch."""
        hours: Counter[int] = Counter()
        for batch in self.batches:
            for item in pc.value_counts(pc.divide(batch[time_field].cast(pa.int64()), 3600)).to_pylist():
                hours[item["values"]] += item["counts"]
        return hours

    def left(self, time_field: str) -> list[int]:
        """When the records of ``running`` happened, Unix seconds."""
        if not self.running:
            return []
        times = (batch[time_field].cast(pa.int64()).to_pylist() for batch in self.batches)
        return [
            second
            for seconds in times
            for second in seconds
            if any(second in window for window in self.running)
        ]


@dataclass(frozen=True, slots=True)
class Reading:
    """What became of a window: its start is proven or given up, what follows is still to be read.

    Attributes:
        harvest: The proven part.
        gap: The part that could not be proven; either this or ``harvest`` is there.
        rest: What follows, if anything.
        expected: About how many records ``rest`` holds, if the API said so.
    """

    harvest: Harvest | None = None
    gap: Gap | None = None
    rest: Window | None = None
    expected: int | None = None


@dataclass(frozen=True, slots=True)
class Prospect:
    """What the first page of a window says of it; a hint, not proven.

    Attributes:
        records: How many it holds, by the API's total; ``None`` if that is not known.
        rate: Records per second at its start; ``None`` if they do not fill a page.
    """

    records: int | None = None
    rate: float | None = None
