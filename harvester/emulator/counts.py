"""What the emulator was asked, and when."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from harvester.emulator.parameters import USUAL_COUNT, integer, second, truth
from harvester.emulator.refusals import Refusal

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Asked:
    """One request, and what came of it.

    Attributes:
        arrived: When, by the loop's clock.
        method: What it asked for; empty if it did not say.
        parameters: The vendor's names and the values as sent, however they were sent.
        error: Code of the error envelope that was the answer, if it was one.
        status: The HTTP status of the answer; 0 if there was none.
        rows: Records in the answer, before a fault changed it.
        fault: The kind of fault it met, if any.
    """

    arrived: float
    method: str
    parameters: Mapping[str, str]
    error: int | None = None
    status: int = 200
    rows: int = 0
    fault: str | None = None

    @property
    def start(self) -> int | None:
        """``from_date`` as Unix seconds; ``None`` if there is none that can be read."""
        return _readable(lambda: second(self.parameters, "from_date"))

    @property
    def end(self) -> int | None:
        """``to_date`` as Unix seconds; likewise."""
        return _readable(lambda: second(self.parameters, "to_date"))

    @property
    def offset(self) -> int | None:
        """Records to skip; ``None`` if that cannot be read."""
        return _readable(lambda: integer(self.parameters, "offset") or 0)

    @property
    def count(self) -> int | None:
        """Records asked for; likewise."""
        return _readable(lambda: integer(self.parameters, "count") or USUAL_COUNT)

    @property
    def descending(self) -> bool | None:
        """Whether the youngest were asked for first; likewise."""
        return _readable(lambda: truth(self.parameters, "desc_order", default=False))

    @property
    def with_total(self) -> bool | None:
        """Whether the total was asked for; likewise."""
        return _readable(lambda: truth(self.parameters, "with_total_count", default=True))


class Counts:
    """The requests since the last reset."""

    def __init__(self) -> None:
        self.requests: list[Asked] = []
        self.arrivals: list[float] = []
        self.in_flight = 0
        self.most_in_flight = 0

    def arrived(self, at: float) -> int:
        """Count a request; return its number, from 1."""
        self.arrivals.append(at)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        return len(self.arrivals)

    def left(self) -> None:
        """Count a request out, answered or not."""
        self.in_flight -= 1

    def reset(self) -> None:
        """Forget all requests but those in flight."""
        self.requests.clear()
        self.arrivals.clear()
        self.most_in_flight = self.in_flight

    def totals(self) -> dict[str, object]:
        """Everything counted, as JSON can hold it."""
        return {
            "requests": len(self.arrivals),
            "rows": sum(asked.rows for asked in self.requests),
            "errors": dict(Counter(str(asked.error) for asked in self.requests if asked.error is not None)),
            "statuses": dict(Counter(str(asked.status) for asked in self.requests)),
            "faults": dict(Counter(asked.fault for asked in self.requests if asked.fault is not None)),
            "busiest_second": busiest_second(self.arrivals),
            "most_in_flight": self.most_in_flight,
        }


def busiest_second(arrivals: Iterable[float]) -> int:
    """Most arrivals in any sliding second ``[t, t + 1)``."""
    moments = sorted(arrivals)
    most = first = 0
    for last, moment in enumerate(moments):
        while moment - moments[first] >= 1.0:
            first += 1
        most = max(most, last - first + 1)
    return most


def _readable(read: Callable[[], T]) -> T | None:
    try:
        return read()
    except Refusal:
        return None
