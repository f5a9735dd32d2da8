"""One second, read in ways that paging from its start alone does not allow.

From both ends, over again while its order changes with every request; and where even both ends do not meet,
one application after the other, then one rule, then one user.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from harvester.api.page_source import AnswerFile, PageSource
from harvester.api.pages import ContradictionError, ReadPage, distinct, only, values
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
class SecondReader:
    """Reads whole seconds; the answers go to ``file``."""

    source: PageSource
    bounds: Bounds
    file: AnswerFile

    async def read(self, second: int, known: Sequence[ReadPage] = ()) -> list[ReadPage]:
        """Pages with every record of one second, and perhaps some of its neighbours'.

        Args:
            second: Unix time.
            known: Pages that begin this second, in its order, and lie in the file already.

        Raises:
            BeyondReachError: It holds too many records.
            ContradictionError: The answers cannot all be true.
            HarvestError: What asking raises.
            ExceptionGroup: Likewise, of pages asked side by side.
        """
        # What else they hold answered another question; counted here, it would hide what is missing.
        known = [only(page, second, self.source.columns) for page in known]
        while True:
            question = self.bounds.second(second)
            try:
                pages = await self._read(second, question, known)
            except BeyondReachError:
                # A neighbour's records may have taken the place of this second's: they told of the bounds.
                if self.bounds.second(second) == question:
                    raise
                continue
            # Counted, but cut away later by its time, such a record would be lost without a word.
            if any(not page.lies_in(question.start, question.end) for page in pages[len(known) :]):
                raise ContradictionError("records came that were not asked for")
            return pages

    async def _read(self, second: int, question: Question, known: Sequence[ReadPage]) -> list[ReadPage]:
        first = await self.source.page(self.file, question, 0)
        total = first.total or 0
        if total < self.source.crossable:
            return await self._swept(question, first, known)
        alike: list[Question] = []
        pages = await self._narrowed(question, first, known, self.source.narrowing, alike)
        last = await self.source.page(self.file, replace(question, sweep=1), 0)
        pages.append(last)
        received = distinct(pages, self.source.columns)
        # Of what no filter tells apart the ends may meet, but not overlap: no page shows that they do.
        if alike or last.total != total or received != total:
            for page in pages:
                if page.oldest is not None and page.youngest is not None:
                    self.bounds.observe(question, page.oldest, page.youngest)
            raise BeyondReachError(second, expected=total, received=received)
        return pages

    async def _swept(
        self, question: Question, first: ReadPage, known: Sequence[ReadPage] = ()
    ) -> list[ReadPage]:
        """From both ends, over again until the pages are complete."""
        size, reach, columns = self.source.page_size, self.source.reach, self.source.columns
        begun = distinct(known, columns) // size * size
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
            pages += rising
            # The ends overlap, and a full page is followed by an empty one: a total too small shows there.
            rest = min(total, 2 * reach - 1) - reach + 1
            if self.source.descends:
                down = replace(up, descending=True)
                pages += await self.source.pages(self.file, down, range(0, rest, size))
            received = distinct(pages, columns)
            if received == total:
                return pages
        reason = f"{total} records of one second are counted, {received} different ones came"
        raise ContradictionError(reason, expected=total, received=received)

    async def _narrowed(
        self,
        question: Question,
        first: ReadPage,
        known: Sequence[ReadPage],
        fields: Sequence[str],
        alike: list[Question],
    ) -> list[ReadPage]:
        """As many records as can be had of a question beyond both ends.

        If no field is left to narrow it by, it joins ``alike``.

        Which values there are to narrow by is known from the records alone: first those of one end, then, if
        some are missing still, those of the other.
        """
        size, reach = self.source.page_size, self.source.reach
        alike += () if fields else (question,)
        pages = [*known, first]
        asked: set[str] = set()
        for descending in (False, True)[: 1 + self.source.descends]:
            end = replace(question, descending=descending)
            done = 0 if descending else max(size, distinct(known, self.source.columns) // size * size)
            pages += await self.source.pages(self.file, end, range(done, reach, size))
            news = values(pages, fields[0]) - asked if fields else set()
            for value in sorted(news):
                pages += await self._part(question.narrowed(fields[0], value), fields[1:], alike)
            asked |= news
            if distinct(pages, self.source.columns) == first.total:
                break
        return pages

    async def _part(self, question: Question, fields: Sequence[str], alike: list[Question]) -> list[ReadPage]:
        try:
            first = await self.source.page(self.file, question, 0)
        except RequestError:  # the vendor no longer knows what its own records name, as a deleted application
            return []
        if (first.total or 0) < self.source.crossable:
            return await self._swept(question, first)
        return await self._narrowed(question, first, (), fields, alike)
