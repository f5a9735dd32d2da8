"""One second, read in ways that paging from its start alone does not allow.

From both ends, over again while its order changes with every request; and where even both ends do not meet,
one application after the other, then one rule, then one user.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pyarrow as pa

from harvester.api.page_source import AnswerFile, PageSource
from harvester.api.pages import ContradictionError, NoAnswerError, ReadPage, distinct, only, values
from harvester.api.question import Bounds, Question
from harvester.errors import RequestError

_SWEEPS = 16  # over one second whose order changes with every request; 16 find 9,000 records all but surely


class BeyondReachError(ContradictionError):
    """A second holds more records than any way of asking reaches.

    Attributes:
        second: Which, Unix time.
    """

    def __init__(self, second: int, *, expected: int, received: int) -> None:
        reason = "one second holds more records than paging reaches, from both ends and narrowed by filters"
        super().__init__(reason, expected=expected, received=received)
        self.second = second


@dataclass(frozen=True, slots=True)
class _Parts:
    """What came of a question and of its narrower ones.

    Attributes:
        pages: All pages.
        alike: Whether some of it is beyond both ends, and no filter tells it apart.
    """

    pages: list[ReadPage]
    alike: bool = False

    def __add__(self, other: "_Parts") -> "_Parts":
        return _Parts(self.pages + other.pages, self.alike or other.alike)


@dataclass(frozen=True, slots=True)
class SecondReader:
    """Reads whole seconds; the answers go to ``file``."""

    source: PageSource
    bounds: Bounds
    file: AnswerFile

    async def read(self, second: int, known: Sequence[ReadPage] = ()) -> list[ReadPage]:
        """Pages with every record of one second, and perhaps some of its neighbours'.

        Args:
            second: Unix time.
            known: Pages that begin this second, in its order, and lie in the file already. The last full
                page is asked again; if it changed, they are forgotten, with all of the file.

        Raises:
            BeyondReachError: It holds too many records.
            ContradictionError: The answers cannot all be true.
            HarvestError: What asking raises.
            ExceptionGroup: Likewise, of pages asked side by side.
        """
        # What else they hold answered another question; counted here, it would hide what is missing.
        known = [only(page, second, self.source.columns) for page in known]
        question = self.bounds.second(second)
        while True:
            try:
                pages = await self._read(second, question, known)
            except BeyondReachError as error:
                # A neighbour's records may have taken the place of this second's: is there a narrower way?
                narrower = replace(self.bounds.second(second), end=question.end)
                if narrower == question and await self._is_held(question, second, error):
                    narrower = replace(question, end=second)
                if narrower == question:
                    raise
                question = narrower
                continue
            # Counted, but cut away later by its time, such a record would be lost without a word.
            if any(not page.lies_in(question.start, question.end) for page in pages):
                raise ContradictionError("records came that were not asked for")
            return pages

    async def _read(self, second: int, question: Question, known: Sequence[ReadPage]) -> list[ReadPage]:
        offset = max(0, self._begun(known) - self.source.page_size)
        first = await self.source.page(self.file, question, offset)
        if offset and not self._follows(first, known, offset):
            self.file.clear()
            known, first = (), await self.source.page(self.file, question, 0)
        total = first.total or 0
        if total < self.source.crossable:
            return await self._swept(question, first, known)
        parts = await self._narrowed(question, first, known, self.source.narrowing)
        last = await self.source.page(self.file, replace(question, sweep=_SWEEPS), 0)
        pages = [*parts.pages, last]
        received = distinct(pages, self.source.columns)
        # Of what no filter tells apart the ends may meet, but not overlap: no page shows that they do.
        if parts.alike or last.total != total or received != total:
            for page in pages:
                if page.oldest is not None:
                    self.bounds.observe(question, page.oldest)
            raise BeyondReachError(second, expected=total, received=received)
        return pages

    async def _is_held(self, question: Question, second: int, error: BeyondReachError) -> bool:
        """Whether a question up to the second holds all of it, as it does if its records have no fractions.

        Then its count, and the next second's, are the total of both. Of other seconds that says nothing.
        """
        if question.end == second:
            return False
        alone = await self.source.page(self.file, replace(question, end=second), 0)
        after = await self._beyond(second + 1)
        counts = alone.total or 0, after.total or 0
        return counts[0] > 0 and sum(counts) == error.expected

    async def _beyond(self, end: int) -> ReadPage:
        """The first page of what the question of a window that ends at ``end`` holds beyond it."""
        question = self.bounds.end(end)
        page = await self.source.page(self.file, question, 0)
        if page.count or self.bounds.from_inclusive is not None:
            return page
        # Nothing lies there, or ``from_date`` is no part of the range: then it comes by one second more.
        wider = replace(question, start=end - 1)
        instead = await self.source.page(self.file, wider, 0)
        if instead.oldest == end:
            self.bounds.miss_start()
            return instead
        return page

    async def _swept(
        self, question: Question, first: ReadPage, known: Sequence[ReadPage] = ()
    ) -> list[ReadPage]:
        """From both ends, over again until the pages are complete."""
        size, reach, columns = self.source.page_size, self.source.reach, self.source.columns
        begun = self._begun(known)
        pages = list(known)
        total = received = 0
        for sweep in range(_SWEEPS):
            up = replace(question, sweep=sweep)
            pages.append(await self.source.page(self.file, up, 0) if sweep else first)
            total = pages[-1].total or 0
            start = size if sweep else max(size, begun)
            offsets = range(start, min(total + 1, reach), size)
            rising = await self.source.pages(self.file, up, offsets)
            if start == size:  # else some of these pages are known, and were checked
                self.source.caps.check((0, *offsets), [*pages[-1:], *rising])
            # The ends overlap, and a full page is followed by an empty one: a total too small shows there.
            rest = min(total, 2 * reach - 1) - reach + 1 if self.source.descends else 0
            fallen = range(0, rest, size)
            falling = await self.source.pages(self.file, replace(up, descending=True), fallen)
            pages += [*rising, *falling]
            received = distinct(pages, columns)
            answers = zip((*offsets, *fallen), (*rising, *falling), strict=True)
            if received == total and all(self._agrees(page, total, offset) for offset, page in answers):
                return pages
        reason = f"{total} records of one second are counted, {received} different ones came"
        raise ContradictionError(reason, expected=total, received=received)

    def _begun(self, known: Sequence[ReadPage]) -> int:
        """How many records are known, in whole pages, as far as paging reaches."""
        size = self.source.page_size
        return min(distinct(known, self.source.columns), self.source.reach) // size * size

    def _follows(self, page: ReadPage, known: Sequence[ReadPage], offset: int) -> bool:
        """Whether a page holds what is known already: then nothing before it came or went."""
        key = self.source.columns.key
        keys = pa.chunked_array([part.batch[key] for part in known])
        return bool(keys.slice(offset, self.source.page_size).combine_chunks().equals(page.batch[key]))

    def _agrees(self, page: ReadPage, total: int, offset: int) -> bool:
        """Whether a page is as long as ``total`` says, and tells the same.

        In an order that changes with every request, records that came before may fill what should be empty.
        """
        return page.total == total and page.count == max(0, min(self.source.page_size, total - offset))

    async def _narrowed(
        self, question: Question, first: ReadPage, known: Sequence[ReadPage], fields: Sequence[str]
    ) -> _Parts:
        """As many records as can be had of a question beyond both ends.

        Which values there are to narrow by is known from the records alone: first those of one end, then, if
        some are missing still, those of the other.
        """
        size, reach, columns = self.source.page_size, self.source.reach, self.source.columns
        parts = _Parts([*known, first], alike=not fields)
        asked: set[str] = set()
        for descending in (False, True)[: 1 + self.source.descends]:
            end = replace(question, descending=descending)
            done = 0 if descending else max(size, self._begun(known))
            parts += _Parts(await self.source.pages(self.file, end, range(done, reach, size)))
            news = values(parts.pages, fields[0]) - asked if fields else set()
            for value in sorted(news):
                parts += await self._part(question.narrowed(fields[0], value), fields[1:])
            asked |= news
            if distinct(parts.pages, columns) == first.total:
                break
        return parts

    async def _part(self, question: Question, fields: Sequence[str]) -> _Parts:
        try:
            first = await self.source.page(self.file, question, 0)
        except (RequestError, NoAnswerError):  # an application that its own records name may be deleted
            return _Parts([])
        if (first.total or 0) < self.source.crossable:
            return _Parts(await self._swept(question, first))
        return await self._narrowed(question, first, (), fields)
