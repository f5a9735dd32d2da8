"""A parent's history and those of its children, as one: what the API keeps of them all together."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from heapq import merge

from harvester.emulator.account import Account, Record, Wanted, truth
from harvester.emulator.render import Entry, Nested, Parts


class Family:
    """An account with children, each with a history of its own; ids need not differ between two of them."""

    def __init__(self, parent: Account, *children: Account) -> None:
        """Put histories of one kind together; each may change afterwards."""
        self._members = (parent, *children)
        self._version = -1
        self._places: list[tuple[int, int, int]] = []

    @property
    def members(self) -> dict[int, Account]:
        """The histories by account, the parent's first."""
        return {member.account_id: member for member in self._members}

    @property
    def account_id(self) -> int:
        """The id of the parent."""
        return self._members[0].account_id

    @property
    def children(self) -> tuple[int, ...]:
        """Ids of the child accounts."""
        return tuple(member.account_id for member in self._members[1:])

    @property
    def version(self) -> int:
        """Differs after every change of a member."""
        return sum(member.version for member in self._members)

    @property
    def total(self) -> int:
        """Records of all."""
        return sum(member.total for member in self._members)

    def count(self, start: int, end: int) -> int:
        """Records in ``[start, end)``."""
        return sum(member.count(start, end) for member in self._members)

    def sessions(
        self, start: int, end: int, *, calls: bool = True, records: bool = True, resources: bool = True
    ) -> Iterator[dict[str, object]]:
        """The records of ``[start, end)`` by time, then id, as they are served."""
        return truth(self, start, end, Nested(calls, records, resources))

    def rank(self, second: int) -> int:
        """Records before ``second``."""
        return sum(member.rank(second) for member in self._members)

    def locate(self, session_id: int) -> int | None:
        """Index of the first record with this id, if there is one."""
        for number, member in enumerate(self._members):
            index = member.locate(session_id)
            if index is not None:
                ((second, _, _),) = member.entries([index])
                return bisect_left(self._order(), (second, number, index))
        return None

    def matching(self, wanted: Wanted) -> Sequence[int]:
        """Indexes of the records that are wanted, ascending."""
        chosen = [set(member.matching(wanted)) for member in self._members]
        return [index for index, (_, number, own) in enumerate(self._order()) if own in chosen[number]]

    @property
    def samples(self) -> Sequence[Record]:
        """Those of all members."""
        return [sample for member in self._members for sample in member.samples]

    def entries(self, indexes: Sequence[int]) -> list[Entry]:
        """What to sort and render each by; the last part is the index, by which the member is known."""
        order = self._order()
        return [
            (second, self._members[number].entries([own])[0][1], index)
            for index in indexes
            for second, number, own in [order[index]]
        ]

    def render(self, entries: Sequence[Entry], parts: Parts) -> list[bytes]:
        """One JSON object each."""
        order, rendered = self._order(), list[bytes]()
        for _, _, index in entries:
            _, number, own = order[index]
            member = self._members[number]
            rendered += member.render(member.entries([own]), parts)
        return rendered

    def _order(self) -> list[tuple[int, int, int]]:
        """By time: the second of each record, its member, and its index there."""
        if self._version != self.version:
            self._version = self.version
            seconds = (member.entries(range(member.total)) for member in self._members)
            streams = (
                [(second, number, own) for own, (second, _, _) in enumerate(entries)]
                for number, entries in enumerate(seconds)
            )
            self._places = list(merge(*streams))
        return self._places
