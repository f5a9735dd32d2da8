"""What a run tells its user: while it runs, and at its end."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import reduce

from harvester.api.persistence import Meter
from harvester.window import Gap, Window, merged, subtract


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A run at one moment.

    Attributes:
        rows: Records proven so far, those in quarantine too.
        expected: Records in all, by the API's own totals; ``None`` before it was asked.
        windows: Windows proven.
        waiting: Windows waiting or being read.
        partitions: Partitions published.
        requests: Requests sent, retries included.
        retries: Those that repeat a failed one.
        received: Bytes received, as sent by the API.
        held: Arrow bytes held until their turn comes.
        gaps: Spans that could not be proven.
        paused: Seconds that everyone waited, because the API asked for it or was away.
    """

    rows: int
    expected: int | None
    windows: int
    waiting: int
    partitions: int
    requests: int
    retries: int
    received: int
    held: int
    gaps: int
    paused: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What a run, or one process of it, has done so far; those of several add up.

    Attributes:
        waiting: Windows waiting or being read.
        forecast: Records to be fetched from the seconds ``foreseen``, by the API's first totals.
        planned: Requests that this takes.
        foreseen: Seconds whose records the API has counted so far.
        left: When the records of ``running`` happened, Unix seconds.
        held: Arrow bytes held until their turn comes.

    The others are those of ``Report``.
    """

    windows: int = 0
    waiting: int = 0
    rows: int = 0
    replayed: int = 0
    quarantined: int = 0
    gaps: tuple[Gap, ...] = ()
    running: tuple[Window, ...] = ()
    left: tuple[int, ...] = ()
    stale: int = 0
    forecast: int = 0
    planned: int = 0
    foreseen: int = 0
    partitions: int = 0
    published_rows: int = 0
    published_bytes: int = 0
    withheld: int = 0
    held: int = 0
    requests: int = 0
    retries: int = 0
    received: int = 0
    paused: float = 0.0
    cuts: int = 0
    unknown: tuple[tuple[str, int], ...] = ()
    reports: int = 0
    lacking: tuple[str, ...] = ()

    def with_cost(self, meter: Meter) -> "Figures":
        """The same, and what asking has cost."""
        return self + Figures(
            requests=meter.requests,
            retries=meter.retries,
            received=meter.bytes_received,
            paused=meter.pauses,
            cuts=meter.cuts,
        )

    def __add__(self, other: "Figures") -> "Figures":
        sums = {name: getattr(self, name) + getattr(other, name) for name in self.__slots__}
        sums["paused"] = max(self.paused, other.paused)  # all wait at the same time
        sums["cuts"] = max(self.cuts, other.cuts)  # and slow down together
        sums["unknown"] = tuple(sorted((Counter(dict(self.unknown)) + Counter(dict(other.unknown))).items()))
        sums["lacking"] = tuple(sorted({*self.lacking, *other.lacking}))
        return Figures(**sums)

    def snapshot(self, seconds: int) -> Snapshot:
        """A run over so many seconds at this moment.

        Seconds that the API has not counted yet are taken to hold as many records as the others.
        """
        to_come = self.forecast * seconds / self.foreseen if self.foreseen else None
        return Snapshot(
            rows=self.rows + self.quarantined,
            expected=None if to_come is None else round(to_come) + self.replayed,
            windows=self.windows,
            waiting=self.waiting,
            partitions=self.partitions,
            requests=self.requests,
            retries=self.retries,
            received=self.received,
            held=self.held,
            gaps=len(self.gaps),
            paused=self.paused,
        )


def total(figures: Iterable[Figures]) -> Figures:
    """What they are together."""
    return reduce(Figures.__add__, figures, Figures())


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A run when it is over.

    Attributes:
        outcome: ``complete``, ``gaps`` or ``interrupted``.
        asked: The range asked for.
        settled: The part of it whose history counts as final; ``None`` if there is none yet.
        covered: Whether an earlier run had published all of it, so that nothing was asked.
        run: The run's number in the ledger; ``None`` if there was nothing to do, or to remember.
        seconds: How long it took.
        rows: Records proven by this run.
        replayed: Those of them that an earlier run had received.
        quarantined: Records that did not fit the schema.
        windows: Windows proven.
        partitions: Partitions published.
        published_rows: Rows of these partitions.
        published_bytes: Size of their files.
        requests: Requests sent, retries included.
        planned: Requests forecast from the first total; ``None`` if none was needed.
        retries: Requests repeated.
        received: Bytes received.
        paused: Seconds that everyone waited, because the API asked for it or was away.
        cuts: How often the rate was cut, since the API refused more.
        gaps: What could not be proven.
        doubted: What else of the range is known to be wrong or unproven, and this run was not about.
        running: Spans with records that are not final yet; left to a later run.
        stale: Records that claim not to be final, taken because they are too old to wait for.
        withheld: Partitions with a gap, not published.
        unknown: Keys that the schema does not know, and how often they came; kept in ``extra``.
        reports: Reports ordered.
        lacking: Fields that the reports have no column for; null in the rows that came by report.
        refused: Why the API refused the child account that was asked for; empty if it did not.
    """

    outcome: str
    asked: Window
    settled: Window | None
    covered: bool = False
    run: int | None = None
    seconds: float = 0.0
    rows: int = 0
    replayed: int = 0
    quarantined: int = 0
    windows: int = 0
    partitions: int = 0
    published_rows: int = 0
    published_bytes: int = 0
    requests: int = 0
    planned: int | None = None
    retries: int = 0
    received: int = 0
    paused: float = 0.0
    cuts: int = 0
    gaps: tuple[Gap, ...] = ()
    doubted: tuple[Window, ...] = ()
    running: tuple[Window, ...] = ()
    stale: int = 0
    withheld: int = 0
    unknown: tuple[tuple[str, int], ...] = ()
    reports: int = 0
    lacking: tuple[str, ...] = ()
    refused: str = ""

    @property
    def is_whole(self) -> bool:
        """Whether nothing of what was asked for is known to be missing."""
        return not (self.gaps or self.doubted or self.refused)

    def of(self, figures: Figures, *, seconds: int) -> "Report":
        """The same run, over so many seconds, with what it has done."""
        named = {name: getattr(figures, name) for name in Figures.__slots__ if name in self.__slots__}
        foreseen = figures.foreseen == seconds and not figures.reports
        return replace(
            self,
            **named
            | {
                "running": merged(figures.running),
                "planned": figures.planned if foreseen else None,
            },
        )

    def ended(self, doubts: Iterable[Window], *, stopped: bool = False) -> "Report":
        """The run at its end, stopped early or not; what is known to be wrong is not called complete."""
        gaps = [gap.window for gap in self.gaps]
        report = replace(self, doubted=tuple(rest for doubt in doubts for rest in subtract(doubt, gaps)))
        outcome = "interrupted" if stopped and not gaps else "complete" if report.is_whole else "gaps"
        return replace(report, outcome=outcome)

    def as_json(self) -> dict[str, object]:
        """The report as plain JSON values; spans as ``{"from", "to"}``, half-open, UTC."""
        plain = {name: getattr(self, name) for name in self.__slots__}
        return plain | {
            "asked": self.asked.as_json(),
            "settled": self.settled.as_json() if self.settled else None,
            "seconds": round(self.seconds, 3),
            "gaps": [gap.as_json() for gap in self.gaps],
            "doubted": [window.as_json() for window in self.doubted],
            "running": [window.as_json() for window in self.running],
            "unknown": dict(self.unknown),
        }
