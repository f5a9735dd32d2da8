"""Whether a secret got out, in whatever the tests made: always on, one pass over everything at the end.

Every key that the tests make is an RSA key in PKCS#8, and every token a JWT, so each has a part that is
always the same. That part is searched for in the files below pytest's folder, also in those that are about to
be removed; in what was captured; in arguments, environment and output of the processes that were started.
"""

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

MARKS = {
    b"eyJhbGciOi": "a token",
    b"ADANBgkqhkiG9w0BAQEFAASC": "a private key",
    b"*\x86H\x86\xf7\r\x01\x01\x01\x05\x00\x04\x82": "a private key, binary",
    b"RSA PRIVATE KEY": "a private key",
}
KEY_FILES = ("key*.json", "credentials.json")  # the only place for one
_CHUNK = 1 << 20
_OVERLAP = max(map(len, MARKS)) - 1


class Canary:
    """Looks, and notes what it found.

    Attributes:
        hits: Where a secret was, and what it was.
        looked: Files that were looked into.
    """

    def __init__(self) -> None:
        self.hits: list[str] = []
        self.looked = 0
        self._home: str | None = None

    def look(self, content: Any, place: str) -> None:
        """Look into bytes, or whatever has a buffer, or a text."""
        content = content.encode(errors="replace") if isinstance(content, str) else bytes(content)
        self.hits += [f"{what} in {place}" for mark, what in MARKS.items() if mark in content]

    def look_into(self, path: Path) -> None:
        """Look into a file; into a small Parquet file also behind its compression."""
        if any(map(path.match, KEY_FILES)) or path.is_symlink() or not path.is_file():
            return
        self.looked += 1
        with path.open("rb") as file:
            tail = b""
            while chunk := file.read(_CHUNK):
                self.look(tail + chunk, str(path))
                tail = chunk[-_OVERLAP:]
        if path.suffix == ".parquet" and path.stat().st_size <= _CHUNK:
            for buffer in _texts(path):
                self.look(buffer, f"the columns of {path}")

    def sweep(self, folder: Path) -> None:
        """Look into every file of a folder."""
        for path in sorted(folder.rglob("*")):
            self.look_into(path)

    def guard(self, folder: Path) -> None:
        """From now on, look into each file of ``folder`` before this process removes it."""
        self._home = str(folder)
        sys.addaudithook(self._on_event)

    def _on_event(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "os.remove" and self._home is not None:
            path, folder = arguments
            if folder == -1 and os.fsdecode(path).startswith(self._home):
                self.look_into(Path(os.fsdecode(path)))


CANARY = Canary()


class Watched(subprocess.Popen[Any]):
    """A process whose arguments, environment and output are looked into."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        # What it was given, and what the system shows of it, which a process just begun does not always have.
        CANARY.look(repr(self.args), f"arguments of process {self.pid}")
        CANARY.look(repr(settings.get("env") or os.environ), f"environment of process {self.pid}")
        for what in ("cmdline", "environ"):
            with suppress(OSError):  # not Linux, or over already
                CANARY.look(Path(f"/proc/{self.pid}/{what}").read_bytes(), f"{what} of process {self.pid}")

    def communicate(self, *arguments: Any, **settings: Any) -> tuple[Any, Any]:
        """Look into what it wrote."""
        written = super().communicate(*arguments, **settings)
        for stream in written:
            CANARY.look(stream or b"", f"output of process {self.pid}")
        return written


def _texts(path: Path) -> Iterator[pa.Buffer]:
    try:
        with pq.ParquetFile(path) as file:
            leaves = [file.schema.column(number) for number in range(len(file.schema))]
            # A secret is text. And threads that are woken for a small file take twice its time.
            names = [leaf.path for leaf in leaves if leaf.physical_type.endswith("BYTE_ARRAY")]
            table = file.read(columns=names, use_threads=False)
    except (pa.ArrowException, OSError):  # damaged by the test on purpose
        return
    for column in table.columns:
        for chunk in column.chunks:
            yield from filter(None, chunk.buffers())


def verdict(hits: Iterable[str]) -> str:
    """What to say when there are hits."""
    return "secrets got out:\n" + "\n".join(sorted(set(hits)))


@pytest.fixture(scope="session", autouse=True)
def canary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Canary]:
    """Guard the whole session; fails behind its last test."""
    home = tmp_path_factory.getbasetemp()
    CANARY.guard(home)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(subprocess, "Popen", Watched)
        yield CANARY
    CANARY.sweep(home)
    assert not CANARY.hits, verdict(CANARY.hits)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Look into what a test wrote to stdout and stderr, and logged."""
    for name, text in report.sections:
        CANARY.look(text, f"{name} of {report.nodeid}")
