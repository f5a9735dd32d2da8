"""The vendor's storage: the files behind the URLs of a history, made up from their paths.

Recordings and logs are served below the paths that the vendor's URLs have, whatever their host: ask here
instead of there.
"""

import asyncio
import hashlib
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import formatdate
from functools import partial

from aiohttp import hdrs, web

from harvester.emulator.answers import Answer
from harvester.emulator.behaviour import Behaviour
from harvester.emulator.counts import Counts
from harvester.emulator.faults import UNANSWERED, Faults
from harvester.emulator.hanging import broken_off, unanswered
from harvester.emulator.refusals import Refusal
from harvester.emulator.tokens import Keys

PATH = "/{path:vox[a-z-]+/.+}"
_DAY = 86_400
_LEAST, _SPREAD = 1_000, 40_000  # bytes
_TYPES = {"mp3": "audio/mpeg", "txt": "text/plain"}


@dataclass(frozen=True, slots=True)
class FileAsked:
    """One request for a file, and what came of it.

    Attributes:
        path: With the query.
        range: The header of that name, empty if there was none.
        with_token: Whether there was an ``Authorization`` header.
        status: The HTTP status; 0 if there was no answer.
        first: The first byte that was sent, of the file.
        sent: Bytes sent of the body.
        fault: The kind of fault it met, if any.
    """

    path: str
    range: str
    with_token: bool
    status: int = 0
    first: int = 0
    sent: int = 0
    fault: str | None = None


class Files:
    """The storage of an account.

    Attributes:
        faults: What goes wrong from the next request on; parameters of a request are ``path`` and those of
            its query.
        asked: The requests since the last reset, in the order in which their answers were ready.
        removed: Ids of recordings that were deleted.
    """

    def __init__(
        self, keys: Keys, now: Callable[[], float], behaviour: Callable[[], Behaviour], removed: set[int]
    ) -> None:
        """Serve to whom ``keys`` know, by the clock ``now``, as ``behaviour`` says from time to time."""
        self.faults = Faults()
        self.asked: list[FileAsked] = []
        self.removed = removed
        self._keys = keys
        self._now = now
        self._behaviour = behaviour
        self._counts = Counts()

    @property
    def most_in_flight(self) -> int:
        """Most requests that were open at once since the last reset."""
        return self._counts.most_in_flight

    @property
    def arrivals(self) -> list[float]:
        """When requests came since the last reset, by the loop's clock."""
        return self._counts.arrivals

    def reset(self) -> None:
        """Count from nothing again."""
        self._counts.reset()
        self.asked.clear()

    def content(self, path: str) -> bytes:
        """The bytes of the file at a path, given without its query; those of the transcript are no text."""
        seed = hashlib.sha256(path.encode()).digest()
        size = self._behaviour().file_bytes
        size = _LEAST + int.from_bytes(seed[:4]) % _SPREAD if size is None else size
        return hashlib.shake_256(seed).digest(size)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Answer a request for a file."""
        number = self._counts.arrived(asyncio.get_running_loop().time())
        try:
            return await self._served(request, number)
        finally:
            self._counts.left()

    async def _served(self, request: web.Request, number: int) -> web.StreamResponse:
        parameters = {"path": request.path, **request.query}
        fault = self.faults.due(number, parameters)
        asked = partial(
            FileAsked,
            request.path_qs,
            request.headers.get(hdrs.RANGE, ""),
            hdrs.AUTHORIZATION in request.headers,
            fault=fault.kind if fault else None,
        )
        if fault is not None and fault.kind in UNANSWERED:
            self.asked.append(asked())
            return await unanswered(request, fault.kind)

        async def ask(_parameters: Mapping[str, str]) -> Answer:
            return self._answer(request)

        answer = await (ask(parameters) if fault is None else fault.effect(parameters, ask))
        sent = len(answer.body) if answer.sent is None else answer.sent
        first = re.match(r"bytes (\d+)", answer.headers.get(hdrs.CONTENT_RANGE, ""))
        self.asked.append(asked(status=answer.status, first=int(first[1]) if first else 0, sent=sent))
        headers = {
            **answer.headers,
            hdrs.CONTENT_TYPE: answer.content_type,
            hdrs.DATE: formatdate(self._now(), usegmt=True),
        }
        if answer.sent is not None:
            return await broken_off(request, answer, headers)
        if self._behaviour().lengths or answer.status >= 300:  # noqa: PLR2004  (no body worth cutting up)
            return web.Response(body=answer.body, status=answer.status, headers=headers)
        response = web.StreamResponse(status=answer.status, headers=headers)
        response.enable_chunked_encoding()
        with suppress(ConnectionResetError):  # whoever asked is gone
            await response.prepare(request)
            await response.write(answer.body)
            await response.write_eof()
        return response

    def _answer(self, request: web.Request) -> Answer:
        behaviour, path = self._behaviour(), request.path
        if "-secure/" in path and not self._may_read(request):
            return _text("Authorization failed", 401)
        if self._is_gone(request, behaviour):
            return _text("Not found", behaviour.gone_status)
        body = self.content(path)
        headers: dict[str, str] = {}
        if behaviour.etags:
            headers[hdrs.ETAG] = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        kind = _TYPES.get(path.rpartition(".")[2], "application/octet-stream")
        start = self._start(request, headers.get(hdrs.ETAG)) if behaviour.ranges else None
        if start is None:
            return Answer(body, content_type=kind, headers=headers)
        if start >= len(body):
            return _text("Range not satisfiable", 416)
        headers[hdrs.CONTENT_RANGE] = f"bytes {start}-{len(body) - 1}/{len(body)}"
        return Answer(body[start:], 206, content_type=kind, headers=headers)

    def _may_read(self, request: web.Request) -> bool:
        try:
            self._keys.asker(request.headers.get(hdrs.AUTHORIZATION))
        except Refusal:
            return False
        return True

    def _is_gone(self, request: web.Request, behaviour: Behaviour) -> bool:
        record_id = request.query.get("record_id", "")
        if record_id.isdecimal() and int(record_id) in self.removed:
            return True
        days = behaviour.log_days if "logs" in request.path.split("/")[1] else behaviour.recording_days
        made = re.search(r"/(\d{4})/(\d\d)/(\d\d)/", request.path)
        if days is None or made is None:
            return False
        day = datetime(int(made[1]), int(made[2]), int(made[3]), tzinfo=UTC).timestamp()
        return self._now() >= day + (days + 1) * _DAY

    def _start(self, request: web.Request, tag: str | None) -> int | None:
        """The first byte asked for, if not all are: of a range without end, as clients that go on ask."""
        found = re.fullmatch(r"bytes=(\d+)-", request.headers.get(hdrs.RANGE, ""))
        condition = request.headers.get(hdrs.IF_RANGE)
        if found is None or (condition is not None and condition != tag):
            return None
        return int(found[1])


def _text(text: str, status: int) -> Answer:
    return Answer(text.encode(), status, content_type="text/plain")
