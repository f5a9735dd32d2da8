"""The text of a report, read: its records in pages, and what can be counted on them."""

from collections import Counter as Tally
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from harvester.api.page_source import UTC, AnswerFile
from harvester.api.pages import Columns, ReadPage, read_page, sorted_rows
from harvester.api.report_file import text_of
from harvester.datasets import Dataset
from harvester.errors import ReportUnusableError, ZoneError
from harvester.records.owner import Owner
from harvester.records.redaction import Redaction
from harvester.records.report_lines import ReportDecoder, ScatteredLinesError
from harvester.records.schema import arrow_schema
from harvester.window import Window


class Text:
    """One report.

    Attributes:
        pages: Its records, as far as it was read.
        unknown: Columns that the schema does not know, and in how many records they say something.
    """

    def __init__(self, dataset: Dataset, redaction: Redaction | None, owner: Owner | None = None) -> None:
        self.pages: list[ReadPage] = []
        self.unknown: Tally[str] = Tally()
        self._decoder = ReportDecoder(dataset, redaction, apart=owner is not None)
        self._schema = arrow_schema(dataset)
        self._columns = Columns(dataset.time_field, dataset.key, dataset.running, owner)

    @property
    def lines(self) -> int:
        """How many lines it has, without its header."""
        return self._decoder.lines

    @property
    def lacking(self) -> tuple[str, ...]:
        """Fields that pages bring, and it does not."""
        columns = self._decoder.columns
        return () if columns is None else columns.lacking

    def read(self, file: AnswerFile, name: str) -> Iterator[None]:
        """Read it step by step, a page at a time; over again if its lines turn out to be scattered.

        Raises:
            MalformedReportError: It is not there whole, or no CSV.
            ReportUnusableError: It has no column for the key, or for the time.
        """
        for scattered in (False, True):
            self.pages.clear()
            self.unknown.clear()
            try:
                for decoded in self._decoder.decode(text_of(file, name), scattered=scattered):
                    self.pages.append(read_page(decoded, None, self._columns, descending=False))
                    self.unknown.update(decoded.unknown)
                    yield
            except ScatteredLinesError:
                continue
            return

    def check_zone(self, listed: str | None) -> None:
        """Refuse times that are not UTC, by its columns' names or by what the list says.

        Raises:
            ZoneError: They are not.
        """
        columns = self._decoder.columns
        for zone in (listed, *(() if columns is None else columns.zones)):
            if zone not in UTC:
                raise ZoneError(f"the report is in the time zone {zone!r}, not in UTC")

    def check_owner(self) -> bool:
        """Whether it holds records of others than the owner, which are to be left out.

        Raises:
            ForeignRecordsError: It holds some, and may not.
            ReportUnusableError: It does not say whose its records are.
        """
        owner = self._columns.owner
        if owner is None:
            return False
        if owner.field in self.lacking:
            raise ReportUnusableError(
                f"the report has no column for {owner.field}, so it cannot be told whose its records are:"
                " leave out --accounts, or --via reports"
            )
        return any(owner.check(page.batch, (item.raw for item in page.quarantined)) for page in self.pages)

    def seconds(self, after: int, before: int) -> set[int]:
        """Seconds between the two that hold a record."""
        found = {item.second for page in self.pages for item in page.quarantined if item.second is not None}
        for page in self.pages:
            column = page.batch[self._columns.time].cast(pa.int64())
            inside = pc.and_(pc.greater(column, after), pc.less(column, before))
            found |= set(pc.unique(column.filter(inside)).to_pylist())
        return {second for second in found if after < second < before}

    def rows(self, window: Window) -> list[pa.RecordBatch]:
        """Its different records of the owner inside ``window``, by time, then key.

        Raises:
            ContradictionError: A record came twice with different times.
        """
        batches = [pa.RecordBatch.from_pylist([], schema=self._schema)]  # a report may hold nothing
        return sorted_rows(batches + [page.batch for page in self.pages], self._columns, window)

    def count(self, window: Window, *, unplaced: bool = True) -> int:
        """The owner's different records in a span; ``unplaced``: whether to count those without a time."""
        owner = self._columns.owner
        aside = [
            item.raw if item.key is None else item.key
            for page in self.pages
            for item in page.quarantined
            if (unplaced if item.second is None else item.second in window)
            and (owner is None or owner.is_own(item.raw))
        ]
        return sum(int(batch.num_rows) for batch in self.rows(window)) + len(set(aside))
