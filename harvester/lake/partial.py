"""A file on its way into the lake: what came of it survives a kill, and is believed only by its hash.

Beside the bytes lies a file of marks: after every 64 KiB, and at each end, how many bytes there are and the
SHA-256 of them all. What a kill or a power cut left is read again up to the last mark that holds, so neither
file has to be synced while it grows, and no more than the bytes behind that mark are asked for twice.
"""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Any

import orjson

from harvester.errors import HarvestError

_STEP = 64 << 10  # bytes between two marks
_PIECE = 1 << 20  # bytes read at a time


class NotWholeError(HarvestError):
    """What lies on the disk is not what was announced, or not what was written."""


@dataclass(frozen=True, slots=True)
class Proof:
    """A file as the disk gave it back: its size in bytes and its SHA-256, hexadecimal."""

    bytes: int
    sha256: str


def proof_of(path: Path) -> Proof:
    """Read a file whole.

    Raises:
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return Proof(os.fstat(file.fileno()).st_size, digest)


class Partial:
    """One file being received.

    Attributes:
        path: Where its bytes lie.
        offset: How many bytes are kept.
        total: How many it will have; ``None`` if nobody knows.
        validator: The server's name of this state of it.
        content_type: Its media type; empty if the server did not say.
    """

    def __init__(self, path: Path, source: str = "") -> None:
        """Look at what an earlier run left there, as much of it as its marks prove.

        Args:
            path: Where its bytes are to lie.
            source: What they are of; what came of something else is forgotten.

        Raises:
            OSError: The disk refuses it.
        """
        self.path = path
        self._source = source
        self._marks = path.with_name(f"{path.name}.marks")
        self._file: FileIO | None = None
        self._log: FileIO | None = None
        self.total: int | None = None
        self.validator: str | None = None
        self._clear()
        self._go_on()

    @property
    def is_whole(self) -> bool:
        """Whether all bytes that were announced are kept."""
        return self.total is not None and self.offset == self.total

    def begin(self, *, total: int | None, validator: str | None, content_type: str) -> None:
        """Forget what was kept, and start with the first byte."""
        self.forget()
        self.total, self.validator, self.content_type = total, validator, content_type
        self._open()
        self._note({"source": self._source, "total": total, "validator": validator, "type": content_type})

    def write(self, piece: bytes) -> None:
        """Append a piece."""
        file = self._file or self._open()
        rest = memoryview(piece)
        while rest:
            written = file.write(rest)
            self._hash.update(rest[:written])
            self.offset += written
            rest = rest[written:]
        if self.offset - self._marked >= _STEP:
            self._mark()

    def pause(self) -> None:
        """Close it, for now; what came can be gone on with."""
        if self._file is not None and self.offset > self._marked:
            self._mark()
        self._close()

    def finish(self) -> Proof:
        """Make the bytes durable, and read them back.

        Raises:
            NotWholeError: They are not as many as announced, or not those that were written; they are gone.
            OSError: The disk refuses it; if it could not make them durable, they are gone.
        """
        file = self._file or self._open()
        try:
            os.fsync(file.fileno())
        except OSError:
            # The kernel drops what it could not write, and says so once: another sync would succeed, and the
            # bytes be read back from memory.
            self.forget()
            raise
        wanted = Proof(self.offset if self.total is None else self.total, self._hash.hexdigest())
        self.pause()
        proof = proof_of(self.path)
        if proof != wanted:
            self.forget()
            raise NotWholeError(f"{proof.bytes} bytes were kept that are not the {wanted.bytes} announced")
        return proof

    def forget(self) -> None:
        """Remove what was kept.

        Raises:
            OSError: The disk refuses it. If one of the two files is gone, the other proves nothing.
        """
        self._close()
        self._clear()
        try:
            self.path.unlink(missing_ok=True)
        finally:
            self._marks.unlink(missing_ok=True)

    def moved(self) -> None:
        """Remove the marks of a file that has its final name."""
        self._marks.unlink(missing_ok=True)

    def _close(self) -> None:
        for file in (self._file, self._log):
            if file is not None:
                file.close()
        self._file = self._log = None

    def _clear(self) -> None:
        self._hash = hashlib.sha256()
        self.offset = self._marked = 0
        self.total = self.validator = None
        self.content_type = ""

    def _open(self) -> FileIO:
        # Unbuffered: what was written is the system's, and outlives this process.
        self._file = FileIO(self.path, "ab")
        self._log = FileIO(self._marks, "ab")
        return self._file

    def _mark(self) -> None:
        self._marked = self.offset
        self._note({"bytes": self.offset, "sha256": self._hash.hexdigest()})

    def _note(self, values: Mapping[str, object]) -> None:
        if self._log is not None:
            self._log.write(orjson.dumps(values, option=orjson.OPT_APPEND_NEWLINE))

    def _go_on(self) -> None:
        if not (self.path.exists() and self._marks.exists()):
            self.forget()
            return
        head, marks = _read_marks(self._marks)
        with self.path.open("r+b") as file:
            for size, digest in marks:
                state = self._hash.copy()
                if not _update(state, file, size - self.offset) or state.hexdigest() != digest:
                    break
                self._hash, self.offset = state, size
            file.truncate(self.offset)
        if not head or head["source"] != self._source or not self.offset:
            self.forget()
            return
        total, validator, self.content_type = head["total"], head["validator"], head["type"]
        self.total, self.validator = total, validator
        # Anew: a torn line at its end would spoil the next one.
        self._marks.write_bytes(orjson.dumps(head, option=orjson.OPT_APPEND_NEWLINE))
        self._open()
        self._mark()
        self.pause()


def _read_marks(path: Path) -> tuple[Mapping[str, Any], list[tuple[int, str]]]:
    """The head and the marks, up to the first line that was torn."""
    lines: list[Mapping[str, Any]] = []
    for line in path.read_bytes().splitlines():
        try:
            lines.append(orjson.loads(line))
        except orjson.JSONDecodeError:
            break
    match lines:
        case [
            {"source": str(), "total": int() | None, "validator": str() | None, "type": str()} as head,
            *marks,
        ]:
            pairs = [(mark.get("bytes"), mark.get("sha256")) for mark in marks if isinstance(mark, dict)]
            return head, [(size, str(digest)) for size, digest in pairs if isinstance(size, int)]
        case _:
            return {}, []


def _update(state: Any, file: Any, size: int) -> bool:  # noqa: ANN401  (hashlib and io have no common names)
    """Feed the next ``size`` bytes to a hash; whether there were so many."""
    while size > 0:
        piece = file.read(min(size, _PIECE))
        if not piece:
            return False
        state.update(piece)
        size -= len(piece)
    return True
