"""What one seed means, as values: a history, an API, and the lives of the program, one after the other."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from harvester.datasets import Dataset
from harvester.emulator import Behaviour, Fault
from harvester.window import Window
from tests.simulation.history import Session
from tests.simulation.network import CLEAR, Weather


@dataclass(frozen=True, slots=True)
class Death:
    """How a life ends before its time.

    Attributes:
        operation: Killed right before so many file operations are done; 0 for never.
        after: Killed when so many seconds have passed.
        stopped: Asked to stop when so many seconds have passed.
        done: Killed when the vendor did so many things, before it hears of the last one; 0 for never.
        power: A kill is a power cut: what was written to the spool last is torn.
    """

    operation: int = 0
    after: float | None = None
    stopped: float | None = None
    power: bool = False
    done: int = 0

    @property
    def kills(self) -> bool:
        """Whether it may be a kill."""
        return bool(self.operation or self.done) or self.after is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """One start of the program.

    Attributes:
        window: The range asked for.
        pause: Seconds since the end of the life before.
        does: Which command it is.
        death: How it ends before its time.
        faults: Of the API.
        weather: Of the network.
        behaviour: Of the API.
        settings: Of the job.
        delete: Whether what is on disk is to be deleted at the vendor: not, only counted, or really.
        broken_files: Faults of the storage.
        may_fail: Failures that it may end with, by the names of their classes.
        last: Whether this is the calm in which everything must be brought to an end.
    """

    window: Window
    pause: float
    behaviour: Behaviour
    does: Literal["harvest", "repair", "verify", "sync", "recordings"] = "harvest"
    death: Death = Death()
    faults: tuple[Fault, ...] = ()
    weather: Weather = CLEAR
    settings: Mapping[str, Any] = field(default_factory=dict)
    delete: Literal["", "counted", "confirmed"] = ""
    broken_files: tuple[Fault, ...] = ()
    may_fail: frozenset[str] = frozenset()
    last: bool = False

    @property
    def limited(self) -> bool:
        """Whether the API refuses what comes too fast."""
        return bool(self.behaviour.requests_per_second or self.behaviour.most_in_flight)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One seed, drawn.

    Attributes:
        seed: The seed.
        dataset: Caps and fields.
        partition: ``hour``, ``day`` or ``month``.
        window: The whole range.
        begins: Unix time of the first life, less its pause.
        settle: Seconds after which history is final.
        active_lag: Seconds after which running sessions are taken as they are.
        sessions: The history.
        lives: The lives; the last is calm.
        beyond: Seconds that no way of asking may reach.
        form: What the records look like; empty for calls as they are drawn.
        tables: ``nested`` or ``flat``.
        switches: Parts of a record that are not asked for, by option.
        by_report: Whether some of it is read by report.
        still: Whether nothing but kills can make the program order a report again.
        files: Whether the files behind the calls are fetched, too.
    """

    seed: int
    dataset: Dataset
    partition: str
    window: Window
    begins: float
    settle: int
    active_lag: int
    sessions: tuple[Session, ...]
    lives: tuple[Life, ...]
    beyond: frozenset[int]
    form: str = ""
    tables: str = "nested"
    switches: Mapping[str, bool] = field(default_factory=dict)
    by_report: bool = False
    still: bool = False
    files: bool = False
