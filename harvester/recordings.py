"""The files behind a lake's calls: one day after the other, each asked for once, listed in a table."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import structlog

from harvester.api.client import Meter
from harvester.api.connection import connected, downloading
from harvester.api.credentials import Credentials
from harvester.api.routes import Routes
from harvester.collection import Collection
from harvester.config import VENDOR, Job
from harvester.datasets import DATASETS
from harvester.deletion import Deletion
from harvester.errors import ConfigError, LakeError
from harvester.lake.attachments import Day, days
from harvester.lake.audit import Audit
from harvester.lake.catalog import Catalog
from harvester.lake.database import Database
from harvester.lake.layout import Layout
from harvester.lake.ledger import Ledger, chosen
from harvester.lake.manifest import Shelf
from harvester.lake.opening import entered, has_begun
from harvester.lake.publish import recover
from harvester.links import KINDS, LINKS, TABLE, Link
from harvester.tally import FilesReport, Tally
from harvester.window import Window

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What to fetch, from where, and what to do then.

    Attributes:
        lake: The lake's folder.
        name: The dataset in it whose files are meant.
        credentials: The vendor's key file.
        window: The records meant; all that are published if it is ``None``.
        kinds: Which kinds of files.
        endpoint: Where the API is.
        ca_file: Certificates to trust instead of the system's.
        storage: Where the vendor's files are, as of ``Routes``.
        others: Further hosts that are asked without a token.
        rate: Requests for files per second at most; ``None`` for no limit.
        concurrency: Files under way at most.
        api_rate: Requests to the API per second at most, for deletions.
        again: Ask again for what was gone.
        delete: Have the vendor delete what is proven on disk.
        confirmed: Really do.
    """

    lake: Path
    name: str
    credentials: Path
    window: Window | None = None
    kinds: tuple[str, ...] = KINDS
    endpoint: str = VENDOR
    ca_file: Path | None = None
    storage: str | None = None
    others: tuple[str, ...] = ()
    rate: float | None = 8.0
    concurrency: int = 8
    api_rate: float | None = 8.0
    again: bool = False
    delete: bool = False
    confirmed: bool = False

    def __post_init__(self) -> None:
        if self.confirmed and not self.delete:
            raise ConfigError("--yes confirms --delete-after, which was not given")


class Recordings:
    """One run."""

    def __init__(
        self,
        order: Order,
        credentials: Credentials,
        *,
        now: Callable[[], float] = time.time,
        random: Random | None = None,
    ) -> None:
        """Prepare; nothing is opened yet.

        Args:
            order: What to fetch.
            credentials: Whose files.
            now: Gives Unix time.
            random: Spreads retries; seeded by the system if ``None``.
        """
        self._order = order
        self._credentials = credentials
        self._now = now
        self._random = random
        self._stopped = False
        self.tally = Tally()
        self.meter = Meter()

    async def run(self) -> FilesReport:
        """Fetch what is not there yet, one day after the other.

        Raises:
            ConfigError: The lake has no such files, or an option is not usable; nothing was asked.
            LakeLockedError: Another run owns the lake, or has taken it over.
            ExceptionGroup: A token is refused, the hosts cannot be reached, or the disk refuses; what is
                stored stays, and the next run goes on from there.
        """
        order, started = self._order, self._now()
        routes = Routes(order.endpoint, storage=order.storage, others=order.others)
        layout = Layout(order.lake, order.name)
        if not has_begun(layout):
            raise LakeError(f"{order.lake} is not a lake yet: harvester backfill makes one")
        async with AsyncExitStack() as stack:
            database = stack.enter_context(entered(layout, started=started))
            chosen(database, order.name)
            ledger, catalog = Ledger(database, order.name), Catalog(database, order.name)
            identity = ledger.identity() or {}
            links = available(order, identity)
            ledger.claim(self._credentials.account_id, identity, started)
            for name in (order.name, TABLE):  # what a crash left in the middle
                recover(Layout(order.lake, name), Catalog(database, name))
            collection = await self._collection(stack, database, routes, identity)
            deletion = await self._deletion(stack, identity)
            dataset = DATASETS[identity["dataset"]]
            for window in self._windows(catalog):
                for day in days(order.lake, catalog, dataset, links, window):
                    if self._stopped:
                        break
                    await self._do(day, Shelf(order.lake, day.label, dataset.key), collection, deletion)
        return FilesReport.of(self.tally, self.meter, seconds=self._now() - started, stopped=self._stopped)

    def stop(self) -> None:
        """Finish the files under way and list them; leave the rest to the next run."""
        self._stopped = True

    async def _do(self, day: Day, shelf: Shelf, collection: Collection, deletion: Deletion) -> None:
        known = shelf.entries()
        before = {} if shelf.journal.exists() else dict(known)
        try:
            await collection.collect(day, shelf, known)
            deletion.remember(known)
            if self._order.delete and not self._stopped:
                await deletion.delete(day, known)
        finally:
            # Also when something failed: what was stored until then is worth being listed.
            if known != before:
                shelf.publish(known.values(), collection.database.epoch)
        self.tally.days += 1
        _log.info("day done", day=day.label, settled=self.tally.settled, failed=len(self.tally.failed))

    async def _collection(
        self, stack: AsyncExitStack, database: Database, routes: Routes, identity: Mapping[str, Any]
    ) -> Collection:
        order = self._order
        job = _job(order, identity, rate=order.rate, concurrency=order.concurrency)
        way = downloading(job, self._credentials, self.meter, now=self._now, random=self._random)
        return Collection(
            routes=routes,
            downloader=await stack.enter_async_context(way),
            database=database,
            tally=self.tally,
            kinds=order.kinds,
            again=order.again,
            concurrency=order.concurrency,
            now=self._now,
            is_stopped=lambda: self._stopped,
        )

    async def _deletion(self, stack: AsyncExitStack, identity: Mapping[str, Any]) -> Deletion:
        order, client = self._order, None
        audit = Audit.of(order.lake)
        self.tally.unknown = len(audit.dangling)
        if audit.dangling:
            _log.warning(
                "deletions begun and not known to have ended; --delete-after --yes asks for them again",
                records=sorted(audit.dangling),
            )
        if order.confirmed:
            job = _job(order, identity, rate=order.api_rate, concurrency=1)
            way = connected(job, self._credentials, Meter(), now=self._now, random=self._random)
            client = await stack.enter_async_context(way)
        return Deletion(root=order.lake, audit=audit, client=client, tally=self.tally, now=self._now)

    def _windows(self, catalog: Catalog) -> Iterator[Window]:
        """What to look at: all that is published, or what the order names of it."""
        coverage = catalog.coverage()
        if coverage:
            whole = Window(coverage[0].start, coverage[-1].end)
            asked = whole.overlap(self._order.window or whole)
            yield from [asked] if asked else []


def available(order: Order, identity: Mapping[str, Any]) -> tuple[Link, ...]:
    """The links that the records of a dataset have.

    Raises:
        ConfigError: There are none of a kind that is wanted: they were not harvested, or not kept.
    """
    dataset = DATASETS.get(str(identity.get("dataset")))
    links = LINKS.get(dataset.name, ()) if dataset else ()
    if dataset is None or not links:
        raise ConfigError(f"the records of {order.name!r} have no files; those of {', '.join(LINKS)} do")
    if identity.get("redact_urls"):
        raise ConfigError(
            f"{order.name!r} was harvested with --redact-urls, so the lake does not know where its files are:"
            " harvest it under another --name, or into another lake, without"
        )
    left_out = {
        field: name
        for name, switch in dataset.switches.items()
        if not identity.get(name, True)
        for field in switch.adds
    }
    links = tuple(link for link in links if link.top not in left_out)
    for kind in order.kinds:
        if not any(link.kind == kind for link in links):
            others = ",".join(f"{other}s" for other in order.kinds if other != kind)
            raise ConfigError(
                f"{order.name!r} was harvested with --no-{' --no-'.join(sorted(set(left_out.values())))}, so"
                f" the lake knows no {kind}s; leave them out with --what {others or 'logs'}"
            )
    return links


def _job(order: Order, identity: Mapping[str, Any], *, rate: float | None, concurrency: int) -> Job:
    return Job.of_identity(
        identity,
        name=order.name,
        window=order.window or Window(0, 1),  # nothing is asked by it
        lake=order.lake,
        credentials=order.credentials,
        endpoint=order.endpoint,
        ca_file=order.ca_file,
        rate=rate,
        concurrency=concurrency,
    )
