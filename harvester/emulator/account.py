"""What the server needs of an account, and the order in which it is read."""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol

import orjson

from harvester.emulator.render import Entry, Parts

Record = Mapping[str, object]
Wanted = Callable[[Record], bool]

CHUNK = 1_000


class Account(Protocol):
    """History in time order: a session's index is its place in it; the order within a second is arbitrary.

    A session is a record of whatever history it is; those of the calls have lists that can be left out.
    """

    @property
    def account_id(self) -> int:
        """The id of the parent."""
        ...

    @property
    def children(self) -> tuple[int, ...]:
        """Ids of the child accounts, whose sessions are in the history too."""
        ...

    @property
    def version(self) -> int:
        """Differs after every change of the history."""
        ...

    @property
    def total(self) -> int:
        """Sessions in it, those of children included."""
        ...

    def count(self, start: int, end: int) -> int:
        """Sessions in ``[start, end)``, Unix seconds."""
        ...

    def sessions(
        self, start: int, end: int, *, calls: bool = True, records: bool = True, resources: bool = True
    ) -> Iterator[dict[str, object]]:
        """The records of ``[start, end)`` by time, then id, as they are served."""
        ...

    def rank(self, second: int) -> int:
        """Sessions before ``second``: the index of the first one at or after it."""
        ...

    def locate(self, session_id: int) -> int | None:
        """Index of the session, if there is one."""
        ...

    def matching(self, wanted: Wanted) -> Sequence[int]:
        """Indexes of the sessions whose whole record is ``wanted`` (hashable), ascending."""
        ...

    def entries(self, indexes: Sequence[int]) -> list[Entry]:
        """What to sort and render each by, in the order of ``indexes``."""
        ...

    def render(self, entries: Sequence[Entry], parts: Parts) -> list[bytes]:
        """One JSON object each."""
        ...

    @property
    def samples(self) -> Sequence[Record]:
        """Whole records that hold, between them, every application, user and rule of the account."""
        ...


def ordered(
    account: Account,
    indexes: Sequence[int],
    low: int,
    high: int,
    tie: Callable[[int], int] | None = None,
) -> list[Entry]:
    """Entries at the places ``[low, high)`` of the sessions ``indexes``, by second and id.

    Args:
        account: Whose sessions they are.
        indexes: Some of its sessions, ascending, with all or none of those wanted of a second.
        low: First place, at least 0.
        high: First place after it, at most ``len(indexes)``.
        tie: What orders the ids within a second, instead of the id itself.
    """
    if low >= high:
        return []
    (first, _, _), (last, _, _) = account.entries((indexes[low], indexes[high - 1]))
    # Indexes are in no order within a second, so the seconds at both ends are sorted whole, then cut.
    start = bisect_left(indexes, account.rank(first))
    end = bisect_left(indexes, account.rank(last + 1))
    entries = account.entries(indexes[start:end])
    if tie is None:
        entries.sort()
    else:
        entries.sort(key=lambda entry: (entry[0], tie(entry[1])))
    return entries[low - start : high - start]


def truth(account: Account, start: int, end: int, parts: Parts) -> Iterator[dict[str, object]]:
    """The records of ``[start, end)`` by time, then id, parsed from the bytes that are served."""
    return map(orjson.loads, served(account, start, end, parts))


def served(account: Account, start: int, end: int, parts: Parts) -> Iterator[bytes]:
    """The records of ``[start, end)`` by time, then id, as bytes."""
    everything = range(account.total)
    stop = account.rank(end)
    for low in range(account.rank(start), stop, CHUNK):
        page = ordered(account, everything, low, min(low + CHUNK, stop))
        yield from account.render(page, parts)
