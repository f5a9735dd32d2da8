"""How one window is proven complete, without trusting any single answer.

The total, which each page tells anew, must equal the different records received. A window
that holds more than paging reaches is read as far as that goes, and what follows is asked at once: the
difference of the two totals must equal the records in between, so no page is wasted. A second that even
paging cannot cross is read on its own.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise

from harvester.api.page_source import AnswerFile, PageSource
from harvester.api.pages import ContradictionError, ReadPage, distinct, only, shared_seconds, without
from harvester.api.question import Bounds, Question
from harvester.api.reading import Opening, Proof
from harvester.api.second import SecondReader
from harvester.window import Window


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

    async def open(self) -> Opening:
        """Ask for the first page, or take it from where an earlier run kept it.

        Raises:
            ContradictionError: It holds what was not asked for.
            HarvestError: What asking raises.
        """
        question = self._begun() or self._bounds.question(self._window)
        return Opening(question, await self._first(self._window.start, question))

    async def prove(self, opening: Opening | None) -> Proof:
        """Prove the window, or as much of its start as paging reaches.

        Args:
            opening: Its first page, if it came already; also that of a window which was cut since.

        Raises:
            BeyondReachError: A second holds too many records.
            ContradictionError: The answers cannot all be true.
            HarvestError: What asking raises.
            ExceptionGroup: Likewise, of pages asked side by side.
        """
        if opening is not None:
            opening = await self._shortened(opening)
        opening = opening or await self.open()
        total = opening.page.total
        if total is None:
            raise ContradictionError("the answer gives no total")
        if total < self._source.reach:
            return await self._whole(opening, total)
        if opening.begun and opening.page.youngest == self._window.start:
            return await self._dense([*opening.begun, opening.page])
        return await self._head(opening, total)

    def forget(self) -> None:
        """Forget the answers: they contradict each other."""
        self._file(self._window.start)  # its first page may have come with the opening, and lie there
        for file in self._files.values():
            file.clear()

    def _begun(self) -> Question | None:
        """The question whose answers an earlier run kept, so that this one goes on where that was."""
        file = self._file(self._window.start)
        questions = self._bounds.questions(self._window)
        return next((question for question in questions if file.get(question.key(0))), None)

    async def _shortened(self, opening: Opening) -> Opening | None:
        """The opening of this window, if it was of a longer one: its page stays true, its total does not."""
        if opening.question.end <= self._window.end:
            return opening
        end = self._bounds.question(self._window).end
        size, page = self._source.page_size, opening.page
        if page.youngest is not None and page.youngest < end and self._source.reach > 3 * size:
            question = replace(opening.question, end=end)
            total = (await self._source.page(self._file(self._window.start), question, size)).total
            # Looked at again: asking may have taught that paging reaches less.
            if total is not None and min(total + 1, self._source.reach) > 3 * size:
                return replace(opening, question=question, page=replace(page, total=total), longer=opening)
        self.forget()
        return None

    async def _whole(self, opening: Opening, total: int) -> Proof:
        return Proof(self._window, await self._complete(await self._pages(opening, total), total))

    async def _head(self, opening: Opening, total: int) -> Proof:
        pages: Sequence[ReadPage] = await self._pages(opening, total)
        start, last = self._window.start, pages[-1].youngest
        if last == start:
            return await self._dense(pages)
        if last is None or last < start:
            raise ContradictionError("only records before the window came", expected=total)
        if last == self._window.end == opening.question.end:
            return await self._up_to_bound(pages, total)
        following = await self._following(opening.question, last)
        if following.page.total is None or following.page.oldest != last:
            raise ContradictionError(f"the records of second {last} came and went", expected=total)
        proven = await self._complete(pages, total - following.page.total, before=last)
        return Proof(
            Window(start, last), proven, replace(following, begun=self._carried(opening, pages, last))
        )

    async def _up_to_bound(self, pages: Sequence[ReadPage], total: int) -> Proof:
        """The whole window, whose pages end in the second of its bound, which is another's.

        How much of the total that second is, is asked for; a record is known to lie there, so the answer
        tells of the other bound.
        """
        end = self._window.end
        question = self._bounds.end(end)
        beyond = await self._first(self._window.start, question)
        if beyond.oldest != end and question.start == end:
            self._bounds.miss_start()
            beyond = await self._first(self._window.start, Question(end - 1, end))
        if beyond.oldest != end or beyond.total is None:
            raise ContradictionError(f"the records of second {end} came and went", expected=total)
        return Proof(self._window, await self._complete(pages, total - beyond.total, before=end))

    async def _following(self, question: Question, second: int) -> Opening:
        """What comes from ``second`` on. A record is known to lie there, so the answer tells of the bound."""
        if self._bounds.from_inclusive is None:
            exact = replace(question, start=second)
            page = await self._first(second, exact)
            if page.oldest == second:
                return Opening(exact, page)
            self._bounds.miss_start()
            self._file(second).clear()
        start = self._bounds.second(second).start
        question = replace(question, start=start)
        return Opening(question, await self._first(second, question))

    def _carried(self, opening: Opening, pages: Sequence[ReadPage], turn: int) -> Sequence[ReadPage]:
        """What reaches into the second ``turn``, for the window that starts there; its answers go along."""
        columns, size = self._source.columns, self._source.page_size
        ends = [only(page, turn, columns) for page in pages]
        if distinct(ends, columns) < 2 * size:
            return ()
        here, there = self._file(self._window.start), self._file(turn)
        for number, end in enumerate(ends):
            answer = here.get(key := opening.asked(number).key(number * size))
            if end.count and answer is not None:
                there.append(key, *answer)
        return [end for end in ends if end.count]

    async def _dense(self, known: Sequence[ReadPage]) -> Proof:
        """The first second alone."""
        start = self._window.start
        return Proof(Window(start, start + 1), await self._second(start, known))

    async def _pages(self, opening: Opening, total: int) -> list[ReadPage]:
        """All reachable pages, checked against each other."""
        size = self._source.page_size
        # A full last page is followed by an empty one: a total that is too small would show there.
        offsets = range(size, min(total + 1, self._source.reach), size)
        longer = opening.longer
        # The shorter question's total is younger than the first page. If the longer one's, asked still later
        # with a page that is needed anyway, is the old one, then nothing came or went in between.
        instead = {2 * size: opening.asked(2)} if longer else {}
        rest = await self._source.pages(self._file(self._window.start), opening.question, offsets, instead)
        pages = [opening.page, *rest]
        self._source.caps.check((0, *offsets), pages)
        if longer and pages[2].total != longer.page.total:
            raise ContradictionError("the total changed before paging", expected=longer.page.total)
        if any(page.total != total for place, page in enumerate(pages) if place * size not in instead):
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
        if not page.lies_in(question.start, question.end):
            raise ContradictionError("records came that were not asked for")
        if page.oldest is not None:
            self._bounds.observe(question, page.oldest)

    async def _complete(
        self, pages: Sequence[ReadPage], expected: int, *, before: int | None = None
    ) -> Sequence[ReadPage]:
        """The pages, if the different records (older than ``before``) are as expected, and none came twice.

        If not, seconds that a page boundary cuts are read again on their own: the order within a second is
        the vendor's secret, and where it changes between requests, records slip through exactly there.
        """
        columns = self._source.columns
        different = distinct(pages, columns)
        received = different if before is None else distinct(pages, columns, before=before)
        # A record that came twice took the place of another, even if a change elsewhere makes the sum right.
        if received != expected or different != sum(page.count for page in pages):
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
        reader = SecondReader(self._source, self._bounds, self._file(self._window.start))
        return await reader.read(second, known)

    async def _first(self, start: int, question: Question) -> ReadPage:
        page = await self._source.page(self._file(start), question, 0)
        self._check(page, question, min(self._source.page_size, page.total or page.count))
        return page

    def _file(self, start: int) -> AnswerFile:
        if start not in self._files:
            self._files[start] = self._open(start)
        return self._files[start]
