"""An account of synthetic history as a pure function of a seed: of any size, and held by nobody."""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from array import array
from functools import lru_cache
from typing import Protocol

import orjson

from harvester.emulator import example
from harvester.emulator.patterns import PATTERNS, owners, patterns
from harvester.emulator.render import Entry, Nested, Template, filled, template
from harvester.emulator.shapes import SHAPES, Shape

Record = Mapping[str, object]

MOST_SESSIONS = 1 << 29
FIRST_ID = 1 << 32
CHUNK = 1_000
EXAMPLE = PATTERNS  # the number of the example's template, behind those of the patterns

_MASK = (1 << 64) - 1
_GOLDEN = 0x9E3779B97F4A7C15
_FRACTION_BITS = 24  # with ranks below 2**29, rank + fraction is exact in a float of 53 bits
_IDS = (1 << 33) - 1
_STEP = 0x1B873593D  # odd, so that multiplying by it permutes the ids
_STEP_BACK = pow(_STEP, -1, _IDS + 1)


class Account(Protocol):
    """History in time order: a session's index is its place in it; the order within a second is arbitrary.

    Attributes:
        account_id: The parent's id.
        children: Ids of the child accounts whose sessions are in the history too.
        version: Differs after every change of the history.
    """

    @property
    def account_id(self) -> int: ...
    @property
    def children(self) -> tuple[int, ...]: ...
    @property
    def version(self) -> int: ...
    @property
    def total(self) -> int:
        """Sessions in it, those of children included."""
        ...

    def rank(self, second: int) -> int:
        """Sessions before ``second``: the index of the first one at or after it."""
        ...

    def locate(self, session_id: int) -> int | None:
        """Index of the session, if there is one."""
        ...

    def matching(self, wanted: Callable[[Record], bool]) -> Sequence[int]:
        """Indexes of the sessions whose whole record is wanted, ascending; ``wanted`` must be hashable."""
        ...

    def entries(self, indexes: Sequence[int]) -> list[Entry]:
        """What ``render`` needs of each."""
        ...

    def render(self, entries: Sequence[Entry], nested: Nested) -> list[bytes]:
        """One JSON object each."""
        ...
