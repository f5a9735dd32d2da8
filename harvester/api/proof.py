"""How one window is proven complete, without trusting any single answer.

The total, asked with the first page and with the last, must equal the different records received. A window
that holds more than paging reaches is read as far as that goes, and what follows is asked at once: the
difference of the two totals must equal the records in between, so no page is wasted. A second that even
paging cannot cross is read from both ends.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from harvester.api.page_source import AnswerFile, PageSource
from harvester.api.pages import ContradictionError, ReadPage, distinct, only, shared_seconds, without
from harvester.api.question import Bounds, Question
from harvester.window import Window

_SWEEPS = 16  # over one second whose order changes with every request; 16 find 9,000 records all but surely


class BeyondReachError(ContradictionError):
    """One second holds more records than paging reaches from both ends."""


@dataclass(frozen=True, slots=True)
class Opening:
    """The first page of a window, and the question it answers."""

    question: Question
    page: ReadPage


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


class Prover:
    """Reads one window, once. Its answers lie in files by the second their question starts with."""

    def __init__(
        self, source: PageSource, bounds: Bounds, file: Callable[[int], AnswerFile], window: Window
    ) -> None:
        self._source = source
        self._bounds = bounds
        self._window = window
        self._open = file
        self._files: dict[int, AnswerFile] = {}

    async def prove(self, opening: Opening | None) -> Proof:
        """Prove the window, or as much of its start as paging reaches.

        Raises:
            BeyondReachError: Its first second cannot be paged through.
            ContradictionError: The answers cannot all be true.
            ExceptionGroup: What asking raises.
        """
        if opening is None:
            question = self._begun() or self._bounds.question(self._window)
            opening = Opening(question, await self._first(self._window.start, question))
        if opening.page.total is None:
            raise ContradictionError("the answer gives no total")
        if opening.page.total <= self._source.reach:
            return await self._whole(opening, opening.page.total)
        return await self._head(opening, opening.page.total)

    def forget(self) -> None:
        """Forget the answers: they contradict each other."""
        for file in self._files.values():
            file.clear()

    def _begun(self) -> Question | None:
        """The question whose answers an earlier run kept, so that this one goes on where that was."""
        file = self._file(self._window.start)
        questions = self._bounds.questions(self._window)
        return next((question for question in questions if file.get(question.key(0))), None)

    async def _whole(self, opening: Opening, total: int) -> Proof:
        pages = await self._pages(opening, total)
        return Proof(self._window, await self._complete(pages, total))

    async def _head(self, opening: Opening, total: int) -> Proof:
        pages: Sequence[ReadPage] = await self._pages(opening, total)
        start, last = self._window.start, pages[-1].youngest
        if last == start:
            second = Window(start, start + 1)
            return Proof(second, await self._second(start, pages))
        if last is None or last < start:
            raise ContradictionError("only records before the window came", expected=total)
        question = replace(opening.question, start=self._bounds.question(Window(last, last + 1)).start)
        page = await self._first(last, question)
        turn = page.oldest
        if page.total is None or turn is None or not start < turn <= last:
            raise ContradictionError(f"the records of second {last} came and went", expected=total)
        pages = await self._complete(pages, total - page.total, before=turn)
        if turn < last:  # the bounds were not known yet; the page must lie with the window that it opens
            self._file(last).clear()
            page = await self._first(turn, question)
        return Proof(Window(start, turn), pages, Opening(question, page))

    async def _pages(self, opening: Opening, total: int) -> list[ReadPage]:
        """All reachable pages, checked against each other."""
        size = self._source.page_size
        offsets = range(size, min(total, self._source.reach), size)
        rest = await self._source.pages(self._file(self._window.start), opening.question, offsets)
        pages = [opening.page, *rest]
        if pages[-1].total != total:
            raise ContradictionError("the total changed while paging", expected=total)
        for offset, page in zip((0, *offsets), pages, strict=True):
            self._check(page, opening.question, min(size, total - offset))
        for left, right in pairwise(pages):
            if left.youngest is not None and right.oldest is not None and left.youngest > right.oldest:
                raise ContradictionError("pages came out of order", expected=total)
        return pages

    def _check(self, page: ReadPage, question: Question, count: int) -> None:
        if page.count != count:
            raise ContradictionError(f"a page of {count} records came with {page.count}")
        if not page.ordered:
            raise ContradictionError("records came out of order")
        if page.oldest is not None and page.youngest is not None:
            if page.oldest < question.start or page.youngest > question.end:
                raise ContradictionError("records came that were not asked for")
            self._bounds.observe(question, page.oldest, page.youngest)

    async def _complete(
        self, pages: Sequence[ReadPage], expected: int, *, before: int | None = None
    ) -> Sequence[ReadPage]:
        """The pages, if their different records (older than ``before``) are as many as expected.

        If not, seconds that a page boundary cuts are read again on their own: the order within a second is
        the vendor's secret, and where it changes between requests, records slip through exactly there.
        """
        columns = self._source.columns
        if distinct(pages, columns, before=before) != expected:
            for second in sorted(shared_seconds(pages)):
                if before is None or second < before:
                    alone = await self._second(second)
                    pages = [without(page, second, columns) for page in pages]
                    pages += [only(page, second, columns) for page in alone]
        received = distinct(pages, columns, before=before)
        if received != expected:
            reason = f"{expected} records are counted, {received} different ones came"
            raise ContradictionError(reason, expected=expected, received=received)
        return pages

    async def _second(self, second: int, known: Sequence[ReadPage] = ()) -> list[ReadPage]:
        """Pages with every record of one second, read from both ends, over again until they are complete.

        Args:
            second: Unix time.
            known: Pages that begin this second and already lie there.
        """
        size, reach, columns = self._source.page_size, self._source.reach, self._source.columns
        file = self._file(self._window.start)
        pages = list(known)
        total = received = 0
        for sweep in range(_SWEEPS):
            up = replace(self._bounds.second(second), sweep=sweep)
            pages.append(await self._source.page(file, up, 0))
            total = pages[-1].total or 0
            if total > 2 * reach:
                reason = "one second holds more records than paging reaches from both ends"
                raise BeyondReachError(reason, expected=total, received=distinct(pages, columns))
            if sweep or not known:
                pages += await self._source.pages(file, up, range(size, min(total, reach), size))
            down = replace(up, descending=True)
            pages += await self._source.pages(file, down, range(0, total - reach, size))
            received = distinct(pages, columns)
            if received == total:
                return pages
        reason = f"{total} records of one second are counted, {received} different ones came"
        raise ContradictionError(reason, expected=total, received=received)

    async def _first(self, start: int, question: Question) -> ReadPage:
        page = await self._source.page(self._file(start), question, 0)
        self._check(page, question, min(self._source.page_size, page.total or page.count))
        return page

    def _file(self, start: int) -> AnswerFile:
        if start not in self._files:
            self._files[start] = self._open(start)
        return self._files[start]
