"""Every async test runs in virtual time, unless it is marked ``real_time`` (threads, processes)."""

import asyncio
import gc
import signal
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from functools import lru_cache
from typing import Any

import pytest
import structlog
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from hypothesis import settings

from harvester.api import credentials, transport
from tests.canary import canary, pytest_runtest_logreport
from tests.virtual_time import VirtualTimeLoop

__all__ = ["canary", "pytest_runtest_logreport"]

# The same examples every time: a red run stays red until the code changes. No deadline: machines are shared.
settings.register_profile("steady", derandomize=True, deadline=None)
settings.load_profile("steady")


@pytest.fixture(scope="session", autouse=True)
def _parsed_once() -> Iterator[None]:
    """Keys, whose primes are checked whenever, and the system's certificates: as long as a small harvest."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(credentials, "load_pem_private_key", lru_cache(load_pem_private_key))
        patch.setattr(transport, "_tls", lru_cache(transport._tls))
        yield


@pytest.fixture(scope="session", autouse=True)
def _mortal() -> Iterator[None]:
    """What started the tests may have had them outlive its terminal, and all processes that they start."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Print warnings only: a failed test shows what it asserts, not thousands of lines of progress."""
    structlog.configure(processors=[_warnings_only, structlog.processors.KeyValueRenderer()])
    yield
    structlog.reset_defaults()


def _warnings_only(_logger: object, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    if method in {"debug", "info"}:
        raise structlog.DropEvent
    return event


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The simulation first: its tests take minutes each, and one that starts last keeps a core idle."""
    items.sort(key=lambda item: "simulation" not in item.path.parts)


def pytest_collection_finish() -> None:
    """Modules and collected tests stay to the end: the garbage collector need not walk through them again."""
    gc.collect()
    gc.freeze()


def pytest_asyncio_loop_factories(
    config: pytest.Config,  # noqa: ARG001  (the hook's signature)
    item: pytest.Item,
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """One loop per test, by its marker."""
    if item.get_closest_marker("real_time"):
        return {"real": asyncio.SelectorEventLoop}
    return {"virtual": VirtualTimeLoop}
