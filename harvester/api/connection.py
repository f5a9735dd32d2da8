"""The API, ready to be asked: transport, tokens, pace and retry put together."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from random import Random

from harvester.api.auth import TokenSource
from harvester.api.breaker import OutagePolicy
from harvester.api.client import Client
from harvester.api.clock import Limits
from harvester.api.credentials import Credentials
from harvester.api.download import Downloader
from harvester.api.file_transport import FileTransport
from harvester.api.inquiry import control_of
from harvester.api.pacing import Pace
from harvester.api.persistence import Meter
from harvester.api.protocol import Quick
from harvester.api.transport import Transport
from harvester.config import Job

_LONGEST_OUTAGE = 600  # seconds; then the files of other hosts have their turn
_LONGEST_FILE = 3_600  # seconds from a request to the last byte; what is left then is asked for as a range


@asynccontextmanager
async def connected(
    job: Job,
    credentials: Credentials,
    meter: Meter,
    *,
    now: Callable[[], float],
    random: Random | None = None,
    pace: Pace | None = None,
    quick: Quick | None = None,
) -> AsyncIterator[Client]:
    """Open the way to the API; nothing is asked yet.

    Args:
        job: Its endpoint, budget and concurrency.
        credentials: Whose history.
        meter: Counts what is asked.
        now: Gives Unix time.
        random: Spreads retries; seeded by the system if ``None``.
        pace: Of whoever keeps asking, one connection after the other; the job's own budget if ``None``.
        quick: Reads answers that are as documented.

    Raises:
        ConfigError: The endpoint or the CA file is not usable.
    """
    limits = Limits(connections=job.concurrency)
    async with Transport(job.endpoint, limits, ca_file=job.ca_file) as transport:
        client = Client(
            transport,
            TokenSource(credentials, now=now, account_id=job.issuer),
            rate=job.budget,
            concurrency=job.concurrency,
            pace=pace,
            random=random or Random(),  # noqa: S311  (spreads retries; guards nothing)
            now=now,
            meter=meter,
            quick=quick,
        )
        client.control(job.dataset.method, control_of(job.dataset, job.shared))
        yield client


@asynccontextmanager
async def downloading(
    job: Job,
    credentials: Credentials,
    meter: Meter,
    *,
    now: Callable[[], float],
    random: Random | None = None,
) -> AsyncIterator[Downloader]:
    """Open the way to files; nothing is asked yet.

    Args:
        job: Its budget and concurrency, for files.
        credentials: Whose token is shown to the vendor's hosts.
        meter: Counts what is asked.
        now: Gives Unix time.
        random: Spreads retries; seeded by the system if ``None``.

    Raises:
        ConfigError: The CA file is not usable.
    """
    limits = Limits(connections=job.concurrency, total=_LONGEST_FILE)
    async with FileTransport(job.endpoint, limits, ca_file=job.ca_file) as transport:
        yield Downloader(
            transport,
            TokenSource(credentials, now=now, account_id=job.issuer),
            rate=job.rate,
            concurrency=job.concurrency,
            outages=OutagePolicy(patience=_LONGEST_OUTAGE),
            random=random or Random(),  # noqa: S311  (spreads retries; guards nothing)
            now=now,
            meter=meter,
        )
