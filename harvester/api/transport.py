"""The only door to the network, and the only module that knows aiohttp.

One POST, one reply. It follows no redirect, uses no proxy from the environment, keeps no cookie and never
repeats a request: what to do about a failure is decided in ``client``.
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import urlencode, urlsplit

import aiohttp

from harvester import __version__
from harvester.api.endpoint import check_endpoint
from harvester.api.failures import one_line
from harvester.api.protocol import Reply
from harvester.errors import ConfigError, HarvestError, MalformedAnswerError, TransportError

__all__ = ["Limits", "Reply", "Transport"]

type_Leave = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much one request may take.

    Attributes:
        connect: Seconds for name, connection and TLS.
        read: Seconds without a byte, once the request has left.
        total: Seconds from the request's leaving to the last byte.
        body_bytes: Most bytes of a body as received.
        connections: Most of them open at a time.
    """

    connect: float = 10
    read: float = 60
    total: float = 120
    body_bytes: int = 64 << 20
    connections: int
