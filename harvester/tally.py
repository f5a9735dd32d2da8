"""What a run over the files of a lake has done, while it runs and at its end."""

from dataclasses import dataclass, field

from harvester.api.persistence import Meter
from harvester.lake.manifest import Entry
from harvester.window import Window


@dataclass(slots=True)
class Tally:
    """A run so far.

    Attributes:
        unharvested: Spans asked for that the lake does not hold: which files they have is not known.
        days: Days done.
        held: Files that an earlier run had stored.
        known_gone: Files that an earlier run found gone, and that were not asked for again.
        stored: Files stored by this run.
        stored_bytes: Their size.
        gone: Files that are not there, or not for this key: 403, 404 or 410.
        failed: What could not be had, for the time being.
        left: Files that were not asked for, since they are not finished or their host is down, by the reason.
        deletable: Recordings that could be deleted; counted when that is asked for and not confirmed.
        deletable_bytes: Their size.
        deleted: Recordings that the vendor deleted.
        absent: Recordings that were to be deleted and that the vendor did not have any more.
        spared: Recordings that were not deleted, and why.
        unknown: Deletions begun by an earlier run of which nobody wrote down how they ended.
    """

    unharvested: tuple[Window, ...] = ()
    days: int = 0
    held: int = 0
    known_gone: int = 0
    stored: int = 0
    stored_bytes: int = 0
    gone: int = 0
    failed: list[Entry] = field(default_factory=list)
    left: dict[str, int] = field(default_factory=dict)
    deletable: int = 0
    deletable_bytes: int = 0
    deleted: int = 0
    absent: int = 0
    spared: list[tuple[Entry, str]] = field(default_factory=list)
    unknown: int = 0

    @property
    def settled(self) -> int:
        """Files that there is nothing more to do about."""
        return self.held + self.known_gone + self.stored + self.gone

    @property
    def has_unhad(self) -> bool:
        """Whether some files could not be had, or not be deleted."""
        return bool(self.failed or self.left or self.spared)


@dataclass(frozen=True, slots=True)
class FilesReport:
    """A run when it is over.

    Attributes:
        outcome: ``complete``, ``failures`` (some files could not be had, or not be deleted, or are not known,
            since their calls are not harvested), or ``interrupted``.
        tally: What it did.
        meter: What asking for files cost.
        seconds: How long it took.
    """

    outcome: str
    tally: Tally
    meter: Meter
    seconds: float

    @classmethod
    def of(cls, tally: Tally, meter: Meter, *, seconds: float, stopped: bool) -> "FilesReport":
        """The report of a run that came to its end, by itself or because it was stopped."""
        outcome = "failures" if tally.unharvested else "complete"
        outcome = "failures" if tally.has_unhad else "interrupted" if stopped else outcome
        return cls(outcome, tally, meter, seconds)

    def as_json(self) -> dict[str, object]:
        """The report as plain JSON values."""
        plain = {name: getattr(self.tally, name) for name in self.tally.__slots__}
        return plain | {
            "outcome": self.outcome,
            "unharvested": [span.as_json() for span in self.tally.unharvested],
            "seconds": round(self.seconds, 3),
            "requests": self.meter.requests,
            "retries": self.meter.retries,
            "received": self.meter.bytes_received,
            "paused": self.meter.pauses,
            "cuts": self.meter.cuts,
            "failed": [entry.as_values() for entry in self.tally.failed],
            "spared": [{**entry.as_values(), "reason": reason} for entry, reason in self.tally.spared],
        }
