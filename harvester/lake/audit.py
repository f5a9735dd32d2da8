"""What the vendor was made to delete: an intent before each question, an outcome after it, both durable.

From then on the lake holds the only copy, so the log also says which files that is: a table that is lost must
not make anybody forget them.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

import orjson

from harvester.lake.folders import make_folders, sync_folder
from harvester.lake.layout import Layout
from harvester.lake.manifest import STORED, Entries, Entry
from harvester.links import RECORD
from harvester.window import as_text

INTENT, DELETED, ABSENT, REFUSED, UNKNOWN = "intent", "deleted", "absent", "refused", "unknown"
_DONE = {DELETED, ABSENT}
Recording = tuple[int | None, int]
"""The account, if those of the lake are kept apart, and the number; numbers are unique within an account."""


@dataclass(slots=True)
class Audit:
    """The log of a lake's deletions; one JSON object a line, never rewritten.

    Attributes:
        path: The file.
        done: When the vendor stopped having a recording; Unix time.
        dangling: Recordings whose deletion was begun, and whose outcome nobody wrote down.
    """

    path: Path
    done: dict[Recording, int] = field(default_factory=dict)
    dangling: set[Recording] = field(default_factory=set)
    _places: dict[str, list[int]] = field(default_factory=dict)  # lines of a folder's files, by their offset

    @classmethod
    def of(cls, root: Path) -> "Audit":
        """Read what earlier runs wrote.

        Raises:
            OSError: It cannot be read.
        """
        audit = cls(Layout(root, "").workshop / "audit" / "deletions.jsonl")
        for place, line in _lines(audit.path):
            audit._learn(line, place)
        return audit

    @property
    def folders(self) -> Iterable[str]:
        """Where files lie that the vendor was made to delete, relative to the lake."""
        return self._places.keys()

    def unknown(self, account_id: int | None) -> list[int]:
        """Those of an account of which nobody wrote down how it ended, ascending."""
        return sorted(number for whose, number in self.dangling if whose == account_id)

    def recall(self, known: Entries, folder: str, account_id: int | None) -> None:
        """Tell what is known of the files in a folder which of them the vendor has no more.

        Those of which nothing is known, or not where they lie, are added.

        Args:
            known: Learns it.
            folder: The files', relative to the lake.
            account_id: Whose they are, if accounts are kept apart.

        Raises:
            OSError: The log cannot be read.
        """
        for entry in self._kept(folder):
            other = known.get(entry.identity)
            if other is None or other.path is None:
                known[entry.identity] = entry if other is None else replace(entry, url=other.url)
        self.mark(known, account_id)

    def mark(self, known: Entries, account_id: int | None) -> None:
        """Mark what was deleted: a run may have been killed before it told the manifest."""
        for identity, entry in known.items():
            at = None if entry.record_id is None else self.done.get((account_id, entry.record_id))
            if at is not None and entry.deleted_at is None and entry.path is not None:
                known[identity] = replace(entry, deleted_at=at)

    def write(
        self,
        event: str,
        entry: Entry,
        now: float,
        detail: str = "",
        *,
        account_id: int | None,
        along: Iterable[Entry] = (),
    ) -> None:
        """Append a line; durable when it returns.

        Args:
            event: ``INTENT``, or how it ended.
            entry: The recording.
            now: Unix time.
            detail: What the vendor said, or why nothing is known.
            account_id: Whose it is, if accounts are kept apart.
            along: What is deleted with it.

        Raises:
            OSError: The disk refuses it; nothing may be asked then.
        """
        make_folders(self.path.parents[2], (self.path.parent,))
        line = {
            "time": as_text(int(now)),
            "unix": int(now),
            "event": event,
            "account_id": account_id,
            "record_id": entry.record_id,
            **_named(entry),
            "detail": detail,
            "along": [{"kind": other.kind, **_named(other)} for other in along],
        }
        with self.path.open("ab") as file:
            if file.tell() and not _ends_a_line(self.path):
                file.write(b"\n")  # behind what a crash has torn
            place = file.tell()
            file.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
            file.flush()
            os.fsync(file.fileno())
        sync_folder(self.path.parent)
        self._learn(line, place)

    def _learn(self, line: Mapping[str, Any], place: int) -> None:
        event = line["event"]
        if line["record_id"] is None:
            return
        recording = line.get("account_id"), line["record_id"]
        if event in _DONE:
            self.done[recording] = line["unix"]
            for folder in {_folder(entry) for entry in _entries(line)}:
                self._places.setdefault(folder, []).append(place)
        if event == INTENT:
            self.dangling.add(recording)
        else:
            self.dangling.discard(recording)

    def _kept(self, folder: str) -> Iterator[Entry]:
        places = self._places.get(folder)
        if not places:
            return
        with self.path.open("rb") as file:
            for place in places:
                file.seek(place)
                yield from (
                    entry for entry in _entries(orjson.loads(file.readline())) if _folder(entry) == folder
                )


def _named(entry: Entry) -> dict[str, object]:
    return {
        "session": entry.key,
        "url": entry.url,
        "path": entry.path,
        "bytes": entry.bytes,
        "sha256": entry.sha256,
    }


def _entries(line: Mapping[str, Any]) -> Iterator[Entry]:
    """The files that a line tells of: the recording, and what was deleted with it."""
    for item in (line, *line.get("along", ())):
        yield Entry(
            key=item["session"],
            kind=item.get("kind", RECORD),
            record_id=line["record_id"],
            url=item.get("url") or "",
            status=STORED,
            path=item["path"],
            bytes=item["bytes"],
            sha256=item["sha256"],
            fetched_at=line["unix"],
            deleted_at=line["unix"],
        )


def _folder(entry: Entry) -> str:
    return str(PurePosixPath(entry.path or "").parent)


def _lines(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Each line, and its offset."""
    if not path.exists():
        return
    end = 0
    with path.open("rb") as file:
        for text in file:
            place, end = end, end + len(text)
            try:
                line = orjson.loads(text)
            except orjson.JSONDecodeError:  # torn: an intent that was not durable, so nothing was asked
                continue
            yield place, line


def _ends_a_line(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"
