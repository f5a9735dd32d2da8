"""A network of one process: connections are two ends in memory, and bytes travel by timers of the loop.

Nothing depends on when the kernel calls a socket ready, so the same seed gives the same run.
"""

import asyncio
import re
import socket
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random
from typing import Any
from unittest.mock import patch

from tests.virtual_time import VirtualTimeLoop

_AFTER = re.compile(rb"\r\nRetry-After: ([\d.]+)")
_LENGTH = re.compile(rb"\r\nContent-Length: (\d+)")
_NEXT = 1e-6  # seconds between two deliveries: timers of the same moment fire in no order


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


class _Socket:
    """What is asked of a socket: whether it was told to reset, not to close."""

    family = socket.AF_INET
    type = socket.SOCK_STREAM

    def __init__(self) -> None:
        self.resets = False

    def setsockopt(self, _level: int, option: int, _value: object) -> None:
        self.resets = self.resets or option == socket.SO_LINGER


class End(asyncio.Transport):
    """One end of a connection.

    Attributes:
        limit: Bytes that may leave here before something happens; ``None`` for no limit.
        then: What happens: ``broken`` or ``silent``.
    """

    def __init__(self, network: "Network", protocol: asyncio.Protocol) -> None:
        self._socket = _Socket()
        super().__init__({"socket": self._socket, "peername": ("127.0.0.1", 1), "sockname": ("127.0.0.1", 2)})
        self.limit: int | None = None
        self.then = ""
        self._network = network
        self._protocol = protocol
        self._peer: End | None = None
        self._last = 0.0
        self._closing = self._lost = self._paused = False
        self._waiting: deque[Callable[[], None]] = deque()

    def join(self, peer: "End") -> None:
        """Become the other end of ``peer``."""
        self._peer = peer

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Whoever listens here."""
        return self._protocol

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Let another listen."""
        assert isinstance(protocol, asyncio.Protocol)
        self._protocol = protocol

    def is_closing(self) -> bool:
        """Whether nothing more can be written."""
        return self._closing

    def pause_reading(self) -> None:
        """Let what arrives wait."""
        self._paused = True

    def resume_reading(self) -> None:
        """Hand on what waits."""
        self._paused = False
        while self._waiting and not self._paused:
            self._waiting.popleft()()

    def is_reading(self) -> bool:
        """Whether what arrives is handed on."""
        return not (self._paused or self._closing)

    def get_write_buffer_size(self) -> int:
        """Nothing waits here: the network takes all."""
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """No limit is ever reached."""

    def can_write_eof(self) -> bool:
        """A half-closed connection is not simulated."""
        return False

    def write(self, data: bytes | bytearray | memoryview) -> None:  # type: ignore[type-arg,unused-ignore]
        """Send; arrives after a while, perhaps in pieces, perhaps not whole."""
        content = bytes(data)
        if self._closing or not content:
            return
        if self.limit is not None:
            content, short = content[: self.limit], len(content) > self.limit
            self.limit -= len(content)
            self._send(content)
            if short and self.then == "broken":
                self.abort()
            return
        self._send(content)

    def close(self) -> None:
        """Send what was written, then the end; or a reset, if the socket was told so."""
        self._finish(None, reset=self._socket.resets)

    def abort(self) -> None:
        """Break the connection: what is under way to the other end arrives, then a reset."""
        self._finish(ConnectionResetError("reset in the simulation"), reset=True)

    def _send(self, content: bytes) -> None:
        for piece in self._network.cut(content):
            self._deliver(lambda end, piece=piece: end.receive(piece))  # type: ignore[misc]

    def _finish(self, error: Exception | None, *, reset: bool) -> None:
        if self._closing:
            return
        self._closing = True
        self._deliver(lambda end: end.hang_up(reset=reset))
        asyncio.get_running_loop().call_soon(self._lose, error)

    def _deliver(self, what: Callable[["End"], None]) -> None:
        loop, peer = asyncio.get_running_loop(), self._peer
        assert peer is not None
        self._last = max(self._last + _NEXT, loop.time() + self._network.delay())
        loop.call_at(self._last, lambda: what(peer))

    def receive(self, piece: bytes) -> None:
        """Some bytes arrive."""
        if self._closing:
            return
        if self._paused:
            self._waiting.append(lambda: End.receive(self, piece))
        else:
            self._protocol.data_received(piece)

    def hang_up(self, *, reset: bool) -> None:
        """The other end is gone."""
        if self._paused and not reset and not self._closing:
            self._waiting.append(lambda: self.hang_up(reset=reset))
            return
        if self._closing:
            return
        if not reset:
            self._protocol.eof_received()
        self._closing = True
        self._lose(ConnectionResetError("reset by the other end") if reset else None)

    def _lose(self, error: Exception | None) -> None:
        if not self._lost:
            self._lost = True
            self._protocol.connection_lost(error)


class ClientEnd(End):
    """The client's end, which keeps account of when requests leave and which pauses are asked for."""

    def __init__(self, network: "Network", protocol: asyncio.Protocol) -> None:
        super().__init__(network, protocol)
        self._answer = b""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Note a request that leaves."""
        if bytes(data[:5]) == b"POST ":
            self._answer = b""
            self._network.wire.append((self._network.time(), ""))
        super().write(data)

    def receive(self, piece: bytes) -> None:
        """Note a pause that is asked for, when its answer is whole."""
        self._answer += piece
        head, found, body = self._answer.partition(b"\r\n\r\n")
        if found and (asked := _AFTER.search(head)) and (length := _LENGTH.search(head)):
            if len(body) >= int(length[1]):
                self._network.wire.append((self._network.time(), asked[1].decode()))
        super().receive(piece)


class Network(VirtualTimeLoop):
    """The loop and its network: whoever connects reaches the one server.

    Attributes:
        wire: When a request left the client (``""``), and when an answer that asks for a pause had come to it
            as a whole (the seconds asked for, as text).
    """

    def __init__(self, random: Random, weather: Weather) -> None:
        """Draw delays and faults from ``random``."""
        super().__init__()
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

    async def start_connection(self, *_: object, **__: object) -> _Socket:
        """Stands in for ``aiohappyeyeballs``: reaches the server, or is refused.

        Raises:
            ConnectionRefusedError: By chance, or during an outage.
        """
        await asyncio.sleep(2 * self.delay())
        if self._random.random() < self._weather.refused or self._is_out():
            raise ConnectionRefusedError(111, "Connection refused")
        return _Socket()

    async def create_connection(self, protocol_factory: Callable[[], Any], *_: Any, **__: Any) -> Any:  # type: ignore[override]
        """Join a client to the server."""
        assert self._server is not None, "nobody listens"
        near, far = ClientEnd(self, protocol_factory()), End(self, self._server())
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
        # In a task's absence there is no running loop to ask for: this is called by the loop itself.
        for end in self._ends:
            end.abort()
        self._ends.clear()


@contextmanager
def connected(network: Network) -> Iterator[None]:
    """Let aiohttp's client connect through ``network`` while the block lasts."""
    with patch("aiohttp.connector.aiohappyeyeballs.start_connection", network.start_connection):
        yield
