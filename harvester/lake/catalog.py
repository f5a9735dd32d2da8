"""The ledger's account of what readers see: published files, the seconds they cover, intents on the way."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from harvester.lake.database import Database, to_json
from harvester.lake.entries import Intent, Part, Publication
from harvester.lake.gaps import Gaps
from harvester.window import Window, merged, shares, subtract

_FILE = "start, stop, path, rows, bytes, sha256, complete, parts"


class Publications(Protocol):
    """What the sink needs of a ``Catalog``, which may lie in another process."""

    @property
    def epoch(self) -> int:
        """Of the owner of the lake."""
        ...

    def coverage(self) -> tuple[Window, ...]:
        """The proven and published seconds."""
        ...

    def published(self, within: Window | None = None) -> list[Publication]:
        """The files that readers see and that share a second with ``within``."""
        ...

    def has_file(self, span: Window) -> bool:
        """Whether readers see a file of the partition ``span``."""
        ...

    def has_gap(self, span: Window) -> bool:
        """Whether a second of ``span`` could not be proven when it was last read."""
        ...

    def has_damage(self, span: Window) -> bool:
        """Whether verify found the file wrong that readers see of ``span``."""
        ...

    def intend(self, intents: Iterable[Intent], run: int) -> None:
        """Decide to publish."""
        ...

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
        ...


class Catalog:
    """The published side of one dataset. Every method that writes is one durable transaction."""

    def __init__(self, database: Database, name: str) -> None:
        self._database = database
        self._name = name
        self._gaps = Gaps(database, name)

    @property
    def epoch(self) -> int:
        """Of the owner that has the ledger open."""
        return self._database.epoch

    def coverage(self) -> tuple[Window, ...]:
        """The proven and published seconds: disjoint, oldest first."""
        query = "SELECT start, stop FROM coverage WHERE name = ? ORDER BY start"
        return tuple(Window(*row) for row in self._database.all(query, self._name))

    def published(self, within: Window | None = None) -> list[Publication]:
        """The files that readers see, oldest first: all, or those that share a second with ``within``."""
        start, end = (within.start, within.end) if within else (-(2**62), 2**62)
        query = f"SELECT {_FILE} FROM published"  # noqa: S608  (a constant)
        query += " WHERE name = ? AND stop > ? AND start < ? ORDER BY start"
        return [_publication(row) for row in self._database.all(query, self._name, start, end)]

    def covering(self, within: Window | None = None) -> list[Publication]:
        """The same, each with the seconds of it that are covered now; some may have been left open since."""
        coverage = self.coverage()
        return [replace(file, covers=tuple(shares(coverage, file.span))) for file in self.published(within)]

    def has_file(self, span: Window) -> bool:
        """Whether readers see a file of the partition ``span``."""
        query = "SELECT 1 FROM published WHERE name = ? AND start = ?"
        return self._database.one(query, self._name, span.start) is not None

    def has_gap(self, span: Window) -> bool:
        """Whether a second of ``span`` could not be proven when it was last read."""
        return self._gaps.meet(span)

    def has_damage(self, span: Window) -> bool:
        """Whether verify found the file wrong that readers see of ``span``, and it was not mended since."""
        query = "SELECT 1 FROM suspect WHERE name = ? AND start < ? AND stop > ? AND found_by = 'file'"
        return self._database.one(query, self._name, span.end, span.start) is not None

    def intend(self, intents: Iterable[Intent], run: int) -> None:
        """Decide to publish: from here on a crash is rolled forward if the renames happened, else back."""
        with self._database.transaction():
            for intent in intents:
                covers = to_json([(window.start, window.end) for window in intent.publication.covers])
                *values, parts = self._values(intent.publication, run)
                drafts = to_json([str(draft) for draft in intent.drafts])
                values += [str(intent.draft), covers, parts, drafts]
                self._database.insert("intent", *values)

    def intents(self) -> list[tuple[Intent, int]]:
        """Publications decided and not finished, each with the run that decided.

        Raises:
            LakeLockedError: Another owner has taken the lake over: they are its business.
        """
        query = f"SELECT {_FILE}, covers, run, draft, drafts FROM intent WHERE name = ?"  # noqa: S608  (constants)
        with self._database.transaction():
            rows = self._database.all(query, self._name)
        return [
            (Intent(_publication(file, covers), _draft(draft), tuple(map(_draft, json.loads(drafts)))), run)
            for *file, covers, run, draft, drafts in rows
        ]

    def withdraw(self, intents: Iterable[Intent]) -> None:
        """Take decisions back: these files did not become visible."""
        with self._database.transaction():
            for intent in intents:
                self._delete("intent", intent.publication.span)

    def retract(self, span: Window) -> None:
        """Nothing that readers see of the partition ``span`` is known any more, and nothing of it covered."""
        kept = [rest for window in self.coverage() for rest in subtract(window, [span])]
        with self._database.transaction():
            self._delete("published", span)
            self._cover(kept)

    def publish(
        self,
        publications: Sequence[Publication],
        run: int,
        *,
        empty: Iterable[Window] = (),
        left: Iterable[Window] = (),
        anew: Sequence[Window] = (),
    ) -> list[Window]:
        """Write down that files are visible and their seconds covered.

        What verify suspects, what could not be read again, and what this run is still to read anew counts as
        covered, but not as done: no window that lies there is forgotten.

        Args:
            publications: Files that were renamed into place.
            run: The run that did it.
            empty: Further seconds proven, in partitions without any record and so without a file.
            left: Seconds that this run read and leaves to a later one, which will ask for them anew.
            anew: Seconds that this run asks for, less those that it has published before; once they are
                published, nothing there is suspect any more, and nothing a gap.

        Returns:
            The windows whose seconds are now all done or left: their answers are no longer needed.
        """
        left = list(left)
        news = merged((*empty, *(window for item in publications for window in item.covers)))
        # A file that replaces another covers what it says, which may be less: a gap let through, say.
        replaced = [*(item.span for item in publications), *left]
        before = self.coverage()
        kept = [rest for window in before for rest in subtract(window, replaced)]
        covered = merged((*kept, *news))
        read = [share for window in news for share in shares(anew, window)]
        # What a crash left to be finished tells no longer what was read anew.
        read += [rest for window in news for rest in subtract(window, before)]
        with self._database.transaction():
            for item in publications:
                self._database.insert("published", *self._values(item, run))
                self._delete("intent", item.span)
            self._cover(covered)
            unsure = [*self._acquit([*read, *left]), *self._gaps.forget([*read, *left])]
            unsure += [rest for window in anew for rest in subtract(window, news)]
            done = [rest for window in covered for rest in subtract(window, unsure)]
            return self._forget_windows([*done, *left])

    def _cover(self, windows: Iterable[Window]) -> None:
        self._database.write("DELETE FROM coverage WHERE name = ?", self._name)
        for window in windows:
            self._database.insert("coverage", self._name, window.start, window.end)

    def forget_published(self) -> None:
        """Forget windows whose seconds are published, not suspect and no gap: nobody will ask for them.

        Whoever read them anew was killed before it could replace anything.
        """
        with self._database.transaction():
            unsure = [*self._acquit([]), *self._gaps.forget([])]
            self._forget_windows([rest for window in self.coverage() for rest in subtract(window, unsure)])

    def _acquit(self, anew: Sequence[Window]) -> list[Window]:
        """Suspect these seconds no more; returns what still is suspect."""
        rows = self._database.all("SELECT * FROM suspect WHERE name = ?", self._name)
        still: list[Window] = []
        for name, start, stop, found_by, *found in rows:
            window = Window(start, stop)
            rest = subtract(window, anew)
            if rest != (window,):
                query = "DELETE FROM suspect WHERE name = ? AND start = ? AND found_by = ?"
                self._database.write(query, name, start, found_by)
                for part in rest:
                    self._database.insert("suspect", name, part.start, part.end, found_by, *found)
            still += rest
        return still

    def _forget_windows(self, done: Sequence[Window]) -> list[Window]:
        query = "SELECT start, stop FROM window WHERE name = ?"
        windows = [Window(*row) for row in self._database.all(query, self._name)]
        forgotten = [window for window in windows if not subtract(window, done)]
        for window in forgotten:
            self._delete("window", window)
        return forgotten

    def _delete(self, table: str, span: Window) -> None:
        query = f"DELETE FROM {table} WHERE name = ? AND start = ?"  # noqa: S608  (a name of this module)
        self._database.write(query, self._name, span.start)

    def _values(self, item: Publication, run: int) -> tuple[object, ...]:
        file = (str(item.path), item.rows, item.bytes, item.sha256, int(item.complete))
        parts = [(str(part.path), part.rows, part.bytes, part.sha256) for part in item.parts]
        return (self._name, item.span.start, item.span.end, *file, run, to_json(parts))


def _draft(path: str) -> Path:
    """Relative to the lake; earlier versions wrote it down with the lake's own path, as that was given."""
    _, found, rest = path.rpartition("/_harvester/")
    return Path("_harvester", rest) if found else Path(path)


def _publication(row: Sequence[Any], covers: str = "[]") -> Publication:
    start, stop, path, rows, size, sha256, complete, parts = row
    windows = tuple(Window(*cover) for cover in json.loads(covers))
    others = tuple(Part(Path(path), *facts) for path, *facts in json.loads(parts))
    return Publication(Window(start, stop), Path(path), rows, size, sha256, bool(complete), windows, others)
