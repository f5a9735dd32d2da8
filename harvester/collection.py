"""One day's files: from the URLs of its records into the lake, several side by side."""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from http import HTTPStatus

from harvester.api.download import Downloader, Fetched
from harvester.api.routes import Routes, UnroutableError
from harvester.errors import RefusedError
from harvester.lake.attachments import Attachment, Day, plain
from harvester.lake.database import Database
from harvester.lake.manifest import FAILED, GONE, STORED, Entries, Entry
from harvester.lake.notes import Notes
from harvester.lake.partial import NotWholeError, Partial, Proof
from harvester.lake.shelf import Shelf, suffix_of
from harvester.tally import Tally
from harvester.task_group import TaskGroup

_EARLY = "fetched while its call still ran"
_NO_MORE = "fetched while its call still ran, and gone since"
_GONE_EARLY = "gone while its call still ran"
_MOVED = "fetched from where it lay before, and gone from where the history says that it lies now"
_UNFINISHED = "they were not finished when their calls were read last; harvester sync reads these anew"


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """Fetches what is not stored yet.

    Attributes:
        routes: Where files may be asked for.
        downloader: Asks for them.
        database: The ledger, which knows who owns the lake.
        tally: Counts.
        kinds: Which kinds of files are wanted.
        again: Whether to ask for what was gone, too.
        concurrency: Files under way at most.
        now: Gives Unix time.
        is_stopped: Tells whether to begin nothing more.
    """

    routes: Routes
    downloader: Downloader
    database: Database
    tally: Tally
    kinds: tuple[str, ...]
    again: bool
    concurrency: int
    now: Callable[[], float]
    is_stopped: Callable[[], bool]

    async def collect(self, day: Day, shelf: Shelf, known: Entries) -> bool:
        """Fetch the files of a day; ``known`` learns what became of each.

        A file has its final name only when it is whole, durable, read back and written down.

        Returns:
            Whether all were begun with: false if the run was stopped before.

        Raises:
            ExceptionGroup: A token is refused, the hosts cannot be reached, or the disk refuses.
        """
        wanted = (item for item in day.attachments if item.identity.kind in self.kinds)
        todo = [item for item in wanted if not self._is_settled(item, shelf, known)]
        if not todo:
            return True
        todo.sort(key=lambda item: _failed(known.get(item.identity)))  # the others are not to wait for these
        shelf.make()
        waiting = iter(todo)
        try:
            with shelf.noting() as notes:
                async with TaskGroup() as group:
                    for number in range(min(self.concurrency, len(todo))):
                        group.create_task(self._work(waiting, shelf, known, notes), name=f"file {number}")
        finally:
            self._own_up(todo, shelf, known)
        return next(waiting, None) is None

    @staticmethod
    def _own_up(todo: Iterable[Attachment], shelf: Shelf, known: Entries) -> None:
        """Call nothing stored that is not there: a kill came before its last rename, or somebody took it."""
        for item in todo:
            entry = known.get(item.identity)
            if entry is not None and entry.status == STORED and not shelf.lies_there(entry):
                known[item.identity] = replace(entry, status=FAILED, reason="the file is not on disk")

    def _is_settled(self, item: Attachment, shelf: Shelf, known: Entries) -> bool:
        """Whether a file is not to be asked for by this run; counts it then."""
        entry = known.get(item.identity)
        if entry is not None and entry.deleted_at is not None:
            # The vendor has it no more, and would say that it is gone, which is no failure; but this is one.
            known[item.identity] = entry = shelf.only_copy(entry)
            if entry.status == STORED:
                self.tally.held += 1
            else:
                self.tally.failed.append(entry)
        elif not item.is_final:
            self._leave(_UNFINISHED)
        elif entry is None:
            return False
        elif shelf.lies_there(entry):
            if (entry.reason == _EARLY and not item.runs) or _has_moved(entry, item):
                return False  # a beginning must not be kept for the whole, nor what was for what is
            self.tally.held += 1
        elif entry.status == GONE and not self.again and not _may_be_there_now(entry, item):
            self.tally.known_gone += 1
        else:
            return False
        return True

    def _leave(self, reason: str) -> None:
        self.tally.left[reason] = self.tally.left.get(reason, 0) + 1

    async def _work(self, waiting: Iterator[Attachment], shelf: Shelf, known: Entries, notes: Notes) -> None:
        while not self.is_stopped() and (item := next(waiting, None)) is not None:
            await self._fetch(item, shelf, known, notes)

    async def _fetch(self, item: Attachment, shelf: Shelf, known: Entries, notes: Notes) -> None:
        """Have a file, or learn why not; of one that is left to the next run nothing is written down."""
        missed = partial(self._missed, item, shelf, known, notes)
        try:
            route = self.routes.of(item.url, record_id=item.record_id if item.by_number else None)
        except UnroutableError as error:
            missed(Fetched(None, reason=str(error)))
            return
        # The beginning of a log while its call ran, or of one at another place, is not that of this one.
        source = f"{plain(item.url)} {'running' if item.runs else 'final'}"
        begun = await asyncio.to_thread(Partial, shelf.partials / str(item.identity), source)
        failed_before = _failed(known.get(item.identity))
        try:
            # All bytes may be here already: a kill can come between the last one and the name.
            fetched = Fetched(None, whole=True) if begun.is_whole else None
            fetched = fetched or await self.downloader.fetch(route, begun, failed_before=failed_before)
            if fetched.whole:
                before, entry = known.get(item.identity), await self._kept(item, begun, shelf, notes)
                known[item.identity] = entry
                if before is not None:
                    shelf.drop(before, entry)
            elif fetched.left:
                self._leave(fetched.reason)
            else:
                if fetched.gone:
                    begun.forget()
                missed(fetched)
        except NotWholeError as error:
            missed(Fetched(HTTPStatus.OK, reason=str(error)))
        except RefusedError as error:
            # Written down, for it may be this file alone: then the next run gets beyond it.
            missed(Fetched(error.code, reason=str(error)))
            raise
        finally:
            begun.pause()

    async def _kept(self, item: Attachment, begun: Partial, shelf: Shelf, notes: Notes) -> Entry:
        proof = await asyncio.to_thread(begun.finish)
        target = shelf.path(item.identity, suffix_of(item.identity.kind, item.url, begun.content_type))
        entry = self._with_file(item, proof, begun, str(target.relative_to(shelf.root)))
        # In this order: a file under its final name is one of which everything is known.
        self._noted(notes, entry)
        shelf.show(begun.path, target)
        begun.moved()
        self._count(entry)
        return entry

    def _missed(self, item: Attachment, shelf: Shelf, known: Entries, notes: Notes, fetched: Fetched) -> None:
        """Write down that a file could not be had; what was had before is better than nothing."""
        entry, before = self._without_file(item, fetched), known.get(item.identity)
        self._count(entry)
        if before is not None and shelf.lies_there(before):
            if not fetched.gone:
                return
            entry = replace(before, url=entry.url, reason=_reason_now(before, item))
        known[item.identity] = self._noted(notes, entry)

    def _noted(self, notes: Notes, entry: Entry) -> Entry:
        self.database.check_owned()  # a run that was paused, and followed by another, writes nothing more
        notes.keep(entry)
        return entry

    def _with_file(self, item: Attachment, proof: Proof, begun: Partial, path: str) -> Entry:
        return Entry(
            key=item.identity.key,
            kind=item.identity.kind,
            record_id=item.record_id,
            url=plain(item.url),
            status=STORED,
            http_status=HTTPStatus.OK,
            reason=_EARLY if item.runs else None,
            path=path,
            bytes=proof.bytes,
            sha256=proof.sha256,
            content_type=begun.content_type or None,
            fetched_at=int(self.now()),
        )

    def _without_file(self, item: Attachment, fetched: Fetched) -> Entry:
        return Entry(
            key=item.identity.key,
            kind=item.identity.kind,
            record_id=item.record_id,
            url=plain(item.url),
            status=GONE if fetched.gone else FAILED,
            http_status=fetched.status,
            reason=_GONE_EARLY if fetched.gone and item.runs else fetched.reason,
            fetched_at=int(self.now()),
        )

    def _count(self, entry: Entry) -> None:
        match entry.status:
            case "stored":
                self.tally.stored += 1
                self.tally.stored_bytes += entry.bytes or 0
            case "gone":
                self.tally.gone += 1
            case _:
                self.tally.failed.append(entry)


def _has_moved(entry: Entry, item: Attachment) -> bool:
    """Whether what is stored may not be what the history means now; a number says that it is."""
    return item.record_id is None and entry.url != plain(item.url)


def _reason_now(before: Entry, item: Attachment) -> str:
    """Why what was stored before may not be all of a file that is gone now."""
    if before.reason not in {_EARLY, _NO_MORE}:
        return _MOVED
    return _EARLY if item.runs else _NO_MORE


def _may_be_there_now(entry: Entry, item: Attachment) -> bool:
    """Whether that a file was gone says nothing any more: its call has ended since, or it lies elsewhere."""
    return (entry.reason == _GONE_EARLY and not item.runs) or entry.url != plain(item.url)


def _failed(entry: Entry | None) -> bool:
    """Whether an earlier run could not have a file."""
    return entry is not None and entry.status == FAILED
