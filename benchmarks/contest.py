"""Runs contenders as processes, turn by turn, and tells what each took.

The machine may be shared, so no figure stands alone: contenders take turns (A B A B), the median of each
counts, and processor seconds (user and system, of the contender's process alone) are preferred to the clock.
"""

import ctypes
import json
import os
import resource
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

_CHILD_SUBREAPER = 36  # the option's number in prctl.h


@dataclass(frozen=True, slots=True)
class Cost:
    """What one run took.

    Attributes:
        wall: Seconds by the clock, from start to exit.
        cpu: Processor seconds, user and system, of the process and all that it started.
        memory: Most resident memory of any of them, MiB.
        server_cpu: Processor seconds of the server meanwhile.
        requests: What the server was asked.
        rendered: How many of these it did not know yet: not 0 makes the run void.
    """

    wall: float
    cpu: float
    memory: float
    server_cpu: float = 0.0
    requests: int = 0
    rendered: int = 0

    @property
    def server_share(self) -> float:
        """Share of one core that the server took while the run lasted."""
        return self.server_cpu / self.wall


@dataclass(frozen=True, slots=True)
class Server:
    """A server of pre-rendered answers in its own process."""

    endpoint: str
    credentials: str

    def ask(self, path: str) -> object:
        """What it answers at ``/tally``, ``/questions`` or ``/reset``."""
        with urllib.request.urlopen(f"{self.endpoint}/{path}") as answer:  # noqa: S310  (on loopback)
            return json.load(answer)

    def tally(self) -> Mapping[str, float]:
        """What was asked since the last reset."""
        answer = self.ask("tally")
        assert isinstance(answer, dict)  # noqa: S101  (our own server)
        return answer


@contextmanager
def server(folder: Path, **options: object) -> Iterator[Server]:
    """A server with ``options`` of ``benchmarks.server``, until the block ends."""
    flags = [text for name, value in options.items() for text in (f"--{name.rstrip('_')}", str(value))]
    command = [sys.executable, "-m", "benchmarks.server", "--folder", str(folder), *flags]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603  (our own)
        try:
            assert process.stdout is not None  # noqa: S101  (it is a pipe)
            endpoint, credentials = (process.stdout.readline().split(maxsplit=1)[1].strip() for _ in range(2))
            yield Server(endpoint, credentials)
        finally:
            process.terminate()


def run(command: Sequence[str], *, source: Server | None = None, cwd: Path | None = None) -> Cost:
    """Run a command to its end.

    Raises:
        RuntimeError: It failed; with the end of what it printed.
    """
    if source is not None:
        source.ask("reset")
    began = time.perf_counter()
    _inherit_orphans()
    with subprocess.Popen(  # noqa: S603  (our own commands)
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=cwd, process_group=0
    ) as process:
        assert process.stdout is not None  # noqa: S101  (it is a pipe)
        printed = process.stdout.read()
        ended = {pid: (status, usage) for pid, status, usage in _ended(process.pid)}
        process.returncode = os.waitstatus_to_exitcode(ended[process.pid][0])
    wall = time.perf_counter() - began
    if process.returncode:
        raise RuntimeError(f"{command} ended with {process.returncode}:\n{printed[-2000:]}")
    scale = 1024 if sys.platform == "linux" else 1024**2
    usages = [usage for _, usage in ended.values()]
    cpu = sum(usage.ru_utime + usage.ru_stime for usage in usages)
    cost = Cost(wall, cpu, max(usage.ru_maxrss for usage in usages) / scale)
    if source is None:
        return cost
    asked = source.tally()
    return Cost(
        cost.wall, cost.cpu, cost.memory, asked["cpu"], int(asked["requests"]), int(asked["rendered"])
    )


def _inherit_orphans() -> None:
    """Be the parent of what a child leaves behind, so that its processor time is known, too.

    The server of forks that ``--processes`` starts ends a moment after the command does.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_CHILD_SUBREAPER, 1, 0, 0, 0)


def _ended(group: int) -> Iterator[tuple[int, int, resource.struct_rusage]]:
    """Wait for all processes of a group."""
    with suppress(ChildProcessError):
        while True:
            yield os.wait4(-group, 0)


def turns(contenders: Mapping[str, Callable[[], Cost]], rounds: int) -> dict[str, list[Cost]]:
    """Let the contenders run in turns, ``rounds`` times.

    The first round warms the server. So does each later one in which it had to render something: what the
    harvester asks depends on which answer came first. Such rounds do not count, as long as there are others.
    """
    sound, void = list[dict[str, Cost]](), list[dict[str, Cost]]()
    for number in range(1 + 3 * rounds):
        costs = {name: contender() for name, contender in contenders.items()}
        if number and not any(cost.rendered for cost in costs.values()):
            sound.append(costs)
        elif number:
            void.append(costs)
        if len(sound) == rounds:
            break
    counted = [*sound, *void][:rounds]
    return {name: [costs[name] for costs in counted] for name in contenders}


def median(costs: Sequence[Cost]) -> Cost:
    """The median of each figure on its own."""
    rows = [asdict(cost) for cost in costs]
    figures = {name: statistics.median(row[name] for row in rows) for name in rows[0]}
    return Cost(**{**figures, "requests": int(figures["requests"]), "rendered": int(figures["rendered"])})


def ratio(ours: Sequence[Cost], theirs: Sequence[Cost], figure: str) -> float:
    """Median, over the rounds, of a figure of ours divided by theirs of the same round."""
    pairs = zip(ours, theirs, strict=True)
    return float(statistics.median(getattr(one, figure) / getattr(other, figure) for one, other in pairs))
