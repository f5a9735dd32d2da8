"""Connections that end without an answer, or in the middle of one."""

import asyncio
import socket
import struct

from aiohttp import hdrs, web

from harvester.emulator.answers import Answer
from harvester.emulator.faults import RESET, STALL

CLOSING = web.AppKey("closing", asyncio.Event)


async def unanswered(request: web.Request, kind: str) -> web.Response:
    """End a request by a fault of ``UNANSWERED``."""
    if kind == STALL:
        # Ends with the client (the server cancels handlers whose client has gone) or with the server.
        await request.app[CLOSING].wait()
    if kind == RESET:
        # Lingering for no time makes the system send RST instead of FIN when the socket is closed.
        linger = struct.pack("ii", 1, 0)
        request.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    request.protocol.force_close()
    return web.Response()


async def broken_off(request: web.Request, answer: Answer, headers: dict[str, str]) -> web.StreamResponse:
    """Announce all of a body and send ``answer.sent`` bytes of it; then hang up, or hang."""
    headers[hdrs.CONTENT_LENGTH] = str(len(answer.body))
    response = web.StreamResponse(status=answer.status, headers=headers)
    await response.prepare(request)
    await response.write(answer.body[: answer.sent])
    if answer.stalls:
        await request.app[CLOSING].wait()
    request.protocol.force_close()
    return response


async def close(application: web.Application) -> None:
    """Let those that hang go."""
    application[CLOSING].set()
