"""Turns windows into proven rows: reads each until its answers agree, or says why they do not."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import pyarrow as pa

from harvester.api.page_source import AnswerFile, PageSource
from harvester.api.pages import ContradictionError, NoAnswerError, quarantined_in, running_in, sorted_rows
from harvester.api.proof import Prover
from harvester.api.question import Bounds
from harvester.api.reading import Harvest, Opening, Proof, Prospect, Reading
from harvester.api.second import BeyondReachError
from harvester.errors import MalformedAnswerError
from harvester.records.decode import Quarantined
from harvester.window import Gap, Window

MIXED = "mixed"
"""The fact that an account's answers hold records of others too, which its counts count as well."""


class Answers(Protocol):
    """Keeps the answers of many windows, by their first second."""

    def file(self, start: int) -> AnswerFile:
        """Those of one window."""
        ...


class Reader:
    """Reads windows; several may be read side by side as long as they are disjoint."""

    def __init__(
        self,
        source: PageSource,
        answers: Answers,
        bounds: Bounds,
        *,
        final_before: int | None = None,
        rereads: int = 3,
    ) -> None:
        """Prepare to read.

        Args:
            source: Asks and decodes.
            answers: Keeps what was answered, here and in earlier runs.
            bounds: What is known about the range's bounds; learns more on the way.
            final_before: Records older than this second (Unix time) count as final whatever they say; all do
                if it is ``None``.
            rereads: How often a window whose answers contradict each other is read.
        """
        self._source = source
        self._answers = answers
        self._bounds = bounds
        self._final_before = final_before
        self._rereads = rereads
        self._openings: dict[int, Opening] = {}
        self._unanswered: dict[Window, NoAnswerError] = {}  # their first question, as a look found out

    @property
    def facts(self) -> dict[str, bool | int | None]:
        """What was learned of the API, for the next run."""
        mixed = {MIXED: True} if self._source.mixed else {}
        return {**self._bounds.facts, **self._source.caps.facts, **mixed}

    @property
    def page_size(self) -> int:
        """Most records of a page, by what is known now."""
        return self._source.page_size

    @property
    def reach(self) -> int:
        """Most records that one reading yields, by what is known now."""
        return self._source.reach

    @property
    def unknown(self) -> Mapping[str, int]:
        """Keys that the schema does not know, and how often they came."""
        return self._source.unknown

    async def look(self, window: Window) -> Prospect:
        """Look at the start of a window; its first page is kept for ``read``.

        Raises:
            HarvestError: The API refuses, cannot be reached or answers in another time zone.
            OSError: The disk refuses the answer.
        """
        opening = self._openings.get(window.start)
        if opening is None:
            prover = Prover(self._source, self._bounds, self._answers.file, window)
            try:
                opening = self._openings[window.start] = await prover.open()
            except ContradictionError as error:
                prover.forget()
                if isinstance(error, NoAnswerError):
                    self._unanswered[window] = error
                return Prospect()
        page, asked = opening.page, opening.question
        rate = None
        if page.youngest is not None and page.count == self._source.page_size:
            rate = page.count / max(1, page.youngest - window.start)
        return Prospect(page.total if asked.end <= window.end else None, rate)

    async def read(self, window: Window) -> Reading:
        """Read a window as far as paging reaches, and prove what was read.

        Raises:
            ExceptionGroup: The API refuses, cannot be reached or answers in another time zone, or the disk
                refuses an answer.
        """
        doubt = self._unanswered.pop(window, None) or ContradictionError("it was not read")
        opening = self._openings.pop(window.start, None)
        left, anew = 0 if isinstance(doubt, NoAnswerError) else self._rereads, False
        while left:
            known = self._source.caps.facts
            prover = Prover(self._source, self._bounds, self._answers.file, window)
            try:
                return self._proven(window, await prover.prove(opening), anew=anew)
            except ContradictionError as error:
                if isinstance(error, BeyondReachError) and error.second == window.start:
                    second = Window(window.start, window.start + 1)
                    gap = Gap(second, error.expected, error.received, error.reason)
                    return Reading(gap=gap, rest=_after(second, window))
                doubt, opening, anew = error, None, True
                prover.forget()
                if isinstance(error, NoAnswerError):
                    break
                # What was begun before a cap was learned says nothing of the records.
                left -= known == self._source.caps.facts
        return Reading(gap=Gap(window, doubt.expected, doubt.received, doubt.reason))

    def replayed(self, window: Window, rows: int) -> Reading | None:
        """A window that an earlier run proved to hold ``rows`` records, from its kept answers alone.

        Returns:
            ``None`` if some answers are gone, or some records were not final then: it must be read again.
        """
        try:
            batches = self.replay(window)
        except (ContradictionError, MalformedAnswerError):
            return None
        harvest = self._harvest(window, batches, ())
        # More than was proven: some of them went meanwhile, and their answers would always bring them back.
        if harvest.running or harvest.stale or harvest.rows > rows:
            self._answers.file(window.start).clear()
            return None
        if harvest.rows < rows:
            return None
        return Reading(harvest=harvest)

    def replay(self, window: Window) -> list[pa.RecordBatch]:
        """The rows of a proven window again, from its kept answers alone.

        Raises:
            ContradictionError: The answers are not those that proved the window.
        """
        pages = self._source.replay(self._answers.file(window.start))
        if not pages:  # the ledger is synced, the spool is not: a power cut may have taken it
            raise ContradictionError("its answers are gone")
        return sorted_rows((page.batch for page in pages), self._source.columns, window)

    def _proven(self, window: Window, proof: Proof, *, anew: bool) -> Reading:
        rows = sorted_rows((page.batch for page in proof.pages), self._source.columns, proof.window)
        owner = self._source.columns.owner
        misfits = self._source.redacted(quarantined_in(proof.pages, proof.window, owner))
        harvest = self._harvest(proof.window, rows, misfits)
        # Read anew, nothing is from an earlier run: a page that was kept was needed twice.
        old = not anew and any(page.kept for page in proof.pages)
        if old and (harvest.running or harvest.stale):
            raise ContradictionError("an earlier run's answers hold records that were not final then")
        rest = _after(proof.window, window)
        if rest is None or proof.following is None:
            return Reading(harvest=harvest, rest=rest)
        self._openings[rest.start] = proof.following
        return Reading(harvest=harvest, rest=rest, expected=proof.following.page.total)

    def _harvest(
        self, window: Window, batches: Sequence[pa.RecordBatch], quarantined: Sequence[Quarantined]
    ) -> Harvest:
        since = window.end if self._final_before is None else self._final_before
        running, stale = running_in(batches, self._source.columns, since, self._source.page_size)
        return Harvest(window, batches, quarantined, running, stale)


def _after(part: Window, window: Window) -> Window | None:
    return Window(part.end, window.end) if part.end < window.end else None
