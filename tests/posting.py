"""One request over a transport of its own, to a server of scripted sockets, and the error it may end with."""

import traceback
from pathlib import Path

import pytest

from harvester.api.clock import Limits
from harvester.api.reply import Reply
from harvester.api.transport import Transport
from harvester.errors import HarvestError

TOKEN = "eyJhbGciOi.J9.c2VjcmV0"  # noqa: S105  (looks like one, opens nothing)
FORM = {"from_date": "2024-05-29 00:00:00", "application_id": "1;2"}
LIMITS = Limits(connections=4)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


async def at_once() -> str:
    """Leave without waiting."""
    return TOKEN


async def post(endpoint: str, limits: Limits = LIMITS, ca_file: Path | None = None) -> Reply:
    """One request over a transport of its own."""
    async with Transport(endpoint, limits, ca_file=ca_file) as transport:
        return await transport.post("GetCallHistory", FORM, leave=at_once)


async def refused(
    error: type[HarvestError], endpoint: str, limits: Limits = LIMITS, ca_file: Path | None = None
) -> str:
    """The text of the error that a request ends with; neither it nor anything chained to it may tell."""
    with pytest.raises(error) as caught:
        await post(endpoint, limits, ca_file)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert TOKEN not in "".join(traceback.format_exception(caught.value))
    assert "application_id" not in str(caught.value)
    return str(caught.value)
