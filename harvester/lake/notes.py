"""What becomes known of a day's files before it is in their table: a line each, durable at once."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import orjson

from harvester.lake.manifest import Entry

__all__ = ["Notes", "journalled"]


class Notes:
    """The journal of a day while it is written."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def keep(self, entry: Entry) -> None:
        """Write an entry down; durable when it returns.

        Raises:
            OSError: The disk refuses it.
        """
        self._file.write(orjson.dumps(entry.as_values(), option=orjson.OPT_APPEND_NEWLINE))
        self._file.flush()
        os.fsync(self._file.fileno())


def journalled(path: Path) -> Iterator[Entry]:
    """What a journal tells; none if there is no file.

    Raises:
        OSError: It cannot be read.
    """
    if not path.exists():
        return
    for line in filter(None, path.read_bytes().splitlines()):
        try:
            yield Entry.of(orjson.loads(line))
        except (orjson.JSONDecodeError, TypeError):  # torn by a crash: what it told is asked for again
            continue
