"""Each window by the way that was chosen for it: by pages, or by report."""

from collections import Counter as Tally
from collections.abc import Callable, Iterable, Mapping

import pyarrow as pa
import structlog

from harvester.api.reader import MIXED, Answers, Reader
from harvester.api.reading import Prospect, Reading
from harvester.api.report_reader import ReportReader
from harvester.errors import ReportUnusableError
from harvester.window import Window

_log = structlog.get_logger()
_LACK = "reports_lack_fields"


class Via:
    """Reads windows by pages, but those in ``spans`` by report."""

    def __init__(
        self,
        pages: Reader,
        reports: ReportReader | None,
        answers: Answers,
        *,
        spans: Iterable[Window] = (),
        only_reports: bool = False,
        check: Callable[[int], None] = lambda _end: None,
    ) -> None:
        """Prepare to read.

        Args:
            pages: Reads by pages.
            reports: Reads by report; ``None`` if the vendor makes none.
            answers: Keeps what was answered; the ways do not read each other's.
            spans: Seconds to read by report.
            only_reports: Whether to read all by report, though reports lack fields or cannot be had; else
                such seconds are read by pages.
            check: Refuses a report if the end of what it is of had not settled.
        """
        self._pages = pages
        self._reports = reports
        self._answers = answers
        self._spans = list(spans)
        self._only_reports = only_reports
        self._check_settled = check

    @property
    def facts(self) -> dict[str, bool | int | None]:
        """What was learned of the API, for the next run."""
        lack = {_LACK: True} if self.lacking else {}
        mixed = {MIXED: True} if self._reports is not None and self._reports.mixed else {}
        return {**self._pages.facts, **lack, **mixed}

    @property
    def page_size(self) -> int:
        """Most records of a page, by what is known now."""
        return self._pages.page_size

    @property
    def reach(self) -> int:
        """Most records that one reading by pages yields, by what is known now."""
        return self._pages.reach

    @property
    def unknown(self) -> Mapping[str, int]:
        """Keys and columns that the schema does not know, and how often they came."""
        return Tally(self._pages.unknown) + Tally(self._reports.unknown if self._reports else {})

    @property
    def lacking(self) -> tuple[str, ...]:
        """Fields that pages bring and the reports did not."""
        return self._reports.lacking if self._reports else ()

    @property
    def ordered(self) -> int:
        """How many reports were ordered."""
        return self._reports.ordered if self._reports else 0

    async def look(self, window: Window) -> Prospect:
        """Look at the start of a window; of one that is read by report there is nothing to see.

        Raises:
            HarvestError: As the readers.
        """
        if self._is_by_report(window):
            return Prospect()
        self._clear_report(window)
        return await self._pages.look(window)

    async def read(self, window: Window) -> Reading:
        """Read a window, by report as a whole, by pages as far as they reach.

        Raises:
            HarvestError: As the readers.
            ExceptionGroup: Likewise.
        """
        if self._reports is None or not self._is_by_report(window):
            self._clear_report(window)
            return await self._pages.read(window)
        if self._only_reports:
            return await self._read_report(self._reports, window)
        try:
            reading = await self._read_report(self._reports, window)
            if reading.gap is None and not self.lacking:
                return reading
            reason = reading.gap.reason if reading.gap else f"it lacks {', '.join(self.lacking)}"
        except ReportUnusableError as error:
            reason = str(error)
        _log.info("read by pages instead of by report", window=str(window), reason=reason)
        self._spans = [span for span in self._spans if not span.meets(window)]
        self._answers.file(window.start).clear()
        return await self._pages.read(window)

    async def _read_report(self, reports: ReportReader, window: Window) -> Reading:
        reading = await reports.read(window)
        self._check_settled(window.end)  # kept, it is counted again by the next run
        return reading

    def leave(self) -> None:
        """Wait for no report any more: the next run picks them up."""
        if self._reports is not None:
            self._reports.leave()

    def replayed(self, window: Window, rows: int) -> Reading | None:
        """A window that an earlier run proved, whichever way that was."""
        if self._reports is not None and self._reports.holds(window):
            return self._reports.replayed(window, rows)
        return self._pages.replayed(window, rows)

    def replay(self, window: Window) -> list[pa.RecordBatch]:
        """The rows of a proven window again.

        Raises:
            ContradictionError: Its answers are not those that proved it.
        """
        if self._reports is not None and self._reports.holds(window):
            return self._reports.replay(window)
        return self._pages.replay(window)

    def _is_by_report(self, window: Window) -> bool:
        return self._only_reports or any(span.holds(window) for span in self._spans)

    def _clear_report(self, window: Window) -> None:
        if self._reports is not None and self._reports.holds(window):
            self._answers.file(window.start).clear()


def lacks_fields(facts: Mapping[str, object]) -> bool:
    """Whether an earlier run saw that reports of the dataset lack fields that pages bring."""
    return facts.get(_LACK) is True
