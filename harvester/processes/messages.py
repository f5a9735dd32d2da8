"""What coordinator and worker say to each other, over sockets that nobody else can reach.

Each message is its length and its pickle: both ends are this program, of the same version. Keys travel so,
too, since arguments and environment of a process are for everybody to read.
"""

import asyncio
import io
import os
import pickle
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NoReturn

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)

from harvester.api.credentials import Credentials
from harvester.config import Job
from harvester.errors import HarvestError
from harvester.lake.layout import Layout
from harvester.number_key import NumberKey

_LENGTH = struct.Struct(">I")


@dataclass(frozen=True, slots=True)
class Order:
    """What a worker is to do.

    Attributes:
        job: The job; concurrency and memory are the worker's share.
        credentials: Whose history.
        layout: Where files go.
        epoch: Of the owner of the lake.
        run: The run's number in the ledger; 0 before it has one.
        level: The least that is logged, as a number of ``logging``.
        pause: Seconds that are left of a pause which the API asked for before.
    """

    job: Job
    credentials: Credentials
    layout: Layout
    epoch: int
    run: int = 0
    level: int = 0
    pause: float = 0.0


class _Pickler(pickle.Pickler):
    """Also for what refuses to be written down anywhere else, or cannot be made anew by its own arguments."""

    def reducer_override(self, value: object) -> Any:  # noqa: ANN401  (pickle's own)
        match value:
            case MappingProxyType():
                return _frozen, (dict(value),)
            case NumberKey():
                return NumberKey, (value.spelt(),)
            case RSAPrivateKey():
                der = value.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
                return _key, (der,)
            case HarvestError():
                return _failure, (type(value), value.args, value.__dict__)
            case _:
                return NotImplemented


def packed(message: object) -> bytes:
    """A message as it is sent."""
    _Pickler(buffer := io.BytesIO()).dump(message)
    return _LENGTH.pack(buffer.tell()) + buffer.getvalue()


async def receive(reader: asyncio.StreamReader) -> Any:  # noqa: ANN401  (whatever was sent)
    """The next message; ``None`` if the other end is gone."""
    try:
        (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
        return pickle.loads(await reader.readexactly(length))  # noqa: S301  (from our own process)
    except (asyncio.IncompleteReadError, ConnectionError):
        return None


class Caller:
    """Has the coordinator do what only the owner of the lake may, and waits for it."""

    def __init__(self, connection: socket.socket) -> None:
        """Speak over ``connection``."""
        self._connection = connection
        self._answers = connection.makefile("rb")

    def __call__(self, name: str, *arguments: object, **named: object) -> Any:  # noqa: ANN401  (as the call)
        """What the coordinator answers; without it this process ends."""
        try:
            self._connection.sendall(packed((name, arguments, named)))
            (length,) = _LENGTH.unpack(self._read(_LENGTH.size))
            return pickle.loads(self._read(length))  # noqa: S301  (from our own process)
        except ConnectionError:
            orphaned()

    def _read(self, size: int) -> bytes:
        content = self._answers.read(size)
        if len(content) < size:
            orphaned()
        return content


def orphaned() -> NoReturn:
    """End now: whoever owned the lake for this process is dead, and the next owner may be waiting."""
    os._exit(1)


def _frozen(content: dict[Any, Any]) -> MappingProxyType[Any, Any]:
    return MappingProxyType(content)


def _key(der: bytes) -> RSAPrivateKey:
    # Whoever sent it has looked whether it is sound, which takes a tenth of a second.
    key = load_der_private_key(der, None, unsafe_skip_rsa_key_validation=True)
    assert isinstance(key, RSAPrivateKey)  # noqa: S101  (it was one when it was sent)
    return key


def _failure(
    kind: type[HarvestError], arguments: tuple[object, ...], rest: Mapping[str, Any]
) -> HarvestError:
    error = kind.__new__(kind, *arguments)
    error.__dict__.update(rest)
    return error
