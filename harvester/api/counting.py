"""How many records the API counts, without fetching them."""

from collections.abc import Iterator, Mapping
from typing import Protocol

from harvester.api.protocol import Answer, Page
from harvester.api.question import Bounds, Question
from harvester.datasets import Dataset
from harvester.errors import MalformedAnswerError, RangeTooWideError
from harvester.window import Window

_DAY = 86_400


class Api(Protocol):
    """Asks the vendor."""

    async def fetch(self, method: str, parameters: Mapping[str, str]) -> tuple[Answer, Page]:
        """One answer, and what it says."""
        ...


class Counter:
    """Asks for totals."""

    def __init__(self, api: Api, dataset: Dataset, shared: Mapping[str, str]) -> None:
        """Use ``shared`` (filters and switches) with every question."""
        self._api = api
        self._dataset = dataset
        self._shared = shared

    async def total(self, question: Question) -> int:
        """The API's total of one question.

        Raises:
            MalformedAnswerError: It gives none.
            HarvestError: The API refuses, or cannot be reached.
        """
        parameters = question.parameters(self._dataset, 0, with_total=True) | {"count": "1"}
        _, page = await self._api.fetch(self._dataset.method, {**self._shared, **parameters})
        if page.total is None:
            raise MalformedAnswerError("the API gives no total")
        return page.total

    async def count(self, window: Window, bounds: Bounds) -> tuple[int, int]:
        """How many records a window holds.

        Returns:
            The count, and in how many windows it was asked: more than one if the API refuses wide ranges.

        Raises:
            MalformedAnswerError: It gives no total.
            RangeTooWideError: It refuses a single second, too.
            HarvestError: The API refuses, or cannot be reached.
        """
        waiting, total, windows = [window], 0, 0
        while waiting:
            part = waiting.pop()
            try:
                total += await self.total(bounds.question(part))
                windows += 1
            except RangeTooWideError as error:
                if part.seconds == 1:
                    raise  # no range is narrow enough
                waiting += _narrowed(part, error.days)
        return total, windows


async def inclusive(counter: Counter, rows: Mapping[int, int]) -> tuple[bool, bool] | None:
    """Find out by two questions whether ``from_date`` and ``to_date`` are inclusive.

    Args:
        counter: Asks for totals.
        rows: How many records lie in each second, Unix time, from the first to the last given. The second
            after the first holds another number than the first, or none and is left out; the last is younger.

    Returns:
        The two answers; ``None`` if the API counts other records there.

    Raises:
        HarvestError: The API refuses, or cannot be reached.
    """
    first, last = min(rows), max(rows)
    whole = await counter.total(Question(first, last))
    less = await counter.total(Question(first + 1, last))
    # The two differ by what the bound moved over: the first second, or the one after it.
    with_first = whole - less == rows[first]
    rest = whole - rows[first] * with_first - (sum(rows.values()) - rows[first] - rows[last])
    if whole - less not in (rows[first], rows.get(first + 1, 0)) or rest not in (0, rows[last]):
        return None
    return with_first, rest > 0


def _narrowed(window: Window, days: int | None) -> Iterator[Window]:
    # The range that is asked may be two seconds longer than the window.
    half = window.seconds // 2
    step = max(1, min(half, days * _DAY - 2) if days else half)
    for start in range(window.start, window.end, step):
        yield Window(start, min(start + step, window.end))
