"""What the emulator was asked, and when."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Asked:
    """One request, and what came of it.

    Attributes:
        at: When it arrived, by the loop's clock.
        method: What it asked for; empty if it did not say.
        parameters: The vendor's names and the values as sent, however they were sent.
        error: The error code of the answer, if it is an error envelope.
        status: The HTTP status of the answer; 0 if there was none.
        rows: Records in the answer, before a fault changed it.
        fault: The kind of fault it met, if any.
    """

    at: float
    method: str
    parameters: Mapping[str, str]
    error: int | None = None
    status: int = 200
    rows: int = 0
    fault: str | None = None


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
