"""The two ends of a connection in memory: what one writes, the other hears a while later."""

import asyncio
import re
import socket
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from typing import Protocol

_AFTER = re.compile(rb"\r\nRetry-After: ([\d.]+)")
_LENGTH = re.compile(rb"\r\nContent-Length: (\d+)")
_NEXT = 1e-6  # seconds between two deliveries: timers of the same moment fire in no order


class Carrier(Protocol):
    """Whatever bytes travel through."""

    def delay(self) -> float:
        """How long the next bytes travel, in seconds."""
        ...

    def cut(self, content: bytes) -> Iterator[bytes]:
        """The pieces that a write arrives in."""
        ...


class Socket:
    """What is asked of a socket: whether it was told to reset, not to close.

    Attributes:
        resets: Whether it was.
    """

    family = socket.AF_INET
    type = socket.SOCK_STREAM

    def __init__(self) -> None:
        self.resets = False

    def setsockopt(self, _level: int, option: int, _value: object) -> None:
        """Take an option; lingering for no time is how a reset is asked for."""
        self.resets = self.resets or option == socket.SO_LINGER


class End(asyncio.Transport):
    """One end of a connection.

    Attributes:
        limit: Bytes that may leave here before something happens; ``None`` for no limit.
        then: What happens: ``broken`` or ``silent``.
    """

    def __init__(self, network: Carrier, protocol: asyncio.Protocol) -> None:
        self._socket = Socket()
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

    def write(self, data: bytes | bytearray | memoryview) -> None:
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
            self._deliver(partial(_receive, piece))

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


def _receive(piece: bytes, end: End) -> None:
    end.receive(piece)


class ClientEnd(End):
    """The client's end, which keeps account of when requests leave and which pauses are asked for."""

    def __init__(self, network: Carrier, protocol: asyncio.Protocol, wire: list[tuple[float, str]]) -> None:
        super().__init__(network, protocol)
        self._wire = wire
        self._answer = b""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Note a request that leaves."""
        if bytes(data[:5]) == b"POST ":
            self._answer = b""
            self._wire.append((asyncio.get_running_loop().time(), ""))
        super().write(data)

    def receive(self, piece: bytes) -> None:
        """Note a pause that is asked for, when its answer is whole; one that was given up hears nothing."""
        if self._closing:
            return
        self._answer += piece
        head, found, body = self._answer.partition(b"\r\n\r\n")
        asked, length = _AFTER.search(head), _LENGTH.search(head)
        if found and asked and length and len(body) >= int(length[1]):
            self._wire.append((asyncio.get_running_loop().time(), asked[1].decode()))
        super().receive(piece)
