"""One start of the program; one that may be killed has a process of its own, so that no ``finally`` runs.

What happens is told to the judge. After every publication it waits until it was judged.
"""

import asyncio
import gc
import importlib
import traceback
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from random import Random
from typing import NoReturn

import structlog
from aiohttp import web

from harvester.api import transport
from harvester.cli.exit_codes import exit_code, first_failure
from harvester.errors import HarvestError, UnavailableError
from tests.keys import CREDENTIALS
from tests.simulation.history import History
from tests.simulation.network import Network, connected
from tests.simulation.program import Program, job_of
from tests.simulation.scenario import Scenario
from tests.simulation.vendor import Memory
from tests.simulation.watch import Teller, WatchedEmulator, watching

_LONGEST = 30 * 86_400.0  # virtual seconds; no life takes a month, whatever the API does
_WARNING = 30


def warm() -> None:
    """Do once what every life would do again: load what is loaded late, read the system's certificates."""
    for name in ("pandas", "pyarrow.dataset", "pyarrow.pandas_compat", "importlib.readers"):
        importlib.import_module(name)
    transport._tls = cache(transport._tls)
    transport._tls(None)
    gc.collect()
    gc.freeze()  # a collection in a fork would copy every page


def live(scenario: Scenario, number: int, lake: Path, begins: float, teller: Teller) -> None:
    """Live one life; whatever happens is told.

    Args:
        scenario: Of the seed.
        number: Which of its lives.
        lake: The lake's folder.
        begins: Unix time now.
        teller: Is told what happens.
    """
    try:
        _live(scenario, number, lake, begins, teller)
    except BaseException:  # noqa: BLE001  (told, and judged there)
        with suppress(BrokenPipeError):  # nobody listens any more: the life was judged, and found wanting
            teller.tell("broken", text=traceback.format_exc())


def _live(scenario: Scenario, number: int, lake: Path, begins: float, teller: Teller) -> None:
    life = scenario.lives[number]
    network = Network(Random(f"network {life.behaviour.seed}"), life.weather)
    asyncio.set_event_loop(network)
    teller.clock = network.time

    def wall() -> float:
        return begins + network.time()

    logs: list[str] = []
    structlog.configure(
        processors=[partial(_kept, logs)], wrapper_class=structlog.make_filtering_bound_logger(_WARNING)
    )
    history = History(scenario.sessions, begins, scenario.dataset)
    emulator = WatchedEmulator(history, life, teller, wall, Memory(lake.with_name("vendor")))
    program = Program(
        job=job_of(scenario, life, lake),
        files=scenario.files,
        life=life,
        credentials=replace(CREDENTIALS, key_id=str(emulator.credentials("Owner")["key_id"])),
        teller=teller,
        wall=wall,
    )
    with connected(network), watching(teller, lake, life.death, network):
        try:
            network.run_until_complete(_served(program, emulator, network))
        except BaseException as error:  # noqa: BLE001  (told, and judged there)
            first = first_failure(error)
            known = isinstance(first, HarvestError)
            teller.tell(
                "failed",
                error="UnavailableError" if isinstance(first, UnavailableError) else type(first).__name__,
                code=int(exit_code(first)) if isinstance(first, HarvestError) else 1,
                text=str(first).replace(str(lake), "the lake")
                if known
                else "".join(traceback.format_exception(error)),
            )
        finally:
            _shut(network)
    teller.tell("over", wire=[[round(at, 6), asked] for at, asked in network.wire], logs=logs)


def _shut(network: Network) -> None:
    """Close it; what the server still waits for is cancelled, lest it be missed on stderr."""
    left = sorted(asyncio.all_tasks(network), key=asyncio.Task.get_name)
    for task in left:
        task.cancel()
    network.run_until_complete(asyncio.gather(*left, return_exceptions=True))
    network.close()


async def _served(program: Program, emulator: WatchedEmulator, network: Network) -> None:
    runner = web.AppRunner(
        emulator.application(), access_log=None, handle_signals=False, handler_cancellation=True
    )
    await runner.setup()
    assert runner.server is not None
    network.listen(runner.server)
    emulator.remember()
    async with asyncio.timeout(_LONGEST):
        await program.run()


def _kept(logs: list[str], _logger: object, _name: str, event: Mapping[str, object]) -> NoReturn:
    logs.append(str(event))
    raise structlog.DropEvent
