"""An emulator in its own process, as users start it."""

import asyncio
import json
import subprocess
import sys
import urllib.request
from collections.abc import Coroutine, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any

from harvester.emulator import Emulator, serve


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


@contextmanager
def served_beside(folder: Path, emulator: Emulator) -> Iterator[Served]:
    """Serve from a thread, for commands that run a loop of their own and an emulator that is to misbehave."""
    path = folder / "key.json"
    path.touch(mode=0o600)
    path.write_text(json.dumps(emulator.credentials("Owner")))
    loop, stack = asyncio.new_event_loop(), AsyncExitStack()
    thread = Thread(target=loop.run_forever)
    thread.start()

    def done(work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, loop).result(60)

    try:
        yield Served(done(stack.enter_async_context(serve(emulator))), path)
    finally:
        done(stack.aclose())
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
