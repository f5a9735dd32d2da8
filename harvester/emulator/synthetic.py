"""An account of synthetic history as a pure function of a seed: of any size, and held nowhere."""

from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from functools import cached_property, lru_cache

import orjson

from harvester.datasets import CALLS, Dataset
from harvester.emulator import example
from harvester.emulator.account import Record, Wanted, truth
from harvester.emulator.drafts import DRAWN
from harvester.emulator.patterns import PATTERNS, Owner, owners, patterns
from harvester.emulator.render import Entry, Nested, Parts, Template, filled, template
from harvester.emulator.shapes import SHAPES

MOST_SESSIONS = 1 << 29
EXAMPLE = PATTERNS  # the number of the example's template, behind those of the patterns
ESCAPED_EVERY = 4

_HASH = (1 << 64) - 1
_GOLDEN = 0x9E3779B97F4A7C15
_PATTERN_SHIFT = 64 - (PATTERNS - 1).bit_length()
# A rank below 2**29 and a fraction of 24 bits add up exactly in a float: no two ranks can change places.
_FRACTION = (1 << 24) - 1
# Ids are a permutation of 2**33 numbers above 2**32, so none repeats and none fits 32 bits.
_FIRST_ID = 1 << 32
_IDS = (1 << 33) - 1
_STEP = 0x13C6EF373  # odd, and near the golden section of 2**33: neighbours in time lie far apart
_STEP_BACK = pow(_STEP, -1, _IDS + 1)


class SyntheticAccount:
    """A history that is computed where it is asked for.

    Session ``i`` lies at rank ``i + r`` on the curve of the shape, ``0 <= r < 1`` being a hash of ``i`` and
    the seed: the rank of a second is a bisection, and no session need be held. The vendor's example session
    is one more in every account whose range holds its second.
    """

    version = 0

    def __init__(
        self,
        sessions: int,
        start: int,
        end: int,
        *,
        shape: str = "daily",
        seed: int = 0,
        account_id: int = example.ACCOUNT_ID,
        spike: int = 9_000,
        children: int = 0,
        dataset: Dataset = CALLS,
    ) -> None:
        """Describe ``sessions`` sessions in ``[start, end)``, Unix seconds.

        Args:
            sessions: How many, 0 to 2**29, without the example.
            start: First second.
            end: First second after the last.
            shape: How they spread over the range: ``uniform``, ``daily``, ``burst`` or ``spike``.
            seed: Another seed is another history.
            account_id: The parent's id.
            spike: With the shape ``spike``, how many sessions share one second.
            children: How many child accounts own a quarter of the sessions between them.
            dataset: Which history it is; only that of calls has the example.

        Raises:
            ValueError: There is no such shape, the range is empty or too short for it, or there are too many
                sessions.
        """
        if shape not in SHAPES:
            raise ValueError(f"there is no shape {shape!r}, only {', '.join(sorted(SHAPES))}")
        if start >= end or not 0 <= sessions <= MOST_SESSIONS:
            raise ValueError(f"cannot place {sessions} sessions in [{start}, {end})")
        self._sessions = sessions
        self._curve = SHAPES[shape](start, end, sessions, seed, spike)
        self._salt = (seed * 2 + 1) * _GOLDEN >> 3 & _HASH
        self._owners = owners(account_id, children)
        self._seed, self._dataset = seed, dataset.name
        self._examples = [dict(example.SESSION)] if dataset is CALLS else []
        self._selections = lru_cache(maxsize=16)(self._selection)
        # The example's index is the first of its second; behind all sessions when it is not in the account.
        holds_example = bool(self._examples) and start <= example.SECOND < end
        self._example = self._synthetic_rank(example.SECOND) if holds_example else sessions
        self._total = sessions + holds_example

    @property
    def account_id(self) -> int:
        """The id of the parent."""
        return self._owners[0].account_id

    @property
    def children(self) -> tuple[int, ...]:
        """Ids of the child accounts."""
        return tuple(owner.account_id for owner in self._owners[1:])

    @property
    def total(self) -> int:
        """Sessions in it, the example and those of children included."""
        return self._total

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
        return self._synthetic_rank(second) + (second > example.SECOND and self._total > self._sessions)

    def locate(self, session_id: int) -> int | None:
        """Index of the session, if there is one."""
        if session_id == example.SESSION_ID and self._total > self._sessions:
            return self._example
        number = (session_id - _FIRST_ID - self._salt) * _STEP_BACK & _IDS
        known = _FIRST_ID <= session_id <= _FIRST_ID + _IDS and number < self._sessions
        return number + (number >= self._example) if known else None

    def matching(self, wanted: Wanted) -> Sequence[int]:
        """Indexes of the sessions that are wanted: one pass over the account, remembered by ``wanted``."""
        return self._selections(wanted)

    @cached_property
    def samples(self) -> Sequence[Record]:
        """One whole record of each pattern, and the example, last."""
        entries = [(0, _FIRST_ID, number) for number in range(PATTERNS + len(self._examples))]
        return [orjson.loads(row) for row in self.render(entries, Nested())]

    def entries(self, indexes: Sequence[int]) -> list[Entry]:
        """What to sort and render each by."""
        return [self._entry(index) for index in indexes]

    def render(self, entries: Sequence[Entry], parts: Parts) -> list[bytes]:
        """One JSON object each."""
        return filled(_templates(self._seed, self._owners, self._dataset, parts), entries)

    def _synthetic_rank(self, second: int) -> int:
        return bisect_left(
            range(self._sessions), second, key=lambda number: self._second(number, self._hash(number))
        )

    def _entry(self, index: int) -> Entry:
        if index == self._example:
            return example.SECOND, example.SESSION_ID, EXAMPLE
        number = index - (index > self._example)
        mixed = self._hash(number)
        session_id = _FIRST_ID + (number * _STEP + self._salt & _IDS)
        return self._second(number, mixed), session_id, mixed >> _PATTERN_SHIFT

    def _hash(self, number: int) -> int:
        """The finaliser of splitmix64: every bit of the result depends on every bit of the number."""
        mixed = number * _GOLDEN + self._salt & _HASH
        mixed = (mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9 & _HASH
        mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EB & _HASH
        return mixed ^ mixed >> 31

    def _second(self, number: int, mixed: int) -> int:
        return self._curve.second(number + (mixed & _FRACTION) / (_FRACTION + 1))

    def _selection(self, wanted: Wanted) -> Sequence[int]:
        kept = {number for number, sample in enumerate(self.samples) if wanted(sample)}
        placed, mixed = self._example, self._hash
        return array(
            "q",
            (
                index
                for index in range(self._total)
                if (EXAMPLE if index == placed else mixed(index - (index > placed)) >> _PATTERN_SHIFT) in kept
            ),
        )


@lru_cache(maxsize=32)
def _patterns(seed: int, owned_by: tuple[Owner, ...], dataset: str) -> tuple[dict[str, object], ...]:
    """Those of all accounts that are alike: drawing them takes as long as a small harvest."""
    return tuple(patterns(seed, owned_by, DRAWN[dataset]))


@lru_cache(maxsize=32)
def _templates(seed: int, owned_by: tuple[Owner, ...], dataset: str, parts: Parts) -> list[Template]:
    patterned = [
        template(pattern, parts, escaped=number % ESCAPED_EVERY == 0)
        for number, pattern in enumerate(_patterns(seed, owned_by, dataset))
    ]
    examples = [example.SESSION] if dataset == CALLS.name else []
    return [*patterned, *(template(dict(record), parts, escaped=False) for record in examples)]
