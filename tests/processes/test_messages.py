import asyncio
import socket
from pathlib import Path
from types import MappingProxyType

import pytest

from harvester import errors
from harvester.config import Job
from harvester.datasets import CALLS
from harvester.errors import ConfigError, HarvestError
from harvester.lake.layout import Layout
from harvester.number_key import NumberKey
from harvester.processes.coordinator import check
from harvester.processes.messages import Caller, Order, packed, receive
from harvester.window import Window
from tests.keys import CREDENTIALS

FAILURES: list[HarvestError] = [
    errors.ConfigError("a sentence"),
    errors.LedgerDamagedError(Path("ledger"), "torn"),
    errors.RefusedError(104, "no", "ask for the role"),
    errors.RequestError(116, "no such application"),
    errors.RangeTooWideError(30),
    errors.TokenError(100, "who?"),
    errors.RateLimitedError("slow down", retry_after=3.0),
    errors.WorkerLostError(-9),
]


def _job(**settings: object) -> Job:
    needed = {"window": Window(0, 10), "lake": Path("lake"), "credentials": Path("key.json")}
    return Job(dataset=CALLS, name="calls", **needed, **settings)  # type: ignore[arg-type]  # passed through


async def _sent(message: object) -> object:
    one, other = socket.socketpair()
    with one:
        one.sendall(packed(message))
    reader, writer = await asyncio.open_connection(sock=other)
    received = await receive(reader)
    assert await receive(reader) is None  # the other end is gone
    writer.close()
    return received


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: type(failure).__name__)
async def test_a_failure_arrives_as_it_was(failure: HarvestError) -> None:
    """Class, sentence and figures of an error decide on the exit code, in whichever process it happened."""
    received = await _sent(failure)
    assert type(received) is type(failure)
    assert (str(received), vars(received)) == (str(failure), vars(failure))


async def test_an_order_brings_all_that_a_worker_needs() -> None:
    """Keys too, which are in no argument and no environment; and it can be told apart from nothing else."""
    key = NumberKey(b"k" * 32)
    job = _job(number_key=key, filters=MappingProxyType({"application_id": "7"}))
    order = Order(job, CREDENTIALS, Layout(job.lake, job.name), 7, 8, 9)
    received = await _sent(order)
    assert isinstance(received, Order)
    assert (received.job, received.layout, received.epoch, received.run, received.level) == (
        *(job, order.layout),
        *(7, 8, 9),
    )
    assert received.job.number_key is not None
    assert received.job.number_key.hashed(b"1") == key.hashed(b"1")
    assert received.credentials.private_key.private_numbers() == CREDENTIALS.private_key.private_numbers()


@pytest.mark.real_time
async def test_a_call_waits_for_its_answer() -> None:
    """A worker asks one thing after the other, whatever their size."""
    one, other = socket.socketpair()
    reader, writer = await asyncio.open_connection(sock=other)

    async def serve() -> None:
        while (call := await receive(reader)) is not None:
            writer.write(packed(call))

    async with asyncio.TaskGroup() as group:
        group.create_task(serve())
        caller = Caller(one)
        for size in (0, 1, 1 << 20):
            answer = await asyncio.to_thread(caller, "name", b"x" * size, more=size)
            assert answer == ("name", (b"x" * size,), {"more": size})
        one.shutdown(socket.SHUT_RDWR)
    one.close()
    writer.close()


@pytest.mark.parametrize(
    ("settings", "processes", "sentence"),
    [
        ({}, 0, "at least 1"),
        ({"via": "reports", "switches": {"records": False, "resources": False}}, 2, "--processes 2"),
        ({"concurrency": 3}, 4, "--concurrency 3"),
    ],
)
def test_what_several_processes_cannot_share(
    settings: dict[str, object], processes: int, sentence: str
) -> None:
    """It is refused in a sentence, before anything is asked or made."""
    with pytest.raises(ConfigError, match=sentence):
        check(_job(**settings), processes)


def test_what_one_process_can_do_is_not_refused() -> None:
    """The checks are for several processes."""
    check(_job(via="reports", switches={"records": False, "resources": False}, concurrency=1), 1)
    check(_job(concurrency=4), 4)
