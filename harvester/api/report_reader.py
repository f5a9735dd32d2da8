"""Reads windows by report, and proves them: the records of the file against the API's own counts."""

import asyncio
from collections import Counter as Tally
from collections.abc import Sequence
from dataclasses import replace

import pyarrow as pa

from harvester.api.counting import Counter
from harvester.api.page_source import AnswerFile
from harvester.api.pages import (
    Columns,
    ContradictionError,
    distinct,
    quarantined_in,
    running_in,
)
from harvester.api.question import Bounds, Question
from harvester.api.reader import Answers
from harvester.api.reading import Harvest, Reading
from harvester.api.report_answers import Listed
from harvester.api.report_count import check_count
from harvester.api.report_file import void
from harvester.api.report_source import LeftError, ReportSource, holds_order
from harvester.api.report_text import Text
from harvester.datasets import Dataset
from harvester.errors import ForeignRecordsError
from harvester.records.decode import Quarantined
from harvester.records.owner import Owner
from harvester.records.redaction import Redaction
from harvester.records.report_columns import MalformedReportError
from harvester.window import Gap, Window

_MARGIN = 60  # seconds asked for at both ends beyond the window: what their bounds mean, nobody says
_ODD = 20  # records: if none of so many fits, it is the report's form that does not
_ONE_READING = 1_000  # spans of running records with fewer others between them are joined


class ReportReader:
    """Reads windows; several may be read side by side as long as they are disjoint.

    Attributes:
        unknown: Columns that the schema does not know, and in how many records they say something.
        lacking: Fields that pages bring and reports do not.
    """

    def __init__(
        self,
        dataset: Dataset,
        source: ReportSource,
        counter: Counter,
        answers: Answers,
        bounds: Bounds,
        *,
        redaction: Redaction | None = None,
        owner: Owner | None = None,
        final_before: int,
        orders: int = 3,
    ) -> None:
        """Prepare to read.

        Args:
            dataset: What is read.
            source: Orders and fetches.
            counter: Asks for totals.
            answers: Keeps what was answered, here and in earlier runs.
            bounds: What is known of the bounds of a count.
            redaction: Of all that leaves.
            owner: Whose records are taken, if accounts are kept apart.
            final_before: Records older than this second (Unix time) count as final whatever they say.
            orders: How often a report is ordered that fails or contradicts the counts.
        """
        self.unknown: Tally[str] = Tally()
        self.lacking: tuple[str, ...] = ()
        self._dataset = dataset
        self._source = source
        self._counter = counter
        self._answers = answers
        self._bounds = bounds
        self._redaction = redaction
        self._final_before = final_before
        self._orders = orders
        self._columns = Columns(dataset.time_field, dataset.key, dataset.running, owner)

    @property
    def mixed(self) -> bool:
        """Whether records of others than the owner came."""
        return self._counter.mixed

    @property
    def ordered(self) -> int:
        """How many reports were ordered."""
        return self._source.ordered

    def leave(self) -> None:
        """Wait for no report any more: what is waited for is left to the next run."""
        self._source.leave()

    def holds(self, window: Window) -> bool:
        """Whether a report of the window, or of a longer one that began with it, was ordered."""
        return holds_order(self._answers.file(window.start))

    async def read(self, window: Window) -> Reading:
        """Read a window.

        Raises:
            RangeTooWideError: A report of a shorter range must be ordered.
            ReportUnusableError: It has no column for the key, for the time, or for whose the records are.
            ForeignRecordsError: It holds records of others than the owner.
            ZoneError: It is in another time zone.
            UnavailableError: It is not ready for too long; the next run picks it up.
            HarvestError: The API refuses, or cannot be reached.
            OSError: The disk refuses an answer.
        """
        file, question = self._answers.file(window.start), _question(window)
        doubt = ContradictionError("it was not read")
        is_fetched_anew, is_old = False, self._source.is_begun(file, question)
        left = self._orders
        while left:
            try:
                listed = await self._source.obtain(file, question)
                reading = await self._proven(window, file, listed)
                if not is_old or not _is_unfinished(reading):
                    return reading
                # Ordered by an earlier run, it shows records as they were then: they may be final by now.
                is_old = False
                file.clear()
                continue
            except LeftError:
                return Reading(rest=window)
            except MalformedReportError as error:
                doubt = ContradictionError(f"the report cannot be read: {error}")
                if not is_fetched_anew:
                    is_fetched_anew = True
                    void(file, self._source.name(question))
                    continue
            except ContradictionError as error:
                doubt = error
            file.clear()
            left -= 1
        return Reading(gap=Gap(window, doubt.expected, doubt.received, doubt.reason))

    def replayed(self, window: Window, rows: int) -> Reading | None:
        """A window that an earlier run proved to hold ``rows`` records, from its kept file alone."""
        try:
            batches = self.replay(window)
        except ContradictionError:
            return None
        harvest = self._harvest(window, batches, [])
        if harvest.running or harvest.stale or harvest.rows != rows:
            self._answers.file(window.start).clear()
            return None
        return Reading(harvest=harvest)

    def replay(self, window: Window) -> list[pa.RecordBatch]:
        """The rows of a proven window again, from its kept file alone.

        Raises:
            ContradictionError: It is not there whole.
        """
        file = self._answers.file(window.start)
        text = Text(self._dataset, self._redaction, self._columns.owner)
        try:
            for _ in text.read(file, self._source.name(_question(window))):
                pass
        except MalformedReportError as error:
            raise ContradictionError(str(error)) from error
        return text.rows(window)

    async def _proven(self, window: Window, file: AnswerFile, listed: Listed | None) -> Reading:
        text = Text(self._dataset, self._redaction, self._columns.owner)
        for _ in text.read(file, self._source.name(_question(window))):
            await asyncio.sleep(0)  # others have their turn between two chunks, as between two pages
        text.check_zone(None if listed is None else listed.zone)
        self._check_owner(text, file)
        held, received = None if listed is None else listed.records, distinct(text.pages, self._columns)
        if held not in {None, received, text.lines}:
            raise ContradictionError(
                f"the report holds {received} records, and the list says {held}",
                expected=held,
                received=received,
            )
        if received >= _ODD and not sum(page.batch.num_rows for page in text.pages):
            raise ContradictionError("no record of the report fits the schema", received=received)
        asked = _question(window)
        await check_count(self._counter, self._bounds, window, text, asked=asked, listed=listed)
        self.unknown.update(text.unknown)
        self.lacking = tuple(sorted({*self.lacking, *text.lacking}))
        rows = text.rows(window)
        misfits = list(quarantined_in(text.pages, window, self._columns.owner))
        if self._redaction is not None:
            misfits = [replace(item, raw=self._redaction.text(item.raw)) for item in misfits]
        return Reading(harvest=self._harvest(window, rows, misfits))

    def _check_owner(self, text: Text, file: AnswerFile) -> None:
        try:
            # From then on the counter leaves the others out too.
            self._counter.mixed = text.check_owner() or self._counter.mixed
        except ForeignRecordsError:
            file.clear()  # the next run must ask anew
            raise

    def _harvest(
        self, window: Window, batches: Sequence[pa.RecordBatch], quarantined: Sequence[Quarantined]
    ) -> Harvest:
        running, stale = running_in(batches, self._columns, self._final_before, _ONE_READING)
        return Harvest(window, batches, quarantined, running, stale)


def _is_unfinished(reading: Reading) -> bool:
    return reading.harvest is not None and bool(reading.harvest.running or reading.harvest.stale)


def _question(window: Window) -> Question:
    return Question(window.start - 1 - _MARGIN, window.end + _MARGIN)
