"""An emulator in its own process, as users start it."""

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Served:
    """Where the process listens, and its key file."""

    endpoint: str
    credentials: Path

    @property
    def options(self) -> list[str]:
        """What a command needs to find it."""
        return ["--endpoint", self.endpoint, "--credentials", str(self.credentials)]

    @property
    def requests(self) -> int:
        """How often it was asked."""
        with urllib.request.urlopen(f"{self.endpoint}/emulator") as answer:  # noqa: S310  (on loopback)
            return int(json.load(answer)["requests"])


@contextmanager
def served_process(folder: Path, *options: str) -> Iterator[Served]:
    """Run ``harvester emulator`` with ``options`` for the length of the block."""
    command = [sys.executable, "-m", "harvester", "emulator", "--folder", str(folder), *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603  (our own program)
        try:
            assert process.stdout is not None
            endpoint, credentials = (process.stdout.readline().split(maxsplit=1)[1].strip() for _ in range(2))
            yield Served(endpoint, Path(credentials))
        finally:
            process.terminate()
