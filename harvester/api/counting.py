"""How many records the API counts, without fetching them."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import Protocol

import pyarrow as pa

from harvester.api.envelope import Answer
from harvester.api.page_source import check_zone
from harvester.api.protocol import Page
from harvester.api.question import Bounds, Question
from harvester.datasets import Dataset
from harvester.errors import RangeTooWideError, UnavailableError
from harvester.records.owner import account_of
from harvester.window import Window, as_second

_DAY = 86_400
_TRIES = 3  # of an answer without a total; pages are read so often, too
_NOTHING: Mapping[str, str] = MappingProxyType({})


class Api(Protocol):
    """Asks the vendor."""

    async def fetch(self, method: str, parameters: Mapping[str, str]) -> tuple[Answer, Page]:
        """One answer, and what it says."""
        ...


class Counter:
    """Asks for totals.

    Attributes:
        mixed: Whether a parent's answers are known to hold its children's records, which are not counted.
    """

    def __init__(
        self,
        api: Api,
        dataset: Dataset,
        shared: Mapping[str, str],
        *,
        mixed: bool = False,
        parent: int | None = None,
    ) -> None:
        """Use ``shared`` (filters and switches) with every question.

        Args:
            api: Is asked.
            dataset: What is counted.
            shared: Parameters.
            mixed: As the attribute.
            parent: The account whose answers may be mixed, if they are not known to be or not to be.
        """
        self.mixed = mixed
        self._parent = parent
        self._api = api
        self._dataset = dataset
        self._shared = shared

    async def total(self, question: Question) -> int:
        """The API's total of one question.

        Raises:
            UnavailableError: It gives none, however often it is asked.
            HarvestError: The API refuses, cannot be reached or answers in another time zone.
        """
        total = await self._total(question)
        children = self._dataset.children
        if self.mixed and children is not None:
            total -= await self._total(question, {children.only: "true"})
        return total

    async def _total(self, question: Question, more: Mapping[str, str] = _NOTHING) -> int:
        for _ in range(_TRIES):
            page = await self._ask(question, more)
            if page.total is not None:
                return page.total
        raise UnavailableError(f"the API gives no total, asked {_TRIES} times")

    async def turns_out_mixed(self, window: Window, bounds: Bounds) -> bool:
        """Whether the answers are mixed; if that is unknown, by a look at a second with a child's record.

        Raises:
            HarvestError: As ``total``.
        """
        children = self._dataset.children
        if self.mixed or self._parent is None or children is None:
            return self.mixed
        second, _ = await self.shown(bounds.question(window), {children.only: "true"})
        if second is not None:
            question = bounds.question(Window(second, second + 1))
            page = await self._ask(question, count=self._dataset.usual_count)
            records = [record for record in page.records if isinstance(record, dict)]
            named = {account_of(record.get(self._dataset.account)) for record in records} - {self._parent}
            if any(isinstance(account, int) for account in named):
                self.mixed = True
            self._parent = None
        return self.mixed

    async def shown(
        self, question: Question, more: Mapping[str, str] = _NOTHING
    ) -> tuple[int | None, int | None]:
        """The second of the first record that comes, Unix time, and the API's total of the answer.

        Returns:
            Both; ``None`` if there is no record to be read, or no total.

        Raises:
            HarvestError: As ``total``.
        """
        page = await self._ask(question, more)
        return self._first(page), page.total

    def _first(self, page: Page) -> int | None:
        if page.batch is not None:
            seconds: list[int] = page.batch[self._dataset.time_field].cast(pa.int64()).to_pylist()
            return next(iter(seconds), None)
        record = next(iter(page.records), None)
        time = record.get(self._dataset.time_field) if isinstance(record, dict) else None
        with suppress(ValueError):
            return as_second(str(time))
        return None

    async def _ask(self, question: Question, more: Mapping[str, str] = _NOTHING, *, count: int = 1) -> Page:
        parameters = question.parameters(self._dataset, 0, count)
        _, page = await self._api.fetch(self._dataset.method, {**self._shared, **more, **parameters})
        check_zone(page)
        return page

    async def count(
        self, window: Window, bounds: Bounds, on_end: Callable[[int], bool] = lambda _second: False
    ) -> tuple[int, int]:
        """How many records a window holds.

        Args:
            window: What to count.
            bounds: What is known of the bounds of a range.
            on_end: Whether records are known to lie in a second on which a question ends: then its share is
                asked for, and taken off. The bound may hold it, or that part of it which has no fraction.

        Returns:
            The count, and in how many windows it was asked: more than one if the API refuses wide ranges.

        Raises:
            UnavailableError: It gives no total.
            RangeTooWideError: It refuses a single second, too.
            HarvestError: The API refuses, cannot be reached or answers in another time zone.
        """
        waiting, total, windows = [window], 0, 0
        while waiting:
            part = waiting.pop()
            try:
                total += await self.total(bounds.question(part))
                total -= await self.total(bounds.end(part.end)) if on_end(part.end) else 0
                windows += 1
            except RangeTooWideError as error:
                if part.seconds == 1:
                    raise  # no range is narrow enough
                waiting += _narrowed(part, error.days)
        return total, windows


async def starts_inclusive(counter: Counter, second: int) -> bool | None:
    """Find out whether ``from_date`` is inclusive, by one question or two.

    Nothing is taken for known that the API did not show: a record on the bound tells that it is inclusive;
    only one that is seen when it is asked for from earlier on can be missing there.

    Args:
        counter: Asks.
        second: Unix time; it held records when this was last known.

    Returns:
        The answer; ``None`` if it cannot be told here, because records came or went since.

    Raises:
        HarvestError: The API refuses, cannot be reached or answers in another time zone.
    """
    oldest, _ = await counter.shown(Question(second, second + 1))
    if oldest == second:
        return True
    oldest, _ = await counter.shown(Question(second - 1, second + 1))
    return False if oldest == second else None


def _narrowed(window: Window, days: int | None) -> Iterator[Window]:
    # The range that is asked may be two seconds longer than the window.
    half = window.seconds // 2
    step = max(1, min(half, days * _DAY - 2) if days else half)
    for start in range(window.start, window.end, step):
        yield Window(start, min(start + step, window.end))
