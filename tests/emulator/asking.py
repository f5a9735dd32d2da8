"""What every HTTP test of the emulator needs: a client with a token, and answers as it sees them."""

import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import jwt

from harvester.emulator import Emulator, serve

DAY = {"from_date": "2024-05-29 00:00:00", "to_date": "2024-05-29 23:59:59"}


def token(credentials: Mapping[str, Any], **claims: object) -> str:
    """Sign a token as a client does, with some claims of its own; a claim of ``None`` is left out."""
    issued = int(time.time()) - 5
    payload = {"iss": str(credentials["account_id"]), "iat": issued, "exp": issued + 600} | claims
    return jwt.encode(
        {name: value for name, value in payload.items() if value is not None},
        credentials["private_key"],
        algorithm="RS256",
        headers={"kid": credentials["key_id"]},
    )


class Client:
    """Asks an emulator that is being served."""

    def __init__(self, session: aiohttp.ClientSession, endpoint: str, bearer: str) -> None:
        self.session = session
        self.endpoint = endpoint
        self.headers = {"Authorization": f"Bearer {bearer}"}

    async def ask(self, method: str = "GetCallHistory", **parameters: object) -> dict[str, Any]:
        """POST a form, as the harvester does; return the JSON of the answer."""
        form = {name: str(value) for name, value in parameters.items()}
        url = f"{self.endpoint}/platform_api/{method}"
        async with self.session.post(url, data=form, headers=self.headers) as response:
            answer: dict[str, Any] = json.loads(await response.read())
            return answer

    async def code(self, method: str = "GetCallHistory", **parameters: object) -> int:
        """Ask what must be refused; return the code."""
        code: int = (await self.ask(method, **parameters))["error"]["code"]
        return code


@asynccontextmanager
async def client_of(emulator: Emulator, *roles: str) -> AsyncIterator[Client]:
    """Serve the emulator, and ask it with a key of its own."""
    bearer = token(emulator.credentials(*roles))
    async with serve(emulator) as endpoint, aiohttp.ClientSession() as session:
        yield Client(session, endpoint, bearer)
