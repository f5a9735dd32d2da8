"""The judge of a simulated run: knows the account's truth, and demands the promises of the design."""

import json
from collections.abc import Iterable, Sequence
from fcntl import LOCK_EX, LOCK_NB, flock
from math import inf

from harvester.datasets import Kind
from harvester.lake.layout import Granularity, partitions
from harvester.window import Window, as_second, merged, subtract
from tests.simulation.history import Session
from tests.simulation.lake import SeenLake, WrongError, demand
from tests.simulation.scenario import Scenario
from tests.simulation.tables import Row, plain

_SECRETS = (b"eyJhbGciOi", b"eyJ0eXAiOi", b"PRIVATE KEY", b"Bearer ")


class Judge:
    """Looks at one lake, again and again."""

    def __init__(self, scenario: Scenario, lake: SeenLake) -> None:
        """Judge ``lake`` by the sessions of ``scenario``."""
        self._scenario = scenario
        self._lake = lake
        self._sessions = {session.key: session for session in scenario.sessions}
        self._names = [field.name for field in scenario.dataset.fields]
        self._lists = {
            field.name: [item.name for item in field.fields]
            for field in scenario.dataset.fields
            if field.kind is Kind.LIST
        }
        self._rows: dict[tuple[int, bool], Row] = {}
        self._digits = {field.name for field in scenario.dataset.fields if field.kind is Kind.DIGITS}

    def look(self, now: float) -> None:
        """Whatever readers see is whole, proven and true (P2, P3, P4), and was decided on (P5).

        Args:
            now: Unix time.

        Raises:
            WrongError: It is not.
        """
        self._lake.turn()
        files = self._lake.files()
        keys = [row[0] for file, _ in files.values() for row in file.rows]
        demand(len(keys) == len(set(keys)), "P2: a key comes twice")
        place = self._names.index(self._scenario.dataset.time_field)
        news = [(name, file) for name, (file, is_new) in files.items() if is_new]
        known = self._lake.ledger().known if news else ()
        for name, file in news:
            if file.apart:  # between two renames, or killed there; it is looked at again when it changes
                demand(
                    name in self._lake.ledger().decided, f"P4: {name} and its lists do not belong together"
                )
                continue
            for other, _ in file.others:
                demand((other, self._lake.digest(other)) in known, f"P5: nobody decided on {other}")
            demand((name, self._lake.digest(name)) in known, f"P5: {name} is there, and nobody decided so")
            in_order = sorted(file.rows, key=lambda row: (row[place], row[0]))
            demand(list(file.rows) == in_order, f"{name} is not sorted")
            for row in file.rows:
                self._demand_true(name, row, file.covers, now)
            self._demand_steady(file.covers, file.rows)

    def compare(self, now: float, *, owned: bool) -> list[str]:
        """The ledger says the same as the files (P4), and whoever publishes holds the lock (P6).

        Args:
            now: Unix time.
            owned: Whether a run owns the lake now.

        Returns:
            The hashes of the files.

        Raises:
            WrongError: It does not.
        """
        self.look(now)
        if owned:
            self._demand_locked()
        files, ledger = self._lake.files(), self._lake.ledger()
        # While a start finishes what a kill interrupted, further files may be there and not written down.
        known = {path: file for path, (file, _) in files.items() if path not in ledger.decided}
        told = {path: rows for path, rows, _ in ledger.published}
        held = {path: len(file.rows) for path, file in known.items()}
        held |= {path: rows for file in known.values() for path, rows in file.others}
        demand(told == held, f"P4: files and ledger differ: {held}, {told}")
        for path, _, digest in ledger.published:
            demand(self._lake.digest(path) == digest, f"P4: {path} is not what the ledger tells")
        covered = merged(window for file in known.values() for window in file.covers)
        demand(not _outside(covered, ledger.coverage), "P4: a file covers what the ledger does not")
        self._demand_steady(ledger.coverage, (row for file, _ in files.values() for row in file.rows))
        return [digest for _, _, digest in ledger.published]

    def finish(self, now: float, *, began: float) -> None:
        """Everything is there, nothing else, and nothing is left over (P1, P3, P5, P8, P9).

        Args:
            now: Unix time.
            began: When the last life began, Unix time.

        Raises:
            WrongError: It is not so.
        """
        self.look(now)
        ledger, asked = self._lake.ledger(), self._scenario.window
        damage = self._lake.damage()
        demand(damage == "ok", f"the ledger is damaged: {damage}")
        demand(not ledger.decided, "P5: a publication was left in the middle")
        for gap in ledger.gaps:
            demand(any(second in gap for second in self._scenario.beyond), f"P1: no reason for the gap {gap}")
        if not ledger.gaps:
            demand(ledger.coverage == (asked,), f"P1: {ledger.coverage} is covered, {asked} was asked for")
            demand(not ledger.windows, "P5: windows are left in the ledger")
            for folder in ("spool", "tmp"):
                demand(not self._lake.left(folder), f"P8: {self._lake.left(folder)} are left in {folder}")
        granularity = Granularity(self._scenario.partition)
        held = [part.span for gap in ledger.gaps for part in partitions(granularity, gap)]
        missing = subtract(asked, ledger.coverage)
        demand(not _outside(missing, held), f"P1: of {missing}, some is no gap")
        if None not in ledger.facts.values() or all(map(self._is_steady, self._scenario.sessions)):
            # A partition with a gap is withheld: readers keep the file from before what changed there.
            self._demand_exact(began, now, [*missing, *held])
        self._demand_set_aside(ledger.coverage)
        self._demand_discreet()

    def _is_steady(self, session: Session) -> bool:
        """Whether a session was there whenever its second counted as final."""
        return session.appears <= session.second + self._scenario.settle and session.leaves == inf

    def _demand_true(self, name: str, row: Row, covers: Sequence[Window], now: float) -> None:
        session = self._sessions.get(row[0])
        if session is None or session.poisoned:
            raise WrongError(f"P3: {name} has a row of no session: {row}")
        # Not by demand(): for so many rows, the texts that nobody reads would take longer than the looks.
        if not any(session.second in window for window in covers):
            raise WrongError(f"P4: {row} lies outside of {name}")
        if session.appears > now:
            raise WrongError(f"P3: {row} comes from the future")
        wanted = self._wanted(session, running=session.ends == inf)
        if not self._is(row, wanted):
            raise WrongError(f"P3: {name} has {row}, should be {wanted}")

    def _demand_steady(self, covers: Sequence[Window], rows: Iterable[Row]) -> None:
        """What was there all the time in covered seconds is there."""
        keys = {row[0] for row in rows}
        for session in self._scenario.sessions:
            absent = session.key not in keys and not session.poisoned and self._is_steady(session)
            if absent and any(session.second in window for window in covers):
                raise WrongError(f"P1: covered, and not there: {session}")

    def _demand_exact(self, began: float, now: float, missing: Sequence[Window]) -> None:
        rows = {row[0]: row for file, _ in self._lake.files().values() for row in file.rows}
        for session in self._scenario.sessions:
            # What comes or goes during the last life may do so behind its last question.
            changed = any(began <= moment <= now for moment in (session.appears, session.leaves))
            if not changed and not any(session.second in window for window in missing):
                there = session.appears <= now < session.leaves and not session.poisoned
                wanted = self._wanted(session, running=now < session.ends) if there else None
                row = rows.get(session.key)
                if not self._is(row, wanted):
                    raise WrongError(f"P3: {row} should be {wanted}")

    def _demand_set_aside(self, coverage: Sequence[Window]) -> None:
        aside = self._lake.quarantined()
        for session in self._scenario.sessions:
            if session.poisoned and self._is_steady(session):
                covered = any(session.second in window for window in coverage)
                demand(session.key in aside or not covered, f"P3: not in quarantine: {session}")
        sound = [key for key in aside if not self._sessions[key].poisoned]
        demand(not sound, f"P3: in quarantine without a reason: {sound}")

    def _demand_locked(self) -> None:
        with (self._lake.workshop / "lock").open("rb") as lock:
            try:
                flock(lock, LOCK_EX | LOCK_NB)
            except BlockingIOError:
                return
        raise WrongError("P6: something was published without the lock")

    def _demand_discreet(self) -> None:
        for path in self._lake.root.rglob("*"):
            if path.is_file():
                content = path.read_bytes()
                demand(not any(secret in content for secret in _SECRETS), f"P9: a secret in {path.name}")

    def _wanted(self, session: Session, *, running: bool) -> Row:
        """The row of a session; made once, for it is looked at again and again."""
        which = session.key, running
        if which not in self._rows:
            self._rows[which] = self._row(session.record(running=running))
        return self._rows[which]

    def _row(self, record: dict[str, object]) -> Row:
        record = {**record, **{name: self._filled(name, record.get(name)) for name in self._lists}}
        known = {name: plain(record.get(name)) for name in self._names}
        time = self._scenario.dataset.time_field
        known[time] = as_second(str(record[time]))
        for name in self._digits & known.keys():
            known[name] = None if known[name] is None else int(str(known[name]))
        extra = {name: value for name, value in record.items() if name not in known}
        return (*known.values(), plain(json.dumps(extra)) if extra else None)

    def _is(self, row: Row | None, wanted: Row | None) -> bool:
        """Whether a row is the one that is wanted; the lines of a report may come in any order."""
        apart = self._scenario.by_report and row is not None and wanted is not None
        return row == wanted or (apart and _unordered(row) == _unordered(wanted))

    def _filled(self, name: str, elements: object) -> object:
        """A list as rows have it: all its objects with all their keys."""
        keys = self._lists[name]
        if not isinstance(elements, list) or all(len(element) == len(keys) for element in elements):
            return elements
        return [{key: element.get(key) for key in keys} for element in elements]


def _unordered(row: Row | None) -> list[object]:
    lists = isinstance(row, tuple) and [
        sorted(map(json.dumps, json.loads(value))) if str(value).startswith("[") else value for value in row
    ]
    return lists or []


def _outside(windows: Iterable[Window], others: Iterable[Window]) -> list[Window]:
    inside = list(others)
    return [rest for window in windows for rest in subtract(window, inside)]
