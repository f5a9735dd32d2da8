"""Decoded pages, and what can be counted on them without trusting the server."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import pyarrow as pa
import pyarrow.compute as pc

from harvester.records.decode import Decoded, Quarantined
from harvester.records.owner import Owner
from harvester.window import Window


class ContradictionError(Exception):
    """Answers that cannot all be true: the window must be read again. Never leaves the reader."""

    def __init__(self, reason: str, *, expected: int | None = None, received: int = 0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.expected = expected
        self.received = received


class NoAnswerError(ContradictionError):
    """One question is not answered, though others are: to read the window over again would ask it again."""


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns that place a record: its second, its key, perhaps whether it is final, and whose it is."""

    time: str
    key: str
    running: str | None = None
    owner: Owner | None = None


@dataclass(frozen=True, slots=True)
class ReadPage:
    """One answer.

    Attributes:
        batch: Its records as Arrow, in the order received.
        quarantined: Those that did not fit.
        total: The API's count of the whole question; ``None`` if it was not asked for or not given.
        oldest: Second of its oldest record; ``None`` if there is none.
        youngest: Second of its youngest record; likewise.
        ordered: Whether its records come in the order asked for.
        kept: Whether it was asked for earlier, perhaps long ago, and comes from the spool.
    """

    batch: pa.RecordBatch
    quarantined: tuple[Quarantined, ...]
    total: int | None
    oldest: int | None
    youngest: int | None
    ordered: bool
    kept: bool = False

    @property
    def count(self) -> int:
        """Its records, those in quarantine too."""
        return int(self.batch.num_rows) + len(self.quarantined)

    def lies_in(self, first: int, last: int) -> bool:
        """Whether no record is older than second ``first``, or younger than second ``last``."""
        return self.oldest is None or self.youngest is None or first <= self.oldest <= self.youngest <= last


def read_page(decoded: Decoded, total: int | None, columns: Columns, *, descending: bool) -> ReadPage:
    """Place a decoded answer in time."""
    seconds = _seconds(decoded.batch, columns)
    bounds = [limit for limit in pc.min_max(seconds).as_py().values() if limit is not None]
    bounds += [item.second for item in decoded.quarantined if item.second is not None]
    earlier, later = seconds[:-1], seconds[1:]
    steps = pc.less_equal(later, earlier) if descending else pc.less_equal(earlier, later)
    return ReadPage(
        batch=decoded.batch,
        quarantined=decoded.quarantined,
        total=total,
        oldest=min(bounds, default=None),
        youngest=max(bounds, default=None),
        ordered=pc.all(steps, min_count=0).as_py(),
    )


def distinct(pages: Iterable[ReadPage], columns: Columns, *, before: int | None = None) -> int:
    """How many different records the pages hold; only those older than second ``before``, if given.

    A record in quarantine counts by its key, or by its bytes if even the key could not be read.
    """
    pages = list(pages)
    owner = None if columns.owner is None or columns.owner.alone else columns.owner
    names: set[object] = set()
    for page in pages:
        for item in page.quarantined:
            second = page.oldest if item.second is None else item.second
            if before is None or second is None or second < before:
                name = item.raw if item.key is None else item.key
                names.add((owner and owner.whose(item.raw), name))
    if owner is None:
        keys = pa.chunked_array((_keys(page.batch, columns, before) for page in pages), pa.int64())
        return int(pc.count_distinct(keys).as_py()) + len(names)
    # Of several accounts, of which each has its own keys.
    whose = [owner.field, columns.key]
    parts = (page.batch.select([*whose, columns.time]) for page in pages)
    batches = [_before(part, columns, before) for part in parts]
    if not batches:  # an empty report, or a second of which nothing was read yet
        return len(names)
    rows = pa.Table.from_batches(batches)
    return int(rows.group_by(whose).aggregate([]).num_rows) + len(names)


def values(pages: Iterable[ReadPage], field: str) -> set[str]:
    """The values of a column in the pages, as the API takes them for a filter."""
    chunks = pa.chunked_array([page.batch[field] for page in pages])
    return {str(value) for value in pc.unique(chunks).to_pylist() if value is not None}


def shared_seconds(pages: Sequence[ReadPage]) -> set[int]:
    """Seconds that a page boundary cuts: if their order changes between requests, records slip through."""
    edges = pairwise(pages)
    return {
        left.youngest for left, right in edges if left.youngest is not None and left.youngest == right.oldest
    }


def only(page: ReadPage, second: int, columns: Columns) -> ReadPage:
    """The page's records of ``second``."""
    part = _kept(page, second, pc.equal(_seconds(page.batch, columns), second), inside=True)
    there = second if part.count else None
    return replace(part, oldest=there, youngest=there)


def without(page: ReadPage, second: int, columns: Columns) -> ReadPage:
    """The page less its records of ``second``; its span stays, as it places what shows no time of its own."""
    return _kept(page, second, pc.not_equal(_seconds(page.batch, columns), second), inside=False)


def sorted_rows(batches: Iterable[pa.RecordBatch], columns: Columns, window: Window) -> list[pa.RecordBatch]:
    """The different records of the owner inside ``window``, by time, then key.

    Of a record that came twice, and ran when it came once, the final one counts, whichever came first; else
    the one that came last, since pages of a second that was read again lie behind those that they replace.

    Raises:
        ContradictionError: A record came twice with different times.
    """
    table = pa.Table.from_batches(list(batches))
    if columns.owner is not None:
        table = columns.owner.own(table)
    seconds = _seconds(table, columns)
    inside = pc.and_(pc.greater_equal(seconds, window.start), pc.less(seconds, window.end))
    if not pc.all(inside, min_count=0).as_py():
        table = table.filter(inside)
    if not _strictly_sorted(table, columns):
        table = table.take(_order(table, columns))
        keys = table[columns.key].combine_chunks()
        first = pa.array([True] * min(1, len(keys)), pa.bool_())
        table = table.filter(pa.concat_arrays([first, pc.not_equal(keys[:-1], keys[1:])]))
        if pc.count_distinct(table[columns.key]).as_py() != table.num_rows:
            raise ContradictionError("a record came twice with different times", received=table.num_rows)
    return [batch for batch in table.to_batches() if batch.num_rows]


def _order(table: pa.Table, columns: Columns) -> pa.Array:
    """Where the rows are by time, then key, then what runs last, then what came last first."""
    named = {"time": table[columns.time], "key": table[columns.key]}
    if columns.running is not None:
        named["running"] = pc.fill_null(table[columns.running], fill_value=False)
    named["age"] = pa.array(range(table.num_rows, 0, -1), pa.int64())
    return pc.sort_indices(pa.table(named), sort_keys=[(name, "ascending") for name in named])


def running_in(
    batches: Sequence[pa.RecordBatch], columns: Columns, since: int, page_size: int
) -> tuple[tuple[Window, ...], int]:
    """Where records are not final yet.

    Args:
        batches: Sorted by time.
        columns: Which of them say so.
        since: Records older than this second (Unix time) are taken for final whatever they say.
        page_size: Spans with fewer records between them are joined: one question brings them both.

    Returns:
        The spans that hold them, and how many older records say that they are not final either.
    """
    if columns.running is None or not batches:
        return (), 0
    table = pa.Table.from_batches(batches)
    seconds = _seconds(table, columns)
    rows = pc.indices_nonzero(pc.fill_null(table[columns.running], fill_value=False)).to_pylist()
    spans: list[Window] = []
    previous = older = 0
    for row in rows:
        second = seconds[row].as_py()
        if second < since:
            older += 1
            continue
        joined = bool(spans) and row - previous <= page_size
        start = spans.pop().start if joined else second
        spans.append(Window(start, second + 1))
        previous = row
    return tuple(spans), older


def quarantined_in(
    pages: Iterable[ReadPage], window: Window, owner: Owner | None = None
) -> Iterator[Quarantined]:
    """The different records in quarantine that belong to ``window``, or to no second at all."""
    seen: set[bytes] = set()
    for page in pages:
        for item in page.quarantined:
            second = page.oldest if item.second is None else item.second
            is_own = owner is None or owner.is_own(item.raw)
            if is_own and (second is None or second in window) and item.raw not in seen:
                seen.add(item.raw)
                yield item


def _kept(page: ReadPage, second: int, mask: pa.Array, *, inside: bool) -> ReadPage:
    quarantined = tuple(item for item in page.quarantined if (item.second == second) is inside)
    return replace(page, batch=page.batch.filter(mask), quarantined=quarantined)


def _strictly_sorted(table: pa.Table, columns: Columns) -> bool:
    seconds, keys = _seconds(table, columns), table[columns.key].combine_chunks()
    tie = pc.and_(pc.equal(seconds[:-1], seconds[1:]), pc.less(keys[:-1], keys[1:]))
    return bool(pc.all(pc.or_(pc.less(seconds[:-1], seconds[1:]), tie), min_count=0).as_py())


def _keys(batch: pa.RecordBatch, columns: Columns, before: int | None) -> pa.Array:
    keys = batch[columns.key]
    return keys if before is None else keys.filter(pc.less(_seconds(batch, columns), before))


def _before(batch: pa.RecordBatch, columns: Columns, before: int | None) -> pa.RecordBatch:
    return batch if before is None else batch.filter(pc.less(_seconds(batch, columns), before))


def _seconds(rows: pa.RecordBatch | pa.Table, columns: Columns) -> pa.Array:
    times = rows[columns.time]
    return (times.combine_chunks() if isinstance(times, pa.ChunkedArray) else times).view(pa.int64())
