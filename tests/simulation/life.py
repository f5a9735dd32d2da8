"""One start of the program, in a process of its own, so that a kill is a kill: no ``finally`` runs.

What happens is told, line by line, through a pipe; after every publication it waits until it was judged.
"""

import asyncio
import gc
import importlib
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, NoReturn
from unittest.mock import patch

import orjson
import structlog
from aiohttp import web

from harvester.api import transport
from harvester.api.credentials import Credentials
from harvester.cli.exit_codes import exit_code, first_failure
from harvester.config import Job
from harvester.emulator import Emulator, Fault, Faults
from harvester.emulator.answers import Answer
from harvester.errors import HarvestError
from harvester.harvest import Backfill
from harvester.lake import sink
from harvester.lake.catalog import Catalog
from harvester.lake.database import Database
from harvester.todo import damaged, missing
from harvester.verification import Verification, Verify
from tests.keys import CREDENTIALS, PRIVATE_KEY
from tests.simulation.history import History
from tests.simulation.network import Network, connected
from tests.simulation.scenario import Death, Life, Scenario

_ENDPOINT = "http://127.0.0.1:1"
_FILE_EVENTS = frozenset({"open", "os.rename", "os.remove", "os.truncate", "os.mkdir"})
MOST_SECONDS = 30 * 86_400.0  # of virtual time: no life takes a month, whatever the API does


@dataclass(slots=True)
class Teller:
    """Tells whoever watches; ``clock`` gives virtual seconds."""

    out: int
    back: int
    clock: Callable[[], float] = lambda: 0.0

    def tell(self, what: str, **facts: object) -> None:
        """Say it."""
        os.write(self.out, orjson.dumps([what, round(self.clock(), 6), facts], option=orjson.OPT_APPEND_NEWLINE))

    def ask(self, what: str, **facts: object) -> None:
        """Say it, and wait until it was looked at."""
        self.tell(what, **facts)
        if os.read(self.back, 1) != b"+":
            os._exit(3)


class _Watched(Emulator):
    """Tells of every request."""

    def __init__(self, history: History, life: Life, teller: Teller, wall: Callable[[], float], seed: str) -> None:
        super().__init__(
            history,
            life.behaviour,
            Faults(life.faults, seed=Random(seed).getrandbits(32)),
            now=wall,
            watch=lambda _: history.advance(wall()),
            private_key=PRIVATE_KEY,
        )
        self._teller = teller

    def _note(self, at: float, parameters: Mapping[str, str], answer: Answer | None, fault: Fault | None) -> None:
        names = ("from_date", "to_date", "offset", "count", "desc_order", "with_total_count")
        asked = [parameters.get(name, "") for name in names]
        asked += [value for name, value in sorted(parameters.items()) if name in {"application_id", "rule_name", "user_id"}]
        status, code, rows = (answer.status, answer.error, answer.rows) if answer else (0, None, 0)
        kind = fault.kind if fault else ""
        self._teller.tell("asked", asked=asked, fault=kind, status=status, code=code, rows=rows)


def live(scenario: Scenario, number: int, lake: Path, begins: float, teller: Teller) -> NoReturn:
    """Live one life and exit; never returns, whatever happens.

    Args:
        scenario: Of the seed.
        number: Which of its lives.
        lake: The lake's folder.
        begins: Unix time now.
        teller: Is told what happens.
    """
    try:
        _live(scenario, number, lake, begins, teller)
    except BaseException:  # noqa: BLE001  (the parent judges; nothing may run on in the fork)
        teller.tell("broken", text=traceback.format_exc())
    os._exit(0)


def _live(scenario: Scenario, number: int, lake: Path, begins: float, teller: Teller) -> None:
    life, seed = scenario.lives[number], f"{scenario.seed} {number}"
    network = Network(Random(f"network {seed}"), life.weather)
    teller.clock = network.time
    asyncio.set_event_loop(network)

    def wall() -> float:
        return begins + network.time()

    logs: list[Mapping[str, object]] = []
    structlog.configure(processors=[partial(_kept, logs)], wrapper_class=structlog.make_filtering_bound_logger(30))
    history = History(scenario.sessions, begins)
    emulator = _Watched(history, life, teller, wall, f"faults {seed}")
    credentials = replace(CREDENTIALS, key_id=str(emulator.credentials("Owner")["key_id"]))
    job = Job(
        dataset=scenario.dataset,
        name="calls",
        window=life.window,
        lake=lake,
        credentials=lake / "no file",
        endpoint=_ENDPOINT,
        partition=scenario.partition,
        settle=scenario.settle,
        active_lag=scenario.active_lag,
        **life.settings,  # type: ignore[arg-type]
    )
    with connected(network), _watching(teller, lake, life.death, network):
        try:
            network.run_until_complete(_lived(job, credentials, emulator, network, life, teller, wall, seed))
        except BaseException as error:  # noqa: BLE001  (told, and judged there)
            _tell_failure(error, teller)
    requests = [[round(at, 6), kind] for at, kind in network.wire]
    teller.tell("over", wire=requests, logs=[str(line) for line in logs])


def _tell_failure(error: BaseException, teller: Teller) -> None:
    first = first_failure(error)
    code = exit_code(first) if isinstance(first, HarvestError) else 1
    text = "" if isinstance(first, HarvestError) else "".join(traceback.format_exception(error))
    teller.tell("failed", error=type(first).__name__, code=int(code), message=str(first), text=text)


async def _lived(
    job: Job,
    credentials: Credentials,
    emulator: Emulator,
    network: Network,
    life: Life,
    teller: Teller,
    wall: Callable[[], float],
    seed: str,
) -> None:
    runner = web.AppRunner(
        emulator.application(), access_log=None, handle_signals=False, handler_cancellation=True
    )
    await runner.setup()
    assert runner.server is not None
    network.listen(runner.server)
    async with asyncio.timeout(MOST_SECONDS):
        for scope in (damaged if life.repair else missing,):
            backfill = Backfill(job, credentials, scope=scope, now=wall, random=Random(f"retries {seed}"))
            if life.death.stopped < MOST_SECONDS:
                network.call_later(life.death.stopped, backfill.stop)
            report = await backfill.run()
            teller.tell("ended", report=report.as_json())
        if life.last:
            await _examined(job, credentials, teller, wall, seed)


async def _examined(job: Job, credentials: Credentials, teller: Teller, wall: Callable[[], float], seed: str) -> None:
    """Verify, repair what came or went too late, and verify again."""
    await asyncio.sleep(1)  # each command has a budget of its own, and takes longer to start
    found = await _verified(job, credentials, wall)
    teller.tell("verified", findings=_findings(found), differing=len(found.differing))
    if found.differing:
        await asyncio.sleep(1)
        repair = Backfill(job, credentials, scope=damaged, now=wall, random=Random(f"repair {seed}"))
        teller.tell("ended", report=(await repair.run()).as_json())
        await asyncio.sleep(1)
        found = await _verified(job, credentials, wall)
        teller.tell("verified", findings=_findings(found), differing=len(found.differing))


async def _verified(job: Job, credentials: Credentials, wall: Callable[[], float]) -> Verification:
    def again(name: str, _identity: Mapping[str, Any], window: Any) -> Job:
        return Job(
            dataset=job.dataset,
            name=name,
            window=window,
            lake=job.lake,
            credentials=job.credentials,
            endpoint=job.endpoint,
            rate=job.rate,
            concurrency=job.concurrency,
            partition=job.partition,
        )

    (result,) = await Verify(
        lake=job.lake, job=again, credentials=credentials, now=wall
    ).run()
    return result


def _findings(found: Verification) -> list[str]:
    return [f"{item.path}: {item.text}" for item in found.findings]


def _kept(logs: list[Mapping[str, object]], _logger: object, _name: str, event: Mapping[str, object]) -> NoReturn:
    logs.append(dict(event))
    raise structlog.DropEvent


@contextmanager
def _watching(teller: Teller, lake: Path, death: Death, network: Network) -> Iterator[None]:
    """Tell of every publication, count every file operation, and die when it is time."""
    operations = 0

    def die() -> None:
        teller.tell("killed", operation=operations)
        os.kill(os.getpid(), signal.SIGKILL)

    def step(*_: object) -> None:
        nonlocal operations
        operations += 1
        if operations == death.operation:
            die()

    def audit(event: str, values: tuple[object, ...]) -> None:
        if event in _FILE_EVENTS and str(values[0]).startswith(str(lake)):
            step()

    if death.operation:
        sys.addaudithook(audit)  # cannot be removed; this process ends soon
    if death.after < MOST_SECONDS:
        network.call_later(death.after, die)
    with (
        patch.object(Catalog, "publish", _told(Catalog.publish, partial(teller.ask, "published"))),
        patch.object(sink, "show", _told(sink.show, partial(teller.ask, "shown"))),
        patch.object(Database, "write", _after(step, Database.write)),
        patch("os.fsync", _after(step, os.fsync)),
    ):
        yield


def _told(function: Callable[..., Any], tell: Callable[[], None]) -> Callable[..., Any]:
    def told(*values: Any, **named: Any) -> Any:
        result = function(*values, **named)
        tell()
        return result

    return told


def _after(step: Callable[[], None], function: Callable[..., Any]) -> Callable[..., Any]:
    def stepped(*values: Any) -> Any:
        step()
        return function(*values)

    return stepped


def warm() -> None:
    """Do once what every life would do again: load what is loaded late, and read the system's certificates."""
    for name in ("pandas", "pyarrow.dataset", "pyarrow.pandas_compat", "importlib.readers"):
        importlib.import_module(name)
    tls = transport._tls(None)
    transport._tls = lambda _: tls
    gc.collect()
    gc.freeze()  # a collection in a fork would copy every page
