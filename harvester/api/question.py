"""What is asked for a window, while it is unknown whether the vendor's bounds belong to the range."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from harvester.datasets import Dataset
from harvester.window import Window, as_text


@dataclass(frozen=True, slots=True)
class Question:
    """A range as the vendor takes it, paged by offset.

    Attributes:
        start: ``from_date``, Unix seconds.
        end: ``to_date``, Unix seconds; at least ``start``.
        descending: Youngest first; only where the dataset ``descends``.
        sweep: Tells apart the same question asked again on purpose.
        only: Values that records must have, by field; see ``Dataset.narrowing``.
    """

    start: int
    end: int
    descending: bool = False
    sweep: int = 0
    only: tuple[tuple[str, str], ...] = ()

    def narrowed(self, field: str, value: str) -> "Question":
        """The same for the records with this value alone."""
        return replace(self, only=(*self.only, (field, value)))

    def key(self, offset: int) -> str:
        """Names a page in the spool."""
        order = "desc" if self.descending else "asc"
        only = "".join(f" {field}={value}" for field, value in self.only)
        return f"{self.start} {self.end} {offset} {order} {self.sweep}{only}"

    def parameters(self, dataset: Dataset, offset: int, count: int) -> dict[str, str]:
        """The page's parameters, beside those that every question of a run shares.

        Every page is asked for its total, though one without comes sooner: they are asked side by side, and a
        record that came while one of them was under way would take the place of another unseen.

        Args:
            dataset: Says which of them its method takes.
            offset: Records to pass over.
            count: Most records to send.
        """
        parameters = {
            "from_date": as_text(self.start),
            "to_date": as_text(self.end),
            "count": str(count),
            "offset": str(offset),
        }
        if dataset.descends:
            parameters["desc_order"] = "true" if self.descending else "false"
        if dataset.asks_total:
            parameters["with_total_count"] = "true"
        return parameters | {dataset.filters[field].parameter: value for field, value in self.only}


class Bounds:
    """Learns whether ``from_date`` is inclusive; the vendor says so of neither bound.

    Until it is known that it belongs to the range, one second more is asked there: right if it does not, and
    a few records too many, which are cut away, if it does. Beyond the end one second more is asked always:
    even a record on ``to_date`` is no proof that it belongs to the range with all others of its second, since
    the vendor may keep fractions of seconds that it does not show, and use them in some years only.

    Attributes:
        from_inclusive: Whether a record on ``from_date`` belongs to the answer; ``None`` if it is not known.
    """

    def __init__(self, known: Mapping[str, object]) -> None:
        """Start from what earlier runs learned (``facts``)."""
        told = known.get("from_inclusive")
        self.from_inclusive = told if isinstance(told, bool) else None

    @property
    def facts(self) -> dict[str, bool | None]:
        """What is known, for the next run."""
        return {"from_inclusive": self.from_inclusive}

    def question(self, window: Window) -> Question:
        """The narrowest question that surely holds ``window``."""
        return next(self.questions(window))

    def questions(self, window: Window) -> Iterator[Question]:
        """Every question that surely holds ``window``, the narrowest first.

        A run that knew less asked a wider one. A narrower one, though a run may have asked it that knew more,
        may as well be that of a part of the window: its answers would prove the window without the rest.
        """
        for start in (window.start, window.start - 1)[not self.from_inclusive :]:
            yield Question(start, window.end)

    def second(self, second: int) -> Question:
        """The question for one second."""
        return self.question(Window(second, second + 1))

    def end(self, second: int) -> Question:
        """The question for what the question of a window that ends at ``second`` holds beyond it."""
        return Question(second - (self.from_inclusive is False), second)

    def observe(self, question: Question, oldest: int) -> None:
        """Learn from the oldest second of an answer."""
        self.from_inclusive = oldest == question.start or self.from_inclusive

    def miss_start(self) -> None:
        """Learn that a record which is known to lie on ``from_date`` did not come."""
        self.from_inclusive = False
