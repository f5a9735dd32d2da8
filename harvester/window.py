"""Half-open spans of whole UTC seconds, and their arithmetic."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import attrgetter

_BOUNDS = attrgetter("start", "end")


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """The span ``[start, end)``: ``start`` belongs to it, ``end`` does not.

    Attributes:
        start: First second, as Unix time.
        end: First second after it, as Unix time; always greater than ``start``.
    """

    start: int
    end: int

    def __post_init__(self) -> None:
        if self.start >= self.end:
            raise ValueError(f"a window needs at least one second: [{self.start}, {self.end})")

    @property
    def seconds(self) -> int:
        """Its length in seconds, at least 1."""
        return self.end - self.start

    def __contains__(self, second: int) -> bool:
        return self.start <= second < self.end

    def __str__(self) -> str:
        return f"[{as_text(self.start)}, {as_text(self.end)})"

    def as_json(self) -> dict[str, str]:
        """As plain JSON values, half-open, UTC."""
        return {"from": as_text(self.start), "to": as_text(self.end)}

    def holds(self, other: "Window") -> bool:
        """Whether every second of ``other`` is one of its own."""
        return self.start <= other.start and other.end <= self.end

    def meets(self, other: "Window") -> bool:
        """Whether a second is in both."""
        return self.start < other.end and other.start < self.end

    def overlap(self, other: "Window") -> "Window | None":
        """The seconds in both, or ``None``."""
        start, end = max(self.start, other.start), min(self.end, other.end)
        return Window(start, end) if start < end else None


@dataclass(frozen=True, slots=True)
class Gap:
    """A span that could not be proven complete.

    Attributes:
        window: The span.
        expected: What the API says it holds; ``None`` if it gave no usable total.
        received: Distinct records received of it.
        reason: Why it is not proven.
    """

    window: Window
    expected: int | None
    received: int
    reason: str

    def as_json(self) -> dict[str, object]:
        """As plain JSON values; the span half-open, UTC."""
        found = {"expected": self.expected, "received": self.received, "reason": self.reason}
        return {**self.window.as_json(), **found}


def merged(windows: Iterable[Window]) -> tuple[Window, ...]:
    """The same seconds as the fewest disjoint windows, oldest first."""
    spans: list[list[int]] = []
    for window in sorted(windows, key=_BOUNDS):  # not by its own order: there may be a hundred thousand
        if spans and window.start <= spans[-1][1]:
            spans[-1][1] = max(spans[-1][1], window.end)
        else:
            spans.append([window.start, window.end])
    return tuple(Window(start, end) for start, end in spans)


def subtract(window: Window, covered: Iterable[Window]) -> tuple[Window, ...]:
    """The seconds of ``window`` that no window of ``covered`` holds, as disjoint windows, oldest first."""
    rest: list[Window] = []
    start = window.start
    for cover in merged(covered):
        if cover.end <= start:
            continue
        if cover.start >= window.end:
            break
        if cover.start > start:
            rest.append(Window(start, cover.start))
        start = cover.end
    if start < window.end:
        rest.append(Window(start, window.end))
    return tuple(rest)


def shares(windows: Iterable[Window], span: Window) -> list[Window]:
    """What each of ``windows`` has in common with ``span``, in their order."""
    return [share for window in windows if (share := window.overlap(span))]


def as_second(text: str) -> int:
    """The Unix time that ``as_text`` writes so."""
    return int(datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC).timestamp())


def as_text(second: int) -> str:
    """Unix time as the vendor writes it: ``YYYY-MM-DD HH:MM:SS``, UTC."""
    # Not strftime, which takes twice as long, and leaves out the nought of the year 0999.
    return datetime.fromtimestamp(second, UTC).isoformat(" ")[: len("YYYY-MM-DD HH:MM:SS")]
