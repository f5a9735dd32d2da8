"""The streams that a process is born with: all three of them there, and stderr no reason to fail."""

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO, cast

_STANDARD = range(3)  # stdin, stdout, stderr


@contextmanager
def standing() -> Iterator[None]:
    """For the length of the block, both streams can be written to, and no failure comes of stderr.

    What was closed by whoever started the process leads nowhere. Log lines, bars and sentences that nobody
    can have any more (the reader is gone, the terminal is closed, the disk is full) are dropped: a run
    is about its lake. On stdout stands what was asked for, so there a failure remains one.
    """
    _occupy()
    with ExitStack() as stack:
        for name in ("stdout", "stderr"):
            if getattr(sys, name) is None:
                nowhere = stack.enter_context(Path(os.devnull).open("w", encoding="utf-8"))
                stack.callback(setattr, sys, name, None)
                setattr(sys, name, nowhere)
        stderr = sys.stderr
        sys.stderr = cast("TextIO", _Heedless(stderr))
        try:
            yield
        finally:
            sys.stderr = stderr
            _empty(stderr)


@contextmanager
def missable() -> Iterator[None]:
    """For what is said on stdout of one dataset, while others are still to come.

    If its reader went away, it is dropped, and so is all that follows: the run is about its lake, and its
    exit code tells how that went.

    Raises:
        OSError: It cannot be written though somebody reads it: the disk is full.
    """
    try:
        yield
    except (BrokenPipeError, SystemExit) as error:
        # Rich makes an end of the process of it.
        if isinstance(error, SystemExit) and not isinstance(error.__context__, BrokenPipeError):
            raise
        _lead_nowhere(sys.stdout)


class _Heedless:
    """A stream whose lines are dropped if they cannot be written; the next one is tried again."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write it, if that can be."""
        with suppress(OSError):
            return self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Let go of what is held, if that can be."""
        with suppress(OSError):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  (whatever the stream has)
        return getattr(self._stream, name)


def _occupy() -> None:
    """Open what is closed of the three numbers: else a file of the lake gets one, and stray output."""
    for number in _STANDARD:
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # noqa: FBT003  (takes no name)


def _empty(stream: TextIO) -> None:
    """Leave nothing in it: what Python cannot write as it ends would turn the exit code into 120."""
    try:
        stream.flush()
    except OSError:
        _lead_nowhere(stream)


def _lead_nowhere(stream: TextIO) -> None:
    """Drop what it holds and what is still to be written to it."""
    with suppress(OSError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
