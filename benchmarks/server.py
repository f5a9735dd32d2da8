"""The API of the benchmarks: every answer is rendered and compressed before anything is measured.

In front stands a server that knows so little HTTP that an answer costs it a look into a dictionary and one
write. A question it has not seen goes to the emulator behind it, and is known from then on: a first run of
each contender warms it, and the runs that count never wait for a rendering. It tells its own processor time,
because a benchmark whose server is the limit measures the server.

``python -m benchmarks.server --sessions 200000 --folder FOLDER`` prints what ``harvester emulator`` prints.
"""

import argparse
import asyncio
import json
import signal
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from harvester import notation
from harvester.api.gunzip import BACKENDS
from harvester.emulator import Behaviour, Emulator, SyntheticAccount, serve
from harvester.emulator.counts import busiest_second

START, END = "2024-01-01", "2024-03-01"
_FASTEST = next(iter(BACKENDS.values()))
_UNSENT = ("host", "content-length", "connection")


@dataclass(slots=True)
class Tally:
    """What was asked since the last reset.

    Attributes:
        arrivals: When, by the loop's clock.
        questions: Path and body of each.
        rendered: How many of them were not known yet.
        in_flight: Open now.
        most_in_flight: Most that were open at once.
        bytes_sent: Answers, with their heads.
        began: The process's processor seconds at the reset.
    """

    arrivals: list[float] = field(default_factory=list)
    questions: list[tuple[str, str]] = field(default_factory=list)
    rendered: int = 0
    in_flight: int = 0
    most_in_flight: int = 0
    bytes_sent: int = 0
    began: float = field(default_factory=time.process_time)

    def totals(self) -> dict[str, object]:
        """All of it, as JSON knows it."""
        return {
            "requests": len(self.arrivals),
            "rendered": self.rendered,
            "most_in_flight": self.most_in_flight,
            "busiest_second": busiest_second(self.arrivals),
            "bytes_sent": self.bytes_sent,
            "seconds": self.arrivals[-1] - self.arrivals[0] if self.arrivals else 0.0,
            "cpu": time.process_time() - self.began,
        }


class Answers:
    """Whole HTTP answers by question."""

    def __init__(self, behind: str, session: aiohttp.ClientSession, latency: float, *, keep: bool) -> None:
        self.latency = latency
        self._keep = keep
        self.tally = Tally()
        self._behind = behind
        self._session = session
        self._known: dict[tuple[bytes, bytes], bytes] = {}

    async def answer(self, verb: str, path: bytes, headers: dict[str, str], body: bytes) -> bytes:
        """The answer's bytes, its head included."""
        if path == b"/tally":
            return _http(json.dumps(self.tally.totals()).encode(), {})
        if path == b"/questions":
            return _http(json.dumps(self.tally.questions).encode(), {})
        if path == b"/reset":
            self.tally = Tally()
            return _http(b"{}", {})
        tally, loop = self.tally, asyncio.get_running_loop()
        tally.arrivals.append(loop.time())
        tally.questions.append((path.decode(), body.decode()))
        tally.in_flight += 1
        tally.most_in_flight = max(tally.most_in_flight, tally.in_flight)
        try:
            due = loop.time() + self.latency
            if (known := self._known.get((path, body))) is None:
                known = await self._rendered(verb, path, headers, body)
            if (rest := due - loop.time()) > 0:
                await asyncio.sleep(rest)
        finally:
            tally.in_flight -= 1
        tally.bytes_sent += len(known)
        return known

    async def _rendered(self, verb: str, path: bytes, headers: dict[str, str], body: bytes) -> bytes:
        self.tally.rendered += 1
        sent = {name: value for name, value in headers.items() if name not in _UNSENT}
        if not self._keep:
            sent["accept-encoding"] = "identity"  # compressed here, in a quarter of the time
        async with self._session.request(
            verb, self._behind + path.decode(), data=body, headers=sent
        ) as response:
            text = await response.read()
            kept = {
                name: response.headers[name]
                for name in ("Content-Type", "Content-Encoding")
                if name in response.headers
            }
            if not self._keep and "gzip" in headers.get("accept-encoding", ""):
                text, kept["Content-Encoding"] = _gzipped(text), "gzip"
            answer = _http(text, kept, response.status)
            if self._keep and response.status == 200 and b'"error"' not in text[:64]:  # noqa: PLR2004  (OK)
                self._known[path, body] = answer
            return answer


def _gzipped(text: bytes) -> bytes:
    deflate = _FASTEST.compressobj(1, wbits=31)
    return bytes(deflate.compress(text) + deflate.flush())


def _http(body: bytes, headers: dict[str, str], status: int = 200) -> bytes:
    lines = [f"HTTP/1.1 {status} Known", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


class Connection(asyncio.Protocol):
    """One client's connection; one request at a time, as HTTP/1.1 without pipelining has it."""

    def __init__(self, answer: Callable[[str, bytes, dict[str, str], bytes], Awaitable[bytes]]) -> None:
        self._answer = answer
        self._buffer = bytearray()
        self._tasks: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  (a server's connections are streams)
        self._transport = transport
        transport.set_write_buffer_limits(high=1 << 24)

    def data_received(self, data: bytes) -> None:
        """Answer as soon as a request is whole."""
        self._buffer += data
        head, found, rest = bytes(self._buffer).partition(b"\r\n\r\n")
        if not found:
            return
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = int(headers.get("content-length", 0))
        if len(rest) < length:
            return
        del self._buffer[: len(head) + 4 + length]
        verb, path, _ = first.split(" ")
        task = asyncio.ensure_future(self._reply(verb, path.encode(), headers, rest[:length]))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _reply(self, verb: str, path: bytes, headers: dict[str, str], body: bytes) -> None:
        self._transport.write(await self._answer(verb, path, headers, body))


async def main(options: argparse.Namespace) -> None:
    """Serve until SIGTERM."""
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    span = notation.span(options.start, options.end)
    account = SyntheticAccount(options.sessions, span.start, span.end, shape=options.shape)
    emulator = Emulator(account, Behaviour(), cache_bytes=0)  # what it rendered is kept in front
    credentials = Path(options.folder) / "credentials.json"
    credentials.write_text(json.dumps(emulator.credentials("Owner")))
    credentials.chmod(0o600)
    async with AsyncExitStack() as stack:
        behind = await stack.enter_async_context(serve(emulator))
        session = await stack.enter_async_context(aiohttp.ClientSession(auto_decompress=False))
        answers = Answers(behind, session, options.latency, keep=options.keep == "true")
        server = await loop.create_server(lambda: Connection(answers.answer), "127.0.0.1", 0)
        print(f"endpoint     http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        print(f"credentials  {credentials}", flush=True)
        await ended.wait()
        server.close()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--sessions", type=int, default=200_000)
    parser.add_argument("--from", dest="start", default=START)
    parser.add_argument("--to", dest="end", default=END)
    parser.add_argument("--shape", default="daily")
    parser.add_argument("--latency", type=float, default=0.0)
    parser.add_argument("--keep", choices=["true", "false"], default="true", help="keep what was rendered")
    parser.add_argument("--folder", required=True)
    return parser.parse_args()


if __name__ == "__main__":
    asyncio.run(main(_options()))
