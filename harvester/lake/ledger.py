"""The lake's memory of what it is and what was asked: identity, runs, windows, gaps.

Every method that writes is one transaction, durable when it returns.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from harvester.account import apart
from harvester.errors import LakeError
from harvester.lake.database import Database, to_json
from harvester.lake.entries import ProvenWindow, RunRecord, Suspect
from harvester.lake.gaps import Gaps
from harvester.lake.identity import check_apart, compare
from harvester.window import Gap, Window, subtract


class Ledger:
    """The ledger as seen by one dataset of the lake."""

    def __init__(self, database: Database, name: str) -> None:
        self._database = database
        self._name = name
        self._gaps = Gaps(database, name)

    def check(self, account_id: int, identity: Mapping[str, object]) -> bool:
        """Whether the dataset has begun; bound it may be to this account and this identity only.

        Raises:
            LakeError: The lake or the dataset is bound to others, or only some of its datasets would keep
                accounts apart.
        """
        self.check_account(account_id)
        kept = self.identity()
        if kept is None:
            check_apart(self._name, names(self._database))
        else:
            compare(self._name, kept, json.loads(to_json(identity)))
        return kept is not None

    def check_account(self, account_id: int) -> None:
        """See that the lake is bound to nobody but this account.

        Raises:
            LakeError: It is bound to another.
        """
        owner = self.account()
        if owner is not None and owner != account_id:
            raise LakeError(f"this lake holds account {owner}, not {account_id}; give another --lake")

    def claim(self, account_id: int, identity: Mapping[str, object], now: float) -> None:
        """Bind the lake to an account and the dataset to its identity, or check that they are bound to these.

        Raises:
            LakeError: As by ``check``.
        """
        if self.check(account_id, identity):
            return
        with self._database.transaction():
            if self.account() is None:
                self._database.insert("lake", account_id, now)
            self._database.insert("dataset", self._name, to_json(identity), "{}")

    def identity(self) -> dict[str, Any] | None:
        """What the dataset was started with; ``None`` before its first run."""
        row = self._database.one("SELECT identity FROM dataset WHERE name = ?", self._name)
        identity: dict[str, Any] | None = json.loads(row[0]) if row else None
        return identity

    def facts(self) -> dict[str, Any]:
        """What earlier runs learned about the API."""
        row = self._database.one("SELECT facts FROM dataset WHERE name = ?", self._name)
        facts: dict[str, Any] = json.loads(row[0]) if row else {}
        return facts

    def learn(self, facts: Mapping[str, object]) -> None:
        """Keep ``facts`` beside what is known already."""
        known = to_json(self.facts() | dict(facts))
        self._database.write("UPDATE dataset SET facts = ? WHERE name = ?", known, self._name)

    def begin(self, window: Window, now: float, *, number: int | None = None) -> int:
        """Write down that a run over ``window`` starts; returns its number: the next one, or ``number``."""
        return self._database.write(
            "INSERT INTO run (id, name, start, stop, started) VALUES (?, ?, ?, ?, ?)",
            number,
            self._name,
            window.start,
            window.end,
            now,
        )

    def end(self, run: int, now: float, outcome: str, summary: Mapping[str, object]) -> None:
        """Write down how a run ended."""
        query = "UPDATE run SET ended = ?, outcome = ?, summary = ? WHERE id = ?"
        self._database.write(query, now, outcome, to_json(summary), run)

    def runs(self, limit: int) -> list[RunRecord]:
        """The last ``limit`` runs, newest first."""
        rows = self._database.all(
            "SELECT id, start, stop, started, ended, outcome, summary FROM run"
            " WHERE name = ? ORDER BY id DESC LIMIT ?",
            self._name,
            limit,
        )
        return [
            RunRecord(number, Window(start, stop), started, ended, outcome, json.loads(summary or "{}"))
            for number, start, stop, started, ended, outcome, summary in rows
        ]

    def forget_runs(self, keep: int) -> None:
        """Forget all but the last ``keep`` runs, and those by which a file, a gap or a decision stands."""
        last = "SELECT id FROM run WHERE name = ? ORDER BY id DESC LIMIT ?"
        named = "SELECT run FROM published UNION SELECT run FROM gap UNION SELECT run FROM intent"
        query = f"DELETE FROM run WHERE name = ? AND id NOT IN ({last}) AND id NOT IN ({named})"  # noqa: S608  (constants)
        self._database.write(query, self._name, self._name, keep)

    def open_windows(self) -> tuple[Window, ...]:
        """Windows still to be read whose first answers may lie in the spool, oldest first."""
        query = "SELECT start, stop FROM window WHERE name = ? AND state = 'open' ORDER BY start"
        return tuple(Window(*row) for row in self._database.all(query, self._name))

    def proven_windows(self) -> list[ProvenWindow]:
        """Windows that were read and wait for publishing, oldest first."""
        query = "SELECT start, stop, rows FROM window WHERE name = ? AND state = 'proven' ORDER BY start"
        rows = self._database.all(query, self._name)
        return [ProvenWindow(Window(start, stop), count) for start, stop, count in rows]

    def window_starts(self) -> set[int]:
        """The first seconds of all windows whose answers may lie in the spool."""
        query = "SELECT start FROM window WHERE name = ?"
        return {start for (start,) in self._database.all(query, self._name)}

    def record(
        self,
        leased: Window,
        *,
        proven: Iterable[ProvenWindow] = (),
        waiting: Iterable[Window] = (),
        gaps: Iterable[Gap] = (),
        run: int,
    ) -> None:
        """Replace a leased window by what became of it: proven parts, windows still to be read, gaps.

        Gaps that an earlier reading left stay until what was read in their place is published: a run that is
        killed before, or refused, leaves them as they were.
        """
        with self._database.transaction():
            self._forget(leased)
            for part in proven:
                self._keep(part.window, "proven", part.rows)
            for window in waiting:
                self._keep(window, "open", 0)
            for gap in gaps:
                self._gaps.note(gap, run)

    def leave(self, gaps: Iterable[Gap], run: int) -> None:
        """Write down what was not even read, in place of the gaps there; what waits there goes on waiting."""
        with self._database.transaction():
            for gap in gaps:
                self._gaps.note(gap, run)

    def forget(self, windows: Iterable[Window]) -> None:
        """Drop windows that no longer fit what is asked."""
        with self._database.transaction():
            for window in windows:
                self._forget(window)

    def gaps(self) -> list[Gap]:
        """What could not be proven so far, oldest first."""
        return self._gaps.all()

    def accuse(
        self, found_by: str, suspects: Iterable[Suspect], now: float, *, within: Window | None = None
    ) -> None:
        """Keep what verify or sync found by one kind of check, in place of what was found by that before.

        What was found before goes if it lies in ``within``, where the check was made; ``None`` is everywhere.

        Where the API counts otherwise today, answers from before are not to be replayed: their windows are
        forgotten, and what these hold beyond is still to be read.
        """
        with self._database.transaction():
            start, end = (within.start, within.end) if within else (-(2**62), 2**62)
            query = "DELETE FROM suspect WHERE name = ? AND found_by = ? AND start >= ? AND stop <= ?"
            self._database.write(query, self._name, found_by, start, end)
            for item in suspects:
                span = item.window
                found = (item.found_by, item.reason, now)
                self._database.insert("suspect", self._name, span.start, span.end, *found)
                if found_by == "count":
                    self._disbelieve(span)

    def suspects(self) -> list[Suspect]:
        """What verify found wrong and is not mended yet, oldest first."""
        query = "SELECT start, stop, found_by, reason FROM suspect WHERE name = ? ORDER BY start, found_by"
        rows = self._database.all(query, self._name)
        return [Suspect(Window(start, stop), *found) for start, stop, *found in rows]

    def account(self) -> int | None:
        """The account that the lake is bound to."""
        row = self._database.one("SELECT account_id FROM lake")
        return row[0] if row else None

    def _keep(self, window: Window, state: str, rows: int) -> None:
        self._database.insert("window", self._name, window.start, window.end, state, rows)

    def _disbelieve(self, span: Window) -> None:
        """Forget the windows there; the rest of one that reaches beyond is to be read again."""
        query = "SELECT start, stop FROM window WHERE name = ? AND start < ? AND stop > ?"
        for row in self._database.all(query, self._name, span.end, span.start):
            window = Window(*row)
            self._forget(window)
            for rest in subtract(window, [span]):
                self._keep(rest, "open", 0)

    def _forget(self, window: Window) -> None:
        self._database.write("DELETE FROM window WHERE name = ? AND start = ?", self._name, window.start)


def names(database: Database) -> list[str]:
    """The datasets of a lake."""
    return [name for (name,) in database.all("SELECT name FROM dataset ORDER BY name")]


def chosen(database: Database, name: str | None) -> list[str]:
    """The dataset of this name, that of each account if accounts are kept apart, or all of the lake.

    Raises:
        LakeError: There is none of this name.
    """
    held = names(database)
    meant = [one for one in held if name in {None, one, apart(one)[0]}]
    if name is not None and not meant:
        raise LakeError(f"the lake holds no dataset {name!r}, only: {', '.join(held) or 'none'}")
    return meant
