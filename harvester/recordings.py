"""The files behind a lake's calls: one day after the other, each asked for once, listed in a table."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AsyncExitStack
from random import Random
from typing import Any

import structlog

from harvester.account import Account, named
from harvester.api.connection import connected, downloading
from harvester.api.credentials import Credentials
from harvester.api.persistence import Meter
from harvester.api.routes import Routes
from harvester.collection import Collection
from harvester.datasets import DATASETS
from harvester.deletion import Deletion
from harvester.errors import LakeError
from harvester.lake.attachments import Day, days
from harvester.lake.audit import Audit
from harvester.lake.catalog import Catalog
from harvester.lake.database import Database
from harvester.lake.layout import Layout
from harvester.lake.ledger import Ledger, chosen
from harvester.lake.opening import entered, has_begun
from harvester.lake.publish import recover
from harvester.lake.shelf import Shelf, tidy
from harvester.links import TABLE
from harvester.order import Order
from harvester.tally import FilesReport, Tally
from harvester.window import Window, subtract

_log = structlog.get_logger()


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
            if (meant := chosen(database, order.name)) != [order.name]:
                raise LakeError(f"say whose files are meant: --name {' or '.join(meant)}")
            ledger, catalog = Ledger(database, order.name), Catalog(database, order.name)
            identity = ledger.identity() or {}
            links = order.links(identity)
            ledger.claim(self._credentials.account_id, identity, started)
            account = order.account(identity)
            table = named(TABLE, account)
            for name in (order.name, table):  # what a crash left in the middle
                recover(Layout(order.lake, name), Catalog(database, name))
            tidy(order.lake)
            collection = await self._collection(stack, database, routes, identity)
            deletion = await self._deletion(stack, database, identity, account)
            dataset, flat = DATASETS[identity["dataset"]], identity.get("tables") == "flat"
            for window in self._windows(catalog):
                for day in days(order.lake, catalog, dataset, links, window, flat=flat):
                    if self._stopped:
                        break
                    shelf = Shelf(order.lake, day.label, dataset.key, table)
                    await self._do(day, shelf, collection, deletion)
        return FilesReport.of(self.tally, self.meter, seconds=self._now() - started, stopped=self._stopped)

    def stop(self) -> None:
        """Finish the files under way and list them; leave the rest to the next run."""
        self._stopped = True

    async def _do(self, day: Day, shelf: Shelf, collection: Collection, deletion: Deletion) -> None:
        before = [] if shelf.journal.exists() else shelf.rows()
        known = shelf.entries(deletion.audit)
        try:
            whole = await collection.collect(day, shelf, known)
            if self._order.delete and self._stopped:
                whole = False
            elif self._order.delete:
                await deletion.delete(day, known)
        finally:
            # Also when something failed: what was stored until then is worth being listed.
            if list(known.values()) != before:
                shelf.publish(known.values(), collection.database)
        self.tally.days += whole
        what = "day done" if whole else "day cut off; run again to go on"
        _log.info(what, day=day.label, settled=self.tally.settled, failed=len(self.tally.failed))

    async def _collection(
        self, stack: AsyncExitStack, database: Database, routes: Routes, identity: Mapping[str, Any]
    ) -> Collection:
        order = self._order
        job = order.job(identity, rate=order.rate, concurrency=order.concurrency)
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

    async def _deletion(
        self,
        stack: AsyncExitStack,
        database: Database,
        identity: Mapping[str, Any],
        account: Account | None,
    ) -> Deletion:
        order, client = self._order, None
        audit = Audit.of(order.lake)
        account_id = account.id if account else None
        unknown = audit.unknown(account_id)
        self.tally.unknown = len(unknown)
        if unknown:
            _log.warning(
                "deletions begun and not known to have ended; --delete-after --yes asks for them again",
                records=unknown,
            )
        if order.confirmed:
            job = order.job(identity, rate=order.api_rate, concurrency=1)
            way = connected(job, self._credentials, Meter(), now=self._now, random=self._random)
            client = await stack.enter_async_context(way)
        return Deletion(
            root=order.lake,
            database=database,
            audit=audit,
            client=client,
            tally=self.tally,
            now=self._now,
            account_id=account_id,
        )

    def _windows(self, catalog: Catalog) -> Iterator[Window]:
        """What to look at: all that is published, or what the order names of it."""
        coverage, asked = catalog.coverage(), self._order.window
        if asked is None:
            asked = Window(coverage[0].start, coverage[-1].end) if coverage else None
        else:
            self.tally.unharvested = subtract(asked, coverage)
        yield from [asked] if asked else []
