"""What a life tells of itself: every request, every publication, its end; and how it is killed."""

import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from typing import Any
from unittest.mock import patch

import orjson

from harvester.datasets import BRIEF_CALLS, CALLS, DATASETS
from harvester.emulator import Emulator, Fault, Faults, ListedAccount
from harvester.emulator.answers import Answer
from harvester.lake import publish
from harvester.lake.catalog import Catalog
from harvester.lake.database import Database
from harvester.links import DELETE_METHOD
from tests.keys import PRIVATE_KEY
from tests.simulation.history import ACCOUNT_ID, History
from tests.simulation.network import Network
from tests.simulation.scenario import Death, Life
from tests.simulation.vendor import KeptShelf, Memory

_FILE_EVENTS = frozenset({"open", "os.rename", "os.remove", "os.truncate", "os.mkdir"})
_NARROWING = {dataset.filters[name].parameter for dataset in DATASETS.values() for name in dataset.narrowing}
_TOLD = ("from_date", "to_date", "offset", "count", "desc_order", *sorted(_NARROWING))


@dataclass(slots=True)
class Teller:
    """Tells whoever watches, line by line.

    Attributes:
        say: Brings it a line.
        good: Waits until what was said is judged; whether it was good.
        clock: Gives virtual seconds.
    """

    say: Callable[[bytes], object]
    good: Callable[[], bool]
    clock: Callable[[], float] = lambda: 0.0

    def tell(self, what: str, **facts: object) -> None:
        """Say it.

        Raises:
            BrokenPipeError: A promise was broken, and nobody listens any more.
        """
        line = [what, round(self.clock(), 6), facts]
        self.say(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))

    def ask(self, what: str, **facts: object) -> None:
        """Say it, and wait until it was judged.

        Raises:
            BrokenPipeError: It broke a promise, and nobody listens any more.
        """
        self.tell(what, **facts)
        if not self.good():
            raise BrokenPipeError


class WatchedEmulator(Emulator):
    """Tells of every request, and lets the account live on before it answers."""

    def __init__(
        self, history: History, life: Life, teller: Teller, wall: Callable[[], float], memory: Memory
    ) -> None:
        name = history.dataset.name
        is_calls = name in {CALLS.name, BRIEF_CALLS.name}
        shelf = KeptShelf(memory, teller.tell, wall, life.death.done)
        super().__init__(
            history if is_calls else ListedAccount(account_id=ACCOUNT_ID),
            life.behaviour,
            Faults(life.faults, seed=Random(life.behaviour.seed).getrandbits(32)),
            now=wall,
            watch=lambda _: history.advance(wall()),
            private_key=PRIVATE_KEY,
            histories={} if is_calls else {name: history},
            shelf=shelf,
        )
        self._teller = teller
        self._memory = memory
        self._kept = shelf
        self._removed: set[int] = set()
        self.files.faults = Faults(life.broken_files, seed=life.behaviour.seed)

    def remember(self) -> None:
        """Know what was ordered and deleted in earlier lives; needs a running loop."""
        self._kept.restore()
        self._removed.update(facts["number"] for facts in self._memory.notes("removed"))
        self.files.removed.update(self._removed)

    def _note(
        self, at: float, parameters: Mapping[str, str], answer: Answer | None, fault: Fault | None
    ) -> None:
        super()._note(at, parameters, answer, fault)
        number = int(parameters.get("record_id", 0)) if parameters.get("cmd") == DELETE_METHOD else 0
        if number in self.files.removed - self._removed:
            self._removed.add(number)
            self._memory.note("removed", number=number)
            self._teller.ask("deleting", number=number)
            self._kept.done()
        self._teller.tell(
            "asked",
            asked=[parameters.get(name) for name in _TOLD],
            fault=fault.kind if fault else None,
            status=answer.status if answer else 0,
            code=answer.error if answer else None,
            rows=answer.rows if answer else 0,
        )


@contextmanager
def watching(teller: Teller, lake: Path, death: Death, network: Network) -> Iterator[None]:
    """Tell of every publication, count every file operation, and die when it is time."""
    operations = 0

    def die() -> None:
        teller.tell("killed", operation=operations)
        os.kill(os.getpid(), signal.SIGKILL)

    def step() -> None:
        nonlocal operations
        operations += 1
        if operations == death.operation:
            die()

    def audit(event: str, values: tuple[object, ...]) -> None:
        if event in _FILE_EVENTS and str(values[0]).startswith(str(lake)):
            step()

    if death.operation:
        sys.addaudithook(audit)  # cannot be removed; this process ends soon
    if death.after is not None:
        network.call_later(death.after, die)
    with (
        patch.object(Catalog, "publish", _then(partial(teller.ask, "published"), Catalog.publish)),
        patch("harvester.lake.sink.show", _then(partial(teller.ask, "shown"), publish.show)),
        patch.object(Database, "write", _before(step, Database.write)),
        patch("os.fsync", _before(step, os.fsync)),
    ):
        yield


def _then(tell: Callable[[], None], function: Callable[..., Any]) -> Callable[..., Any]:
    def told(*values: Any, **named: Any) -> Any:
        result = function(*values, **named)
        tell()
        return result

    return told


def _before(step: Callable[[], None], function: Callable[..., Any]) -> Callable[..., Any]:
    def stepped(*values: Any) -> Any:
        step()
        return function(*values)

    return stepped
