"""Records that do not fit the schema: kept with their bytes and the reason, never dropped."""

import base64
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import orjson

from harvester.lake.publish import sync_folder
from harvester.window import Window, as_second, as_text


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
    """Write the misfits of a proven window as JSON lines, replacing what an earlier reading of it left.

    A line has ``key``, ``time``, ``reason`` and the record: as ``text`` if it is UTF-8, else as ``base64``.

    Raises:
        OSError: The disk refuses it.
    """
    path = folder / f"{window.start}-{window.end}.jsonl"
    if not misfits:
        path.unlink(missing_ok=True)
        return
    draft = path.with_suffix(".draft")
    with draft.open("wb") as file:
        file.writelines(_line(misfit) for misfit in misfits)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    sync_folder(folder)


def seconds(folder: Path) -> list[int]:
    """When the different records in quarantine happened, Unix time, ascending.

    One whose time could not be read counts to the first second of the window it came with.
    """
    found: dict[object, int] = {}
    for path in sorted(folder.glob("*.jsonl")):
        start = int(path.stem.split("-")[0])
        for line in path.read_bytes().splitlines():
            record = orjson.loads(line)
            second = start if record["time"] is None else as_second(record["time"])
            found[record["key"] or line] = second
    return sorted(found.values())


def _line(misfit: Misfit) -> bytes:
    try:
        record = {"text": misfit.raw.decode()}
    except UnicodeDecodeError:
        record = {"base64": base64.b64encode(misfit.raw).decode()}
    time = None if misfit.second is None else as_text(misfit.second)
    line = {"key": misfit.key, "time": time, "reason": misfit.reason, **record}
    return orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)
