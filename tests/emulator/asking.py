"""What the tests of the emulator share: a client with a token, and answers as it sees them."""

import json
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from functools import lru_cache
from typing import Any

import aiohttp
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from harvester.emulator import Account, Behaviour, Emulator, Faults, serve
from harvester.emulator.refusals import Refusal

PRIVATE_KEY = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
DAY = {"from_date": "2024-05-29 00:00:00", "to_date": "2024-05-29 23:59:59"}


def token(credentials: Mapping[str, Any], **claims: object) -> str:
    """Sign a token as a client does, with some claims of its own."""
    issued = int(time.time()) - 5
    payload = {"iss": str(credentials["account_id"]), "iat": issued, "exp": issued + 600} | claims
    headers = {"kid": credentials["key_id"]}
    return jwt.encode(payload, _parsed(credentials["private_key"]), algorithm="RS256", headers=headers)


@lru_cache
def _parsed(pem: str) -> rsa.RSAPrivateKey:
    # Each time, the primes are checked: that takes as long as a hundred signatures.
    key = load_pem_private_key(pem.encode(), password=None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


@contextmanager
def refused(code: int) -> Iterator[None]:
    """Expect a refusal with this code."""
    with pytest.raises(Refusal) as caught:
        yield
    assert caught.value.code == code


class Client:
    """Asks an emulator that is being served."""

    def __init__(self, session: aiohttp.ClientSession, emulator: Emulator, endpoint: str) -> None:
        self.session = session
        self.emulator = emulator
        self.endpoint = endpoint
        self.headers: dict[str, str] = {}

    def sign(self, *roles: str, **claims: object) -> dict[str, object]:
        """Use a new key and a new token from now on; return the key's credentials."""
        credentials = self.emulator.credentials(*roles)
        self.headers = {"Authorization": f"Bearer {token(credentials, **claims)}"}
        return credentials

    @asynccontextmanager
    async def response(
        self, path: str = "/GetCallHistory", /, **parameters: object
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """POST a form, as the harvester does."""
        form = {name: str(value) for name, value in parameters.items()}
        url = f"{self.endpoint}/platform_api{path}"
        async with self.session.post(url, data=form, headers=self.headers, allow_redirects=False) as response:
            yield response

    async def ask(self, **parameters: object) -> dict[str, Any]:
        """Ask for calls; return the JSON of the answer."""
        async with self.response("/GetCallHistory", **parameters) as response:
            answer: dict[str, Any] = json.loads(await response.read())
            return answer

    async def code(self, **parameters: object) -> int:
        """Ask what must be refused; return the code."""
        code: int = (await self.ask(**parameters))["error"]["code"]
        return code

    async def total(self, **parameters: object) -> int:
        """Ask for a day's total."""
        total: int = (await self.ask(**DAY, **parameters))["total_count"]
        return total


@asynccontextmanager
async def client_of(
    account: Account,
    behaviour: Behaviour | None = None,
    faults: Faults | None = None,
    *,
    now: Callable[[], float] = time.time,
    cache_bytes: int = 1 << 20,
    watch: Callable[[Mapping[str, str]], None] | None = None,
) -> AsyncIterator[Client]:
    """Serve the account, and ask for it with an owner's key."""
    emulator = Emulator(
        account,
        behaviour or Behaviour(),
        faults or Faults(),
        now=now,
        cache_bytes=cache_bytes,
        watch=watch,
        private_key=PRIVATE_KEY,
    )
    # The server ends first, so that its end is not helped by clients that are gone already.
    async with aiohttp.ClientSession() as session, serve(emulator) as endpoint:
        client = Client(session, emulator, endpoint)
        client.sign()
        yield client
