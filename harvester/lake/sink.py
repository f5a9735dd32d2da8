"""Takes proven windows in any order and publishes every partition as soon as it is covered."""

import asyncio
import json
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from functools import partial
from typing import TypeVar

import pyarrow as pa

from harvester.lake.assembly import Assembly, HarvestedPiece
from harvester.lake.catalog import Publications
from harvester.lake.entries import Intent, Publication
from harvester.lake.footer import sealed
from harvester.lake.layout import Layout, Partition, partition_at, partitions
from harvester.lake.publish import Published, show
from harvester.lake.shown import Shown
from harvester.lake.spool import Spool
from harvester.lake.table import Table
from harvester.lake.writer import Draft, Writer
from harvester.window import Window, as_text, merged, shares, subtract

T = TypeVar("T")
Replay = Callable[[Window], Iterable[pa.RecordBatch]]


class Sink:
    """The one writer of a run: one draft is written at a time, in ``thread``.

    Memory: rows are held until their turn comes, ``memory`` bytes at most; beyond, the youngest partitions
    keep only their answers in the spool and are decoded again when their turn comes.
    """

    def __init__(
        self,
        layout: Layout,
        table: Table,
        catalog: Publications,
        spool: Spool,
        *,
        todo: Iterable[Window],
        replay: Replay,
        run: int,
        thread: Executor,
        memory: int,
    ) -> None:
        """Prepare to publish.

        Args:
            layout: Where files go.
            table: What they have in common.
            catalog: Where publishing is written down.
            spool: Whose windows are freed once published.
            todo: The seconds this run is to prove; a partition waits for all of its share.
            replay: Gives the rows of a proven window again, from the spool; called in ``thread``.
            run: The run's number in the ledger.
            thread: Runs what blocks on disk; one worker.
            memory: Most Arrow bytes to hold, beside one row group.
        """
        self.published = Published()
        self._layout = layout
        self._table = table
        self._catalog = catalog
        self._spool = spool
        self._todo = merged(todo)
        self._left: list[Window] = []
        self._covered = catalog.coverage()
        self._shown = Shown(layout, table, catalog, self._covered)
        self._replay = replay
        self._run = run
        self._thread = thread
        self._memory = memory
        self._assemblies: dict[Partition, Assembly] = {}

    async def take(
        self, window: Window, batches: Sequence[pa.RecordBatch], *, leave: Sequence[Window] = ()
    ) -> None:
        """Take a proven window; publish what it completes.

        Args:
            window: The span; disjoint from every other window taken. Seconds that this run is not to prove
                (an earlier run, asked for more, left the window) are passed over.
            batches: All its records, sorted by time, then key.
            leave: Seconds of it whose records are not final: left to a later run, and waited for no more.

        Raises:
            OSError: The disk refuses it.
            DraftError: A draft is not what was written.
        """
        self._leave(leave)
        all_touched = {item for item in self._assemblies if any(map(item.span.meets, leave))}
        empty: list[Window] = []
        for todo in self._todo:
            if share := window.overlap(todo):
                touched = self._touched(share, list(self._table.time.cut(batches, share)))
                for partition in touched:
                    self._add(partition, window, share, batches)
                empty += subtract(share, [partition.span for partition in touched])
                all_touched.update(touched)
        assemblies = [self._assemblies[item] for item in sorted(all_touched)]
        done = [assembly for assembly in assemblies if not assembly.missing]
        await self._publish(done, empty, is_left=bool(leave))
        await self._relieve()

    async def flush_with_gaps(self) -> None:
        """Publish the partitions that miss something for the part that is proven, marked incomplete.

        What was proven of the rest before, and published, stays: a gap says nothing against it.
        """
        for partition, assembly in self._assemblies.items():
            kept = self._shown.sound(partition, assembly.missing)
            assembly.fall_back(kept)
            # It was not read anew, so what is suspect there stays so.
            not_anew = [piece.window for piece in kept]
            self._todo = tuple(rest for todo in self._todo for rest in subtract(todo, not_anew))
        await self._publish(list(self._assemblies.values()), ())

    @property
    def unfinished(self) -> int:
        """How many partitions have some of their records and wait for more."""
        return len(self._assemblies)

    def abort(self) -> None:
        """Throw away the drafts of what could not be published; their answers stay in the spool.

        Waits for what ``thread`` is doing, which a cancellation does not stop.
        """
        # In the thread: a Parquet writer that two threads use at once crashes the process.
        self._thread.submit(self._abort).result()

    @property
    def held_bytes(self) -> int:
        """Arrow bytes held in memory."""
        return sum(assembly.held_bytes for assembly in self._assemblies.values())

    def _leave(self, windows: Sequence[Window]) -> None:
        # What runs among published records leaves these as they were: covered, by the file and by the ledger.
        self._left += [rest for window in windows for rest in subtract(window, self._covered)]
        # What was not to be read anew is in the assemblies already.
        given_up = [share for todo in self._todo for share in shares(windows, todo)]
        for partition, assembly in self._assemblies.items():
            assembly.leave(given_up, self._shown.sound(partition, given_up))
        self._todo = tuple(rest for todo in self._todo for rest in subtract(todo, windows))

    def _touched(self, share: Window, batches: Sequence[pa.RecordBatch]) -> list[Partition]:
        """Partitions that need a file or wait for more; all others in ``share`` are proven to be empty."""
        granularity = self._table.granularity
        seconds = self._table.time.starts(batches, granularity) | {share.start, share.end - 1}
        seconds |= {item.span.start for item in self._catalog.published(share)}
        touched = {partition_at(granularity, second) for second in seconds}
        # A file that the ledger does not know of, as recover leaves it, is to be replaced.
        touched |= {item for item in partitions(granularity, share) if self._shown.lies_there(item)}
        return sorted(touched | {item for item in self._assemblies if item.span.meets(share)})

    def _add(
        self, partition: Partition, window: Window, share: Window, batches: Sequence[pa.RecordBatch]
    ) -> None:
        if partition not in self._assemblies:
            self._assemblies[partition] = self._assembly(partition)
        (part,) = shares([share], partition.span)  # what is touched shares a second with it
        cut = self._table.time.cut
        held = list(cut(batches, part))
        self._assemblies[partition].add(HarvestedPiece(part, held, lambda: cut(self._replay(window), part)))

    def _assembly(self, partition: Partition) -> Assembly:
        """A new assembly, with what the published file keeps: its coverage, less what this run reads anew."""
        kept = self._shown.kept(partition, subtract(partition.span, self._todo))
        needed = [*shares(self._todo, partition.span), *(piece.window for piece in kept)]
        return Assembly(partition, needed, kept)

    def _abort(self) -> None:
        for assembly in self._assemblies.values():
            assembly.abort()

    async def _publish(
        self, assemblies: Sequence[Assembly], empty: Sequence[Window], *, is_left: bool = False
    ) -> None:
        intents: list[Intent] = []
        for assembly in assemblies:
            # A gap that an earlier run let through stays one, though this run was not asked for it.
            lacking = subtract(assembly.partition.span, [*assembly.covers, *self._left])
            complete = not assembly.missing and not any(map(self._catalog.has_gap, lacking))
            draft = await self._in_thread(self._finish, assembly, complete)
            if draft.rows or self._shown.is_seen(assembly.partition):
                intents.append(self._intent(assembly, draft, complete=complete))
            else:
                for item in (draft, *draft.others):
                    item.path.unlink()
                empty = [*empty, *assembly.covers]
        if not intents and not empty and not is_left:
            return
        await self._in_thread(self._spool.sync)
        self._catalog.intend(intents, self._run)
        for assembly in assemblies:  # from here on their drafts are the ledger's to finish or to clear away
            del self._assemblies[assembly.partition]
        await self._in_thread(show, self._layout.root, intents)
        news = [intent.publication for intent in intents]
        for window in self._catalog.publish(news, self._run, empty=empty, left=self._left, anew=self._todo):
            self._spool.free(window.start)
        shown = [*empty, *(window for item in news for window in item.covers)]
        # Else a window over two partitions would be kept for the sake of the one that was published first.
        self._todo = tuple(rest for todo in self._todo for rest in subtract(todo, shown))
        self.published.partitions += len(news)
        self.published.rows += sum(item.rows for item in news)
        self.published.bytes += sum(item.size for item in news)

    def _finish(self, assembly: Assembly, complete: object) -> Draft:
        covers = [[as_text(window.start), as_text(window.end)] for window in assembly.covers]
        metadata = {
            **self._table.metadata,
            "harvester.covers": json.dumps(covers),
            "harvester.complete": json.dumps(complete),
            "harvester.run": str(self._run),
        }
        return assembly.finish(self._beginning(assembly), sealed(metadata))

    def _intent(self, assembly: Assembly, draft: Draft, *, complete: bool) -> Intent:
        path, *paths = self._layout.files(assembly.partition)
        parts, span = tuple(map(Draft.shown_at, draft.others, paths)), assembly.partition.span
        publication = Publication(
            span, path, draft.rows, draft.bytes, draft.sha256, complete, assembly.covers, parts
        )
        # As the files: the next start may come from another folder, or find the lake moved.
        drafts = [item.path.relative_to(self._layout.root) for item in (draft, *draft.others)]
        return Intent(publication, drafts[0], tuple(drafts[1:]))

    async def _relieve(self) -> None:
        """Give memory back: rows whose turn has come go to disk, then the youngest partitions are dropped."""
        assemblies = sorted(self._assemblies.values(), key=lambda assembly: assembly.partition)
        # Only the oldest may have a draft open, so that at most one unfinished row group is held.
        if assemblies and assemblies[0].has_row_group:
            await self._in_thread(assemblies[0].write_ready, self._beginning(assemblies[0]))
        for assembly in reversed(assemblies):
            if self.held_bytes <= self._memory:
                break
            assembly.drop()

    def _beginning(self, assembly: Assembly) -> Callable[[], Writer]:
        return partial(self._table.begin, self._layout.drafts_of(assembly.partition, self._catalog.epoch))

    async def _in_thread(self, function: Callable[..., T], *values: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *values)
