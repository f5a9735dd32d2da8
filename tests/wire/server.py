"""A server on raw sockets: what it sends is scripted byte by byte, so that it can be as wrong as it likes."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

Script = Callable[["Visit"], Awaitable[None]]


@dataclass
class Visit:
    """One connection, seen from the server."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    requests: list[bytes] = field(default_factory=list)

    async def request(self) -> bytes:
        """The next request, head and body."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        whole = head + await self.reader.readexactly(length)
        self.requests.append(whole)
        return whole

    async def send(self, data: bytes) -> None:
        """Write and wait for the buffer."""
        self.writer.write(data)
        await self.writer.drain()


@contextlib.asynccontextmanager
async def serving(
    script: Script, tls: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[str, list[Visit]]]:
    """A server that plays ``script`` to each connection; its endpoint, and the visits so far."""
    visits: list[Visit] = []

    async def visit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        visits.append(Visit(reader, writer))
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await script(visits[-1])
        writer.close()
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            await writer.wait_closed()

    async with asyncio.TaskGroup() as group:
        server = await asyncio.start_server(
            lambda reader, writer: group.create_task(visit(reader, writer)), "127.0.0.1", 0, ssl=tls
        )
        async with server:
            port = server.sockets[0].getsockname()[1]
            yield f"{'https' if tls else 'http'}://127.0.0.1:{port}", visits


def playing(*answers: bytes, hold: bool = False) -> Script:
    """Read a request and send an answer, for each; then close, or hold the connection."""

    async def script(visit: Visit) -> None:
        for answer in answers:
            await visit.request()
            await visit.send(answer)
        if hold:
            await visit.reader.read()

    return script
