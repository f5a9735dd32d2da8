"""Serves an emulator on a socket."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from harvester.emulator.app import Emulator

SHUTDOWN_SECONDS = 1.0


@asynccontextmanager
async def serve(
    emulator: Emulator,
    host: str = "127.0.0.1",
    port: int = 0,
    ssl_context: ssl.SSLContext | None = None,
) -> AsyncIterator[str]:
    """Serve ``emulator`` until the block ends; requests still open then are cut after a second.

    Args:
        emulator: What to serve.
        host: Address to listen on; this machine alone can reach the default.
        port: Port to listen on; 0 takes a free one.
        ssl_context: Makes it serve HTTPS.

    Yields:
        The endpoint, ``http://host:port``, below which ``/platform_api`` lies.

    Raises:
        OSError: The address cannot be listened on.
    """
    runner = web.AppRunner(
        emulator.application(),
        access_log=None,
        handle_signals=False,
        handler_cancellation=True,
        shutdown_timeout=SHUTDOWN_SECONDS,
    )
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port, ssl_context=ssl_context)
        await site.start()
        bound = runner.addresses[0][1]
        yield f"{'https' if ssl_context else 'http'}://{host}:{bound}"
    finally:
        await runner.cleanup()
