"""A network of one process: connections are two ends in memory, and bytes travel by timers of the loop.

Nothing depends on when the kernel calls a socket ready, so the same seed gives the same run.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random
from typing import Any
from unittest.mock import patch

from tests.simulation.connection import ClientEnd, End, Socket
from tests.virtual_time import VirtualTimeLoop


@dataclass(frozen=True, slots=True)
class Weather:
    """What the network does to connections.

    Attributes:
        latency: Seconds that bytes travel at most, one way.
        pieces: In how many pieces a write arrives at most.
        refused: Share of the connections that are refused.
        broken: Share of the connections that break after some bytes from the server.
        silent: Share of the connections that carry nothing more after some bytes from the server.
        outage: Seconds from and to which no connection is made, and those there break.
    """

    latency: float = 0.05
    pieces: int = 1
    refused: float = 0.0
    broken: float = 0.0
    silent: float = 0.0
    outage: tuple[float, float] | None = None

    @property
    def loses(self) -> bool:
        """Whether an answer that left may not arrive."""
        return bool(self.broken or self.silent or self.outage)


CLEAR = Weather()


class Network(VirtualTimeLoop):
    """The loop and its network: whoever connects reaches the one server.

    Attributes:
        wire: When a request left the client (``""``), and when an answer that asks for a pause had come to it
            as a whole (the seconds asked for, as text).
    """

    def __init__(self, random: Random, weather: Weather) -> None:
        """Draw delays and faults from ``random``."""
        super().__init__(sockets=False)
        self._random = random
        self._weather = weather
        self._server: Callable[[], asyncio.Protocol] | None = None
        self._ends: list[End] = []
        self.wire: list[tuple[float, str]] = []
        if weather.outage:
            self.call_at(weather.outage[0], self._break_all)

    def listen(self, server: Callable[[], asyncio.Protocol]) -> None:
        """Let ``server`` make the other end's protocol of every connection."""
        self._server = server

    def delay(self) -> float:
        """How long the next bytes travel, in seconds."""
        return self._random.uniform(0, self._weather.latency)

    def cut(self, content: bytes) -> Iterator[bytes]:
        """The pieces that a write arrives in."""
        places = self._random.randint(1, self._weather.pieces) - 1 if self._weather.pieces > 1 else 0
        cuts = sorted(self._random.randrange(len(content)) for _ in range(places))
        for start, end in zip([0, *cuts], [*cuts, len(content)], strict=True):
            if start < end:
                yield content[start:end]

    async def start_connection(self, *_: object, **__: object) -> Socket:
        """Stands in for ``aiohappyeyeballs``: reaches the server, or is refused.

        Raises:
            ConnectionRefusedError: By chance, or during an outage.
        """
        await asyncio.sleep(2 * self.delay())
        if self._random.random() < self._weather.refused or self._is_out():
            raise ConnectionRefusedError(111, "Connection refused")
        return Socket()

    async def create_connection(
        self, protocol_factory: Callable[[], Any], *_: Any, **__: Any
    ) -> tuple[End, Any]:
        """Join a client to the server; of the many forms of this method, the one that aiohttp uses."""
        assert self._server is not None, "nobody listens"
        near, far = ClientEnd(self, protocol_factory(), self.wire), End(self, self._server())
        near.join(far)
        far.join(near)
        self._doom(far)
        self._ends.append(far)
        far.get_protocol().connection_made(far)
        near.get_protocol().connection_made(near)
        return near, near.get_protocol()

    def _doom(self, end: End) -> None:
        drawn = self._random.random()
        for share, then in ((self._weather.broken, "broken"), (self._weather.silent, "silent")):
            if 0 <= drawn < share:
                end.limit, end.then = self._random.randrange(4_000), then
            drawn -= share

    def _is_out(self) -> bool:
        outage = self._weather.outage
        return outage is not None and outage[0] <= self.time() < outage[1]

    def _break_all(self) -> None:
        for end in self._ends:
            end.abort()
        self._ends.clear()


@contextmanager
def connected(network: Network) -> Iterator[None]:
    """Let aiohttp's client connect through ``network`` while the block lasts."""
    with patch("aiohttp.connector.aiohappyeyeballs.start_connection", network.start_connection):
        yield
