"""What the vendor was made to delete: an intent before each question, an outcome after it, both durable."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from harvester.lake.folders import make_folders, sync_folder
from harvester.lake.layout import Layout
from harvester.lake.manifest import Entry
from harvester.window import as_text

INTENT, DELETED, ABSENT, REFUSED, UNKNOWN = "intent", "deleted", "absent", "refused", "unknown"
_DONE = {DELETED, ABSENT}


@dataclass(slots=True)
class Audit:
    """The log of a lake's deletions; one JSON object a line, never rewritten.

    Attributes:
        path: The file.
        done: When the vendor stopped having a recording, by its id; Unix time.
        dangling: Ids of recordings whose deletion was begun, and whose outcome nobody wrote down.
    """

    path: Path
    done: dict[int, int]
    dangling: set[int]

    @classmethod
    def of(cls, root: Path) -> "Audit":
        """Read what earlier runs wrote.

        Raises:
            OSError: It cannot be read.
        """
        path = Layout(root, "").workshop / "audit" / "deletions.jsonl"
        audit = cls(path, {}, set())
        for line in _lines(path):
            audit._learn(line["event"], line["record_id"], line["unix"])
        return audit

    def write(self, event: str, entry: Entry, now: float, detail: str = "") -> None:
        """Append a line; durable when it returns.

        Args:
            event: ``INTENT``, or how it ended.
            entry: The recording.
            now: Unix time.
            detail: What the vendor said, or why nothing is known.

        Raises:
            OSError: The disk refuses it; nothing may be asked then.
        """
        make_folders(self.path.parents[2], (self.path.parent,))
        line = {
            "time": as_text(int(now)),
            "unix": int(now),
            "event": event,
            "record_id": entry.record_id,
            "session": entry.key,
            "path": entry.path,
            "bytes": entry.bytes,
            "sha256": entry.sha256,
            "detail": detail,
        }
        with self.path.open("ab") as file:
            if file.tell() and not _ends_a_line(self.path):
                file.write(b"\n")  # behind what a crash has torn
            file.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
            file.flush()
            os.fsync(file.fileno())
        sync_folder(self.path.parent)
        self._learn(event, entry.record_id, int(now))

    def _learn(self, event: str, record_id: int | None, at: int) -> None:
        if record_id is None:
            return
        if event in _DONE:
            self.done[record_id] = at
        if event == INTENT:
            self.dangling.add(record_id)
        else:
            self.dangling.discard(record_id)


def _lines(path: Path) -> Iterator[Mapping[str, Any]]:
    if not path.exists():
        return
    for line in path.read_bytes().splitlines():
        try:
            yield orjson.loads(line)
        except orjson.JSONDecodeError:  # torn: an intent that was not durable, so nothing was asked
            continue


def _ends_a_line(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"
