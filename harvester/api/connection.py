"""The API, ready to be asked: transport, tokens, pace and retry put together."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from random import Random

from harvester.api.auth import TokenSource
from harvester.api.client import Client, Meter
from harvester.api.credentials import Credentials
from harvester.api.protocol import Quick
from harvester.api.transport import Limits, Transport
from harvester.config import Job


@asynccontextmanager
async def connected(
    job: Job,
    credentials: Credentials,
    meter: Meter,
    *,
    now: Callable[[], float],
    random: Random | None = None,
    quick: Quick | None = None,
) -> AsyncIterator[Client]:
    """Open the way to the API; nothing is asked yet.

    Args:
        job: Its endpoint, budget and concurrency.
        credentials: Whose history.
        meter: Counts what is asked.
        now: Gives Unix time.
        random: Spreads retries; seeded by the system if ``None``.
        quick: Reads answers that are as documented.

    Raises:
        ConfigError: The endpoint or the CA file is not usable.
    """
    limits = Limits(connections=job.concurrency)
    async with Transport(job.endpoint, limits, ca_file=job.ca_file) as transport:
        yield Client(
            transport,
            TokenSource(credentials, now=now),
            rate=job.budget,
            concurrency=job.concurrency,
            random=random or Random(),  # noqa: S311  (spreads retries; guards nothing)
            now=now,
            meter=meter,
            quick=quick,
        )
