"""The vendor's own client, unchanged, asked in a thread, as it blocks, over TLS, as it insists on that."""

import asyncio
import json
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import trustme
from voximplant.apiclient import VoximplantAPI

from harvester.emulator import Emulator, serve

Task = Callable[[VoximplantAPI], Any]
Ask = Callable[..., Any]


def asking(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """What serves an emulator, and runs a task of the client with a key of some roles."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "authority.pem"))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(folder / "authority.pem"))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)

    async def ask(emulator: Emulator, task: Task, *roles: str) -> Any:
        path = folder / "credentials.json"
        path.write_text(json.dumps(emulator.credentials(*roles)))
        async with serve(emulator, ssl_context=context) as endpoint:
            client = VoximplantAPI(str(path), endpoint=urlsplit(endpoint).netloc)
            return await asyncio.to_thread(task, client)

    return ask
