"""Where and how the emulator is served."""

import socket
import ssl
from urllib.parse import urlsplit

import aiohttp
import pytest
import trustme

from harvester.emulator import Emulator, ListedAccount, serve
from tests.emulator.asking import PRIVATE_KEY


def _emulator() -> Emulator:
    return Emulator(ListedAccount(), private_key=PRIVATE_KEY)


async def _requests(endpoint: str, context: ssl.SSLContext | None = None) -> int:
    connector = aiohttp.TCPConnector(ssl=True if context is None else context)
    async with aiohttp.ClientSession(connector=connector) as session:
        async with session.post(f"{endpoint}/platform_api"):
            pass
        async with session.get(f"{endpoint}/emulator") as response:
            return int((await response.json())["requests"])


async def test_it_listens_on_loopback_only() -> None:
    """Unless told otherwise, nobody else can reach it; each gets a port of its own."""
    async with serve(_emulator()) as first, serve(_emulator()) as second:
        assert first != second
        for endpoint in (first, second):
            assert urlsplit(endpoint).hostname == "127.0.0.1"
            assert await _requests(endpoint) == 1


async def test_a_port_can_be_chosen_and_is_free_again() -> None:
    """The same emulator can be served again where it was, and goes on counting."""
    emulator = _emulator()
    async with serve(emulator) as endpoint:
        await _requests(endpoint)
    port = urlsplit(endpoint).port or 0
    async with serve(emulator, port=port) as again:
        assert again == endpoint
        assert await _requests(again) == 2


async def test_a_port_that_is_taken() -> None:
    """It is an error, and leaves nothing behind."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(OSError, match="address already in use"):
            async with serve(_emulator(), port=taken.getsockname()[1]):
                pass


async def test_https() -> None:
    """With a certificate it speaks TLS."""
    authority = trustme.CA()
    server, client = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(server)
    authority.configure_trust(client)
    async with serve(_emulator(), ssl_context=server) as endpoint:
        assert endpoint.startswith("https://127.0.0.1:")
        assert await _requests(endpoint, client) == 1
