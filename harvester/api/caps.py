"""How much can be asked for at a time, where the vendor does not say: it is found by asking."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

from harvester.api.pages import ContradictionError, ReadPage
from harvester.datasets import Dataset

# Codes that say a figure is out of its range, or just invalid; which of them, the vendor does not say.
_OUT_OF_RANGE = {101, 496, 497}


class CapError(ContradictionError):
    """The API serves less at a time than was asked for: what was begun is read again by what is known now."""

    def __init__(self) -> None:
        super().__init__("the API serves less at a time than was asked for")


class Caps:
    """Most records of a page, and the largest offset.

    Where the vendor publishes them, they are what it says. Else they begin with the dataset's figures and are
    lowered by what the API shows: it refuses a figure, sends fewer records than there are, or sends the same
    page for another offset. They never rise, so learning ends; too low a figure costs requests, no records.

    Attributes:
        page_size: Records to ask for at a time.
        max_offset: Largest offset to ask at.
    """

    def __init__(self, dataset: Dataset, known: Mapping[str, object] | None = None) -> None:
        """Start from the dataset, and from what earlier runs learned (``facts``)."""
        self.page_size = dataset.page_size
        self.max_offset = dataset.max_offset
        self._fixed = dataset.caps_published
        self._least = dataset.usual_count
        if not self._fixed and known is not None:
            self.page_size = _lower(known.get("page_size"), self.page_size, least=1)
            self.max_offset = _lower(known.get("max_offset"), self.max_offset, least=0)

    @property
    def facts(self) -> dict[str, int]:
        """What is known, for the next run; nothing if the vendor publishes it."""
        return {} if self._fixed else {"page_size": self.page_size, "max_offset": self.max_offset}

    @property
    def reach(self) -> int:
        """How many records of one question can be paged to, from one end."""
        return self.max_offset + self.page_size

    def refused(self, code: int, offset: int, count: int) -> bool:
        """Learn from a question that was refused; returns whether asking for less may help.

        Args:
            code: The API's.
            offset: What was asked at.
            count: How many records were asked for.
        """
        if self._fixed or code not in _OUT_OF_RANGE:
            return False
        if count > self.page_size or offset > self.max_offset:
            return True  # another answer told meanwhile
        if offset:  # the count alone was served: a question is paged after its first page came
            self.max_offset = max(0, offset - count)
            return True
        self.page_size = max(self._least, count // 2)
        return self.page_size < count

    def served(self, page: ReadPage) -> bool:
        """Learn from the first page of a question; returns whether it is shorter than it should be.

        What the API sends unasked, it sends: a page that is shorter still says nothing of the cap.
        """
        wanted = min(self.page_size, page.total or 0)
        if self._fixed or not self._least <= page.count < wanted:
            return False
        self.page_size = page.count
        return True

    def check(self, offsets: Sequence[int], pages: Sequence[ReadPage]) -> None:
        """Learn from pages of one question, oldest first, that came for ``offsets``.

        Raises:
            CapError: One came for an offset that was lowered: it holds more records than there are from its
                offset on, or begins before the page before it ends, or is that page.
        """
        if self._fixed:
            return
        # The highest: a record that came meanwhile is no sign of a cap.
        total = max((page.total for page in pages if page.total is not None), default=0)
        for (asked, before), (offset, page) in pairwise(zip(offsets, pages, strict=True)):
            if page.count and (page.count > total - offset or _again(before, page)):
                self.max_offset = min(self.max_offset, asked)
                raise CapError


def _again(before: ReadPage, page: ReadPage) -> bool:
    if before.youngest is None or page.oldest is None:
        return False
    return before.youngest > page.oldest or bool(page.batch.equals(before.batch))


def _lower(known: object, most: int, *, least: int) -> int:
    return min(known, most) if type(known) is int and known >= least else most
