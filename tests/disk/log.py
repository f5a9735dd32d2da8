"""What the disk wrote down: every change below the lake, in order."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

_HEAD = struct.Struct("<cIIIqQ")


@dataclass(frozen=True, slots=True)
class Change:
    """One change.

    Attributes:
        what: ``c``reate, ``t``runcate, ``w``rite, ``s``ync, ``r``ename, ``l``ink, ``u``nlink, make a
            ``d``irectory, ``o``pen to read, if that was counted; ``m`` is a mark of the program's, ``!`` a
            call that was refused, ``f`` one that failed by itself.
        path: Of the file, or the mark's text.
        other: Its new path, or which call was refused.
        offset: Where bytes were written; the new size.
        inode: Of the file, if it was open.
        data: The bytes.
    """

    what: str
    path: str
    other: str
    offset: int
    inode: int
    data: bytes

    @property
    def name(self) -> str:
        """The last part of its path."""
        return Path(self.path).name


def changes(log: Path) -> Iterator[Change]:
    """Read the log."""
    content, place = log.read_bytes(), 0
    while place < len(content):
        what, path, other, size, offset, inode = _HEAD.unpack_from(content, place)
        ends = [place + _HEAD.size]
        for length in (path, other, size):
            ends.append(ends[-1] + length)
        parts = [content[start:end] for start, end in pairwise(ends)]
        yield Change(what.decode(), parts[0].decode(), parts[1].decode(), offset, inode, parts[2])
        place = ends[-1]
