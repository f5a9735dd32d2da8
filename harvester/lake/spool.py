"""Answers as received, on local disk, until their partition is published: what makes a kill cheap.

One file per window, named by its first second. Entries are appended without fsync: each carries a checksum,
so one that a crash tore or lost is noticed and asked for again.

Entry: ``magic(4) sha256(32) key_length(u32) encoding_length(u32) body_length(u32) key encoding body``,
integers big-endian, the checksum over everything after it.
"""

import os
import re
import struct
from collections.abc import Iterator
from hashlib import sha256
from itertools import chain, count
from pathlib import Path
from typing import BinaryIO

from harvester.lake.folders import make_folders, sync_file, sync_folder

_HEAD = struct.Struct(">4s32s")
_LENGTHS = struct.Struct(">III")
_MAGIC = b"hsp1"
_NAME = re.compile(r"0|-?[1-9][0-9]*")


class SpoolFile:
    """The answers of one window. Not shared between windows, so no two writers meet."""

    def __init__(self, path: Path) -> None:
        """Index what is already there, up to a torn tail."""
        self._path = path
        self._places: dict[str, tuple[int, int]] = {}
        self._end = 0
        self._synced = False
        for key, place in _scan(path):
            self._places[key] = place
            self._end = sum(place)

    def append(self, key: str, encoding: str, body: bytes) -> None:
        """Add an answer; a later one of the same key wins.

        Args:
            key: The question: bounds, offset and order, as text.
            encoding: ``gzip`` or ``identity``.
            body: The answer's bytes as received.

        Raises:
            OSError: The disk refuses it; what it took of the answer is cut off before the next one.
        """
        parts = (key.encode(), encoding.encode(), body)
        checked = b"".join((_LENGTHS.pack(*map(len, parts)), *parts))
        entry = _HEAD.pack(_MAGIC, sha256(checked).digest()) + checked
        # Opened per entry: windows by the hundred are open at once, and file handles are a bounded good.
        with self._path.open("ab") as file:
            # A crash or a full disk may have left a part of an entry: what lies behind it would not be found.
            file.truncate(self._end)
            file.write(entry)
        self._places[key] = (self._end, len(entry))
        self._end += len(entry)
        self._synced = False

    def sync(self) -> None:
        """Make what was appended durable.

        Raises:
            OSError: The disk refuses it; the answers are forgotten.
        """
        synced, self._synced = self._synced, True  # before: what is appended meanwhile is for the next time
        if not synced and self._path.exists():
            try:
                sync_file(self._path)
            except OSError:
                # The kernel drops what it could not write, and says so once: the next sync would succeed, and
                # answers be called evidence that are not on the disk. They are asked for again.
                self.clear()
                raise

    def get(self, key: str) -> tuple[str, bytes] | None:
        """Encoding and body of the answer to a question, or ``None`` if it never arrived whole."""
        place = self._places.get(key)
        if place is None:
            return None
        with self._path.open("rb") as file:
            file.seek(place[0])
            entry = _read(file)
        return entry[1:] if entry and entry[0] == key else None

    def answers(self) -> Iterator[tuple[str, bytes]]:
        """Encoding and body of every answer, in the order of their arrival."""
        for key in tuple(self._places):
            if answer := self.get(key):
                yield answer

    def clear(self) -> None:
        """Forget all answers: they contradict each other, or may not be what the disk holds."""
        self._path.unlink(missing_ok=True)
        self._places.clear()
        self._end = 0


class Spool:
    """The spool files of one dataset."""

    def __init__(self, folder: Path, *, keep: Path | None = None) -> None:
        """Use ``folder``; freed files move to ``keep`` if given, else they are deleted."""
        self._folder = folder
        self._keep = keep
        self._files: dict[int, SpoolFile] = {}

    def file(self, start: int) -> SpoolFile:
        """The file of the window that starts at ``start``, with what an earlier run left in it."""
        # One object a file: two would write over each other's answers, and each look reads the file through.
        if start not in self._files:
            self._files[start] = SpoolFile(self._path(start))
        return self._files[start]

    def sync(self) -> None:
        """Make evidence durable, before what it proves is published. Other answers may be lost.

        Raises:
            OSError: The disk refuses it.
        """
        if self._keep is not None:
            for file in tuple(self._files.values()):
                file.sync()
            sync_folder(self._folder)

    def free(self, start: int) -> None:
        """Drop (or keep as evidence) the answers of a window whose partitions are all published.

        Raises:
            OSError: The disk refuses it; the next start does it.
        """
        self._files.pop(start, None)
        self._drop(self._path(start))

    def keep_only(self, starts: set[int]) -> None:
        """Drop (or keep as evidence) the files of all windows but those that start at these seconds.

        A crash came before they were freed. The folder is synced: once this returns no file that was dropped
        comes back, not even after a power cut, to answer for a window that starts there later.

        Without the folder there is nothing to drop: a recovered lake has none before it is read again.

        Raises:
            OSError: The disk refuses it.
        """
        if not self._folder.exists():
            return
        for start in self.starts - starts:
            self.free(start)
        sync_folder(self._folder)

    @property
    def starts(self) -> set[int]:
        """The first seconds of the windows of which answers are there."""
        return set(self._own())

    @property
    def bytes(self) -> int:
        """How much disk it takes now."""
        return sum(path.stat().st_size for path in self._own().values())

    def _own(self) -> dict[int, Path]:
        """The spool's files, by the first second of their window; whatever else lies there is not touched."""
        paths = (path for path in self._folder.glob("*.spool") if _NAME.fullmatch(path.stem))
        return {int(path.stem): path for path in paths if path.is_file()}

    def _drop(self, path: Path) -> None:
        if self._keep is None or not path.exists():
            path.unlink(missing_ok=True)
            return
        # From two above: the folder of an account lies one deeper than that of a dataset.
        make_folders(self._keep.parents[2], (), private=(self._keep.parent, self._keep))
        path.replace(_free_name(self._keep, path))
        sync_folder(self._keep)

    def _path(self, start: int) -> Path:
        return self._folder / f"{start}.spool"


def _free_name(folder: Path, path: Path) -> Path:
    """A name in ``folder`` that no earlier evidence has: a window may be read anew months later."""
    names = (folder / f"{path.stem}-{number}{path.suffix}" for number in count(2))
    return next(name for name in chain([folder / path.name], names) if not name.exists())


def _scan(path: Path) -> Iterator[tuple[str, tuple[int, int]]]:
    if not path.exists():
        return
    with path.open("rb") as file:
        position = 0
        while (entry := _read(file)) is not None:
            yield entry[0], (position, file.tell() - position)
            position = file.tell()


def _read(file: BinaryIO) -> tuple[str, str, bytes] | None:
    head, lengths = file.read(_HEAD.size), file.read(_LENGTHS.size)
    if len(lengths) < _LENGTHS.size:
        return None
    magic, digest = _HEAD.unpack(head)
    key_length, encoding_length, body_length = _LENGTHS.unpack(lengths)
    size = key_length + encoding_length + body_length
    # A damaged length may claim gigabytes, which ``read`` would allocate.
    if magic != _MAGIC or size > os.fstat(file.fileno()).st_size:
        return None
    payload = file.read(size)
    if sha256(lengths + payload).digest() != digest:
        return None
    key, rest = payload[:key_length], payload[key_length:]
    return key.decode(), rest[:encoding_length].decode(), rest[encoding_length:]
