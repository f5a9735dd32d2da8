"""A small account behind the whole client, over a network in memory: a history by report, and files.

The vendor remembers what it did in a file beside the lake, since each attempt has a server of its own.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from random import Random

from aiohttp import web

from harvester import harvest
from harvester.api import transport
from harvester.api.connection import connected as really_connected
from harvester.api.credentials import Credentials
from harvester.config import Job
from harvester.datasets import CALLS, TRANSACTIONS
from harvester.emulator import Behaviour, Emulator, ListedAccount, ReportBehaviour
from harvester.harvest import Backfill
from harvester.links import DELETE_METHOD
from harvester.order import Order
from harvester.recordings import Recordings
from harvester.window import Window, as_text
from tests.keys import CREDENTIALS, PRIVATE_KEY
from tests.simulation.network import CLEAR, Network, connected
from tests.simulation.vendor import KeptShelf, Memory

DAY = 86_400
START = 1_711_929_600 - DAY  # the last day of a month, so that two reports are ordered
SPAN = Window(START, START + 2 * DAY)
NOW = START + 30 * DAY
FILE_BYTES = 2_000
_ENDPOINT = "http://127.0.0.1:1"
_STORE = "https://storage-gw-ru-02.voximplant.com/voximplant"

PAYMENTS = [
    {
        "transaction_id": 100 + number,
        "account_id": "20",
        "performed_at": as_text(START + number * 9_000),
        "amount": number / 4,
        "currency": "USD",
    }
    for number in range(16)
]
RECORDED = (1, 2, 5)  # of which recordings are kept at the vendor, until they are deleted


def session(key: int) -> dict[str, object]:
    """One with a log; some have a recording, and most of these a transcript."""
    second = START + key * 30_000
    day = as_text(second)[:10].replace("-", "/")
    known: dict[str, object] = {
        "call_session_history_id": key,
        "start_date": as_text(second),
        "log_file_url": f"{_STORE}-logs-secure/{day}/{key}/log?sessionid={key}",
    }
    if key in RECORDED:
        record = {"record_id": key * 10, "record_url": f"{_STORE}-records-secure/{day}/{key}/a.mp3"}
        text = f"{_STORE}-records-secure/{day}/{key}/text.txt"
        said = {"transcription_url": text, "transcription_status": "Complete"} if key > 1 else {}
        known["records"] = [record | said]
    return known


SESSIONS = [session(key) for key in range(6)]


def warm() -> None:
    """Read the system's certificates once."""
    transport._tls = cache(transport._tls)
    transport._tls(None)


def report(lake: Path, vendor: Path) -> str:
    """Transactions of two months by two reports, which take a while; returns how it ended."""

    async def work(credentials: Credentials) -> str:
        switches = {"extended_info": False}
        known = replace(_job(lake), dataset=TRANSACTIONS, name="transactions", switches=switches)
        job = replace(known, via="reports")
        return (await Backfill(job, credentials, now=lambda: NOW, random=_chance()).run()).outcome

    return _done(vendor, work)


def calls(lake: Path, vendor: Path) -> str:
    """The calls whose files are fetched then; returns how it ended."""

    async def work(credentials: Credentials) -> str:
        return (await Backfill(_job(lake), credentials, now=lambda: NOW, random=_chance()).run()).outcome

    return _done(vendor, work)


def files(lake: Path, vendor: Path) -> str:
    """The files of the calls, and the deletion of what is proven; returns how it ended."""
    order = Order(
        lake=lake,
        name="calls",
        credentials=lake / "none",
        endpoint=_ENDPOINT,
        concurrency=1,
        delete=True,
        confirmed=True,
    )

    async def work(credentials: Credentials) -> str:
        return (await Recordings(order, credentials, now=lambda: NOW, random=_chance()).run()).outcome

    def watch(memory: Memory, parameters: Mapping[str, str]) -> None:
        if parameters.get("cmd") == DELETE_METHOD:
            number = int(parameters["record_id"])
            path = lake / "_harvester" / "audit" / "deletions.jsonl"
            lines = path.read_bytes().splitlines() if path.exists() else []
            last = [line for line in map(json.loads, lines) if line["record_id"] == number][-1:]
            memory.note("removed", number=number, intended=[line["event"] for line in last] == ["intent"])

    return _done(vendor, work, watch)


DOES: Mapping[str, Callable[[Path, Path], str]] = {"report": report, "calls": calls, "files": files}


def _chance() -> Random:
    return Random(1)  # noqa: S311  (spreads what is tried again)


def _job(lake: Path) -> Job:
    return Job(
        dataset=CALLS,
        name="calls",
        window=SPAN,
        lake=lake,
        credentials=lake / "none",
        endpoint=_ENDPOINT,
        rate=None,
    )


def _done(
    vendor: Path,
    work: Callable[[Credentials], Awaitable[str]],
    watch: Callable[[Memory, Mapping[str, str]], None] = lambda _memory, _parameters: None,
) -> str:
    vars(harvest)["connected"] = really_connected  # whatever the small backfill put in its place
    network = Network(_chance(), CLEAR)
    asyncio.set_event_loop(network)
    memory = Memory(vendor)
    shelf = KeptShelf(memory, lambda *_, **__: None, network.time, 0)
    emulator = Emulator(
        ListedAccount(SESSIONS, account_id=20),
        Behaviour(file_bytes=FILE_BYTES, reports=ReportBehaviour(seconds=20.0)),
        now=lambda: NOW + network.time(),
        watch=lambda parameters: watch(memory, parameters),
        private_key=PRIVATE_KEY,
        histories={"transactions": ListedAccount(PAYMENTS, account_id=20, dataset=TRANSACTIONS)},
        shelf=shelf,
    )
    emulator.files.removed.update(facts["number"] for facts in memory.notes("removed"))
    credentials = replace(CREDENTIALS, key_id=str(emulator.credentials("Owner")["key_id"]))

    async def serve() -> str:
        runner = web.AppRunner(emulator.application(), access_log=None, handle_signals=False)
        await runner.setup()
        assert runner.server is not None
        network.listen(runner.server)
        shelf.restore()
        return await work(credentials)

    try:
        with connected(network):
            return network.run_until_complete(serve())
    finally:
        network.close()
