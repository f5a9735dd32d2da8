"""Records that do not fit the schema: kept with their bytes and the reason, never dropped."""

import base64
import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import orjson

from harvester.lake.folders import sync_folder
from harvester.window import Window, as_second, as_text, subtract


class Misfit(Protocol):
    """A record that did not fit."""

    @property
    def raw(self) -> bytes:
        """Its bytes as received."""
        ...

    @property
    def reason(self) -> str:
        """Why it did not fit."""
        ...

    @property
    def key(self) -> int | None:
        """Its key, if it could be read."""
        ...

    @property
    def second(self) -> int | None:
        """Its time, if it could be read."""
        ...


def keep(folder: Path, window: Window, misfits: Sequence[Misfit]) -> None:
    """Write the misfits of a proven window as JSON lines, in place of what earlier readings of it left.

    A line has ``key``, ``time``, ``reason`` and the record: as ``text`` if it is UTF-8, else as ``base64``.

    Raises:
        OSError: The disk refuses it.
    """
    _write(_path(folder, window), [_line(misfit) for misfit in misfits])
    for path, other in _files(folder):
        if other != window and other.meets(window):
            lines = path.read_bytes().splitlines(keepends=True)
            _write(path, [line for line in lines if not _lies_in(window, line, other)])


@dataclass(frozen=True, slots=True)
class Quarantined:
    """The different records in quarantine.

    Attributes:
        seconds: When they happened, Unix time, ascending.
        unplaced: Windows that came with records whose time cannot be read, once for each.
    """

    seconds: Sequence[int]
    unplaced: Sequence[Window]


def quarantined(folder: Path) -> Quarantined:
    """What a dataset has in quarantine; a record that came with several windows counts once.

    Without a key it is known by its line. One reading brings no record twice, so lines of its file that are
    alike are as many records: they may differ in what was hidden before they were written.

    Raises:
        OSError: It cannot be read.
    """
    times: dict[object, int | Window] = {}
    for path, window in _files(folder):
        alike: Counter[bytes] = Counter()
        for line in path.read_bytes().splitlines():
            record = orjson.loads(line)
            alike[line] += 1
            name = (line, alike[line]) if record["key"] is None else record["key"]
            times[name] = window if record["time"] is None else as_second(record["time"])
    return Quarantined(
        sorted(time for time in times.values() if isinstance(time, int)),
        [time for time in times.values() if isinstance(time, Window)],
    )


def _path(folder: Path, window: Window) -> Path:
    return folder / f"{window.start}-{window.end}.jsonl"


def _files(folder: Path) -> list[tuple[Path, Window]]:
    """All files, by the window they came with."""
    found = ((path, re.fullmatch(r"(-?\d+)-(-?\d+)", path.stem)) for path in sorted(folder.glob("*.jsonl")))
    return [(path, Window(int(name[1]), int(name[2]))) for path, name in found if name]


def _lies_in(window: Window, line: bytes, came_with: Window) -> bool:
    """Whether a reading of ``window`` brings the record again, if it still is as it was."""
    time = orjson.loads(line)["time"]
    return not subtract(came_with, [window]) if time is None else as_second(time) in window


def _write(path: Path, lines: Sequence[bytes]) -> None:
    if not lines:
        if path.exists():
            path.unlink()
            sync_folder(path.parent)
        return
    draft = path.with_suffix(".draft")
    with draft.open("wb") as file:
        file.writelines(lines)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    sync_folder(path.parent)


def _line(misfit: Misfit) -> bytes:
    try:
        record = {"text": misfit.raw.decode()}
    except UnicodeDecodeError:
        record = {"base64": base64.b64encode(misfit.raw).decode()}
    time = None if misfit.second is None else as_text(misfit.second)
    line = {"key": misfit.key, "time": time, "reason": misfit.reason, **record}
    return orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)
