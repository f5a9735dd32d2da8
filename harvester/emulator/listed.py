"""An account made of records written by hand, which may change while it is served."""

import copy
from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator, Sequence

import orjson

from harvester.datasets import CALLS, Dataset
from harvester.emulator import example
from harvester.emulator.account import Record, Wanted, truth
from harvester.emulator.render import Entry, Nested, Parts, second_of


class ListedAccount:
    """The records given, and no others."""

    def __init__(
        self,
        records: Iterable[Record] = (),
        *,
        account_id: int = example.ACCOUNT_ID,
        children: Sequence[int] = (),
        dataset: Dataset = CALLS,
    ) -> None:
        """Start with ``records``, in any order.

        Args:
            records: As the vendor writes them; each needs its key and its time.
            account_id: The parent's id; records that belong to no child are the parent's.
            children: Ids of the child accounts.
            dataset: Which history it is.

        Raises:
            ValueError: Two records have the same id.
        """
        self.account_id = account_id
        self.children = tuple(children)
        self.version = 0
        self._dataset = dataset
        self._places: list[tuple[int, int]] = []
        self._records: dict[int, Record] = {}
        self._ordered: tuple[int, list[Record], dict[Wanted, Sequence[int]]] = (-1, [], {})
        for record in records:
            self.add(record)

    @property
    def total(self) -> int:
        """Sessions in it, those of children included."""
        return len(self._places)

    def add(self, record: Record) -> None:
        """Put a session into the history.

        Raises:
            ValueError: Its id is taken.
        """
        session_id = self._session_id(record)
        if session_id in self._records:
            raise ValueError(f"there is a session {session_id} already")
        insort(self._places, (self._second(record), session_id))
        self._records[session_id] = copy.deepcopy(dict(record))  # a change by its owner is not a change here
        self.version += 1

    def remove(self, session_id: int) -> None:
        """Take a session out of the history.

        Raises:
            KeyError: There is no such session.
        """
        record = self._records.pop(session_id)
        self._places.remove((self._second(record), session_id))
        self.version += 1

    def replace(self, record: Record) -> None:
        """Change the session that has the record's id, its time included.

        Raises:
            KeyError: There is no such session.
        """
        self.remove(self._session_id(record))
        self.add(record)

    def count(self, start: int, end: int) -> int:
        """Sessions in ``[start, end)``."""
        return max(self.rank(end) - self.rank(start), 0)

    def sessions(
        self, start: int, end: int, *, calls: bool = True, records: bool = True, resources: bool = True
    ) -> Iterator[dict[str, object]]:
        """The records of ``[start, end)`` by time, then id, as they are served."""
        return truth(self, start, end, Nested(calls, records, resources))

    def rank(self, second: int) -> int:
        """Sessions before ``second``."""
        return bisect_left(self._places, (second, -1))

    def locate(self, session_id: int) -> int | None:
        """Index of the session, if there is one."""
        record = self._records.get(session_id)
        return None if record is None else bisect_left(self._places, (self._second(record), session_id))

    def matching(self, wanted: Wanted) -> Sequence[int]:
        """Indexes of the sessions that are wanted, ascending; remembered until the history changes."""
        samples = self.samples
        _, _, selections = self._ordered
        if wanted not in selections:
            selections[wanted] = [index for index, record in enumerate(samples) if wanted(record)]
        return selections[wanted]

    @property
    def samples(self) -> Sequence[Record]:
        """All records, in time order."""
        if self._ordered[0] != self.version:
            records = [self._records[session_id] for _, session_id in self._places]
            self._ordered = self.version, records, {}
        return self._ordered[1]

    def entries(self, indexes: Sequence[int]) -> list[Entry]:
        """What to sort and render each by."""
        return [(*self._places[index], index) for index in indexes]

    def render(self, entries: Sequence[Entry], parts: Parts) -> list[bytes]:
        """One JSON object each."""
        return [orjson.dumps(parts.of(self._records[session_id])) for _, session_id, _ in entries]

    def _session_id(self, record: Record) -> int:
        session_id = record[self._dataset.key]
        if not isinstance(session_id, int):
            raise TypeError(f"the key of a record is an integer, not {session_id!r}")
        return session_id

    def _second(self, record: Record) -> int:
        return second_of(str(record[self._dataset.time_field]))
