"""Ledger and catalog as a worker sees them: each call is carried out by the owner of the lake."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from harvester.lake.entries import Intent, ProvenWindow, Publication
from harvester.lake.quarantine import Misfit
from harvester.processes.messages import Caller
from harvester.window import Gap, Window


class RemoteLedger:
    """The windows of the run; see ``Ledger``."""

    def __init__(self, call: Caller) -> None:
        self._call = call

    def facts(self) -> dict[str, Any]:
        """What was learned about the API, by other workers too."""
        facts: dict[str, Any] = self._call("facts")
        return facts

    def learn(self, facts: Mapping[str, object]) -> None:
        """Keep ``facts`` beside what is known already."""
        self._call("learn", dict(facts))

    def record(
        self,
        leased: Window,
        *,
        proven: Iterable[ProvenWindow] = (),
        waiting: Iterable[Window] = (),
        gaps: Iterable[Gap] = (),
        run: int,
    ) -> None:
        """Replace a leased window by what became of it."""
        parts = {"proven": tuple(proven), "waiting": tuple(waiting), "gaps": tuple(gaps)}
        self._call("record", leased, **parts, run=run)

    def keep(self, window: Window, misfits: Sequence[Misfit]) -> None:
        """Write down the misfits of a window; see ``quarantine.keep``."""
        self._call("keep", window, tuple(misfits))


class RemoteCatalog:
    """The published files; see ``Catalog``."""

    def __init__(self, call: Caller, epoch: int) -> None:
        self._call = call
        self._epoch = epoch

    @property
    def epoch(self) -> int:
        """Of the owner of the lake."""
        return self._epoch

    def coverage(self) -> tuple[Window, ...]:
        """The proven and published seconds."""
        windows: tuple[Window, ...] = self._call("coverage")
        return windows

    def published(self, within: Window | None = None) -> list[Publication]:
        """The files that readers see and that share a second with ``within``."""
        files: list[Publication] = self._call("published", within)
        return files

    def has_file(self, span: Window) -> bool:
        """Whether readers see a file of the partition ``span``."""
        return bool(self._call("has_file", span))

    def has_gap(self, span: Window) -> bool:
        """Whether a second of ``span`` could not be proven when it was last read."""
        return bool(self._call("has_gap", span))

    def has_damage(self, span: Window) -> bool:
        """Whether verify found the file wrong that readers see of ``span``."""
        return bool(self._call("has_damage", span))

    def intend(self, intents: Iterable[Intent], run: int) -> None:
        """Decide to publish."""
        self._call("intend", tuple(intents), run)

    def publish(
        self,
        publications: Sequence[Publication],
        run: int,
        *,
        empty: Iterable[Window] = (),
        left: Iterable[Window] = (),
        anew: Sequence[Window] = (),
    ) -> list[Window]:
        """Write down that files are visible; returns the windows whose answers are no longer needed."""
        seconds = {"empty": tuple(empty), "left": tuple(left), "anew": tuple(anew)}
        done: list[Window] = self._call("publish", tuple(publications), run, **seconds)
        return done
