"""Whether a harvest could start: every finding with its remedy, so that nothing surprises later."""

import os
import shutil
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from harvester.api.client import Client
from harvester.api.connection import connected
from harvester.api.credentials import Credentials, load_credentials
from harvester.api.pacing import Pace
from harvester.api.persistence import Meter
from harvester.api.question import Question
from harvester.api.report_answers import list_of
from harvester.config import Job
from harvester.errors import (
    ClockError,
    ConfigError,
    HarvestError,
    LakeError,
    LakeLockedError,
    RefusedError,
    RequestError,
    UnavailableError,
    ZoneError,
)
from harvester.lake.database import Database
from harvester.lake.layout import Layout
from harvester.lake.ledger import Ledger
from harvester.lake.lock import refuse_owned
from harvester.lake.opening import has_begun
from harvester.report_methods import ROLES
from harvester.settled import Answered, Settled

_LEAST_FREE = 1 << 30  # bytes
_MOST_SKEW = 30.0  # seconds
_OUT_OF_REACH = "see whether --endpoint is right, and whether this machine reaches it: network, --ca-file"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        subject: What.
        text: What was found, and the remedy if it is not as it should be.
        failure: Why a harvest would fail; ``None`` if it would not.
        doubtful: Whether it is not as it should be, though a harvest would run all the same.
    """

    subject: str
    text: str
    failure: HarvestError | None = None
    doubtful: bool = False


async def examine(
    job: Job, *, now: Callable[[], float] = time.time, pace: Pace | None = None
) -> AsyncIterator[Finding]:
    """Look at everything a harvest needs, in the order in which it would need it.

    One request is sent: for one record of the job's range; and one for the list of reports, if it needs any.

    Args:
        job: What would be harvested.
        now: Gives Unix time.
        pace: Of whoever asks before and after; the job's own budget if ``None``.
    """
    credentials = None
    try:
        credentials, warnings = load_credentials(job.credentials)
        yield Finding("key file", f"account {credentials.account_id}, key {credentials.key_id}")
        for warning in warnings:
            yield Finding("key file", warning, doubtful=True)
    except HarvestError as error:
        yield Finding("key file", str(error), error)
    for finding in _lake(job, credentials):
        yield finding
    if credentials is not None:
        async for finding in _ask(job, credentials, now, pace):
            yield finding


async def _ask(
    job: Job, credentials: Credentials, now: Callable[[], float], pace: Pace | None
) -> AsyncIterator[Finding]:
    try:
        async with connected(job, credentials, Meter(), now=now, pace=pace) as client:
            allowed = await _allowed(client, job)
            yield Finding("endpoint", job.endpoint)  # only now: something answered there
            yield allowed
            if allowed.failure is None and job.way != "pages":
                yield await _reports(client)
            yield _clock(client, job, now)
    except UnavailableError as error:
        yield Finding("endpoint", f"{job.endpoint}: {error}; {_OUT_OF_REACH}", error)
    except HarvestError as error:
        yield Finding("endpoint", str(error), error)


async def _allowed(client: Client, job: Job) -> Finding:
    """Whether the key may ask for the dataset.

    Raises:
        HarvestError: The question could not be asked.
    """
    parameters = Question(job.window.start, job.window.end).parameters(job.dataset, 0, 1)
    try:
        await client.fetch(job.dataset.method, {**job.shared, **parameters})
    except (RefusedError, RequestError, ZoneError) as error:
        return Finding("token and role", str(error), error)
    return Finding("token and role", f"{job.dataset.method} is allowed")


async def _reports(client: Client) -> Finding:
    """Whether the key may look at reports; whether it may order and download them, only a report shows."""
    try:
        await client.ask("GetHistoryReports", {"count": "1"}, list_of)
    except HarvestError as error:
        return Finding("reports", str(error), error)
    return Finding("reports", f"may be listed; to download them the key needs one of {', '.join(ROLES)}")


def _clock(client: Answered, job: Job, now: Callable[[], float]) -> Finding:
    """Whether the API's clock agrees, and if not, whether a harvest of the range would stop at that."""
    skew = client.skew
    text = f"{skew:+.0f} s from the API's clock" if skew else "agrees with the API's clock"
    try:
        if (settled := job.settled(now())) is not None:
            Settled(job.settle, now, client).check(settled.end)
    except (ClockError, ConfigError) as error:
        return Finding("clock", str(error), error)
    if abs(skew) <= _MOST_SKEW:
        return Finding("clock", text)
    remedy = f"{text}; tokens are dated by the API's clock, but set this machine's clock (NTP)"
    return Finding("clock", remedy, doubtful=True)


def _lake(job: Job, credentials: Credentials | None) -> Iterator[Finding]:
    lake = job.lake
    folder = lake.absolute()
    while not folder.exists():
        folder = folder.parent
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        text = f"{folder} cannot be written; give a folder you own with --lake"
        yield Finding("lake", text, ConfigError(text))
        return
    layout = Layout(lake, job.name)
    try:
        refuse_owned(layout.lock)
        text = f"{lake} can be written" if folder == lake.absolute() else f"{lake} can be made"
        yield Finding("lake", text)
    except LakeLockedError as error:
        yield Finding("lake", f"{error}; wait for its end, or stop it", error)
    yield from _ledger(layout, job, credentials)
    yield _disk(folder)


def _disk(folder: Path) -> Finding:
    free = shutil.disk_usage(folder).free
    text = f"{free / 1e9:.1f} GB free"
    if free >= _LEAST_FREE:
        return Finding("disk", text)
    text += "; a year of a million sessions takes about 1 GB while it is harvested: make room"
    return Finding("disk", text, doubtful=True)


def _ledger(layout: Layout, job: Job, credentials: Credentials | None) -> Iterator[Finding]:
    """Nothing is said of a lake that is still to be made; whose it is, only if a key says who asks."""
    try:
        if has_begun(layout):
            with Database.open(layout.ledger, read_only=True) as database:
                if credentials is not None:
                    Ledger(database, job.name).check(credentials.account_id, job.identity)
                yield Finding("ledger", "sound")
    except LakeError as error:
        yield Finding("ledger", str(error), error)
