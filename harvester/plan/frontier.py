"""The windows still to be read: handed out oldest first, taken back in pieces."""

import asyncio
from bisect import insort
from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import ceil

from harvester.plan.density import Density
from harvester.window import Window

# Most that one fetcher reads in a row. The end of it costs half a page, about 1.1 % of its pages. With more,
# what others have read fills the memory before its turn comes, and is decoded twice.
READINGS = 4
_DAY = 86_400
_BURST = 5  # times the density's forecast; the busiest hour of a week is four times its mean
_SPLITS = 3  # how often a window that cannot be proven is halved before its rest is given up


@dataclass(frozen=True, slots=True)
class Lease:
    """A window to read.

    Attributes:
        window: The span.
        expected: About how many records it holds; ``None`` before anyone asked.
        splits: How often it was halved because it could not be proven.
        proven: Whether an earlier run proved that it holds ``expected``, and kept the answers.
    """

    window: Window
    expected: int | None = None
    splits: int = 0
    proven: bool = False


class Frontier:
    """Hands out windows and takes back what is left of them.

    Unbounded on purpose: the fetchers that fill it are the ones that drain it; a bound would be a deadlock.

    A window is read from its start as far as paging reaches, and its rest comes back. So that all fetchers
    have work, a window with more records than one should read is cut in two by density.
    """

    def __init__(self, windows: Iterable[Lease], density: Density, *, reach: int, fetchers: int) -> None:
        """Start with ``windows``.

        Args:
            windows: What is to be read; disjoint.
            density: Says where to cut.
            reach: Records that one reading of a window yields at most.
            fetchers: How many will lease side by side.
        """
        self._waiting = sorted(windows, key=_start)
        self._leased: dict[Window, Lease] = {}
        self._density = density
        self._reach = reach
        self._fetchers = fetchers
        self._widest: int | None = None
        self._changed = asyncio.Event()
        self._closed = False

    async def lease(self) -> Lease | None:
        """The oldest window that waits; ``None`` when all is read, or the frontier was closed."""
        while not self._closed:
            if self._waiting:
                return self._take()
            if not self._leased:
                break  # nothing waits and nobody can bring more: the end
            self._changed.clear()
            await self._changed.wait()
        self._wake()
        return None

    async def handed_out(self) -> None:
        """Wait until a fetcher is idle for good: nothing waits, and nothing of unknown size is being read."""
        while not self._closed and (
            self._waiting or self.expected is None or len(self._leased) >= self._fetchers
        ):
            self._changed.clear()
            await self._changed.wait()

    def done(self, lease: Lease, rest: Window | None = None, expected: int | None = None) -> None:
        """A lease was read; ``rest`` is what is left of it."""
        self._leased.pop(lease.window, None)
        if rest is not None:
            insort(self._waiting, Lease(rest, expected, lease.splits), key=_start)
        self._wake()

    def measured(self, lease: Lease, records: int | None, rate: float | None) -> Lease:
        """The first page of a lease tells more about it than the density did.

        Args:
            lease: The lease.
            records: How many records it holds; ``None`` if that is still not known.
            rate: Records per second at its start, if known.

        Returns:
            The part of it to read now; others may begin with the rest meanwhile.
        """
        del self._leased[lease.window]
        part = self._share(replace(lease, expected=lease.expected if records is None else records), rate)
        self._leased[part.window] = part
        self._wake()
        return part

    def split(self, lease: Lease) -> list[Window]:
        """Halve a window that could not be proven; empty if it was halved often enough or is one second."""
        window = lease.window
        if lease.splits >= _SPLITS or window.seconds == 1:
            return []
        middle = window.start + window.seconds // 2
        halves = [Window(window.start, middle), Window(middle, window.end)]
        for half in halves:
            insort(self._waiting, Lease(half, None, lease.splits + 1), key=_start)
        return halves

    def narrow(self, lease: Lease, days: int | None) -> bool:
        """Take a lease back: the API accepts ranges of ``days`` days at most.

        Halves it if the API does not say, or if it is not wider than that anyway.

        Returns:
            Whether it was taken back; one second cannot be narrower.
        """
        seconds = lease.window.seconds
        if seconds == 1:
            return False
        # The range that is asked may be two seconds longer than the window.
        stated = days * _DAY - 2 if days else seconds
        widest = stated if stated < seconds else seconds // 2
        self._widest = min(widest, self._widest or widest)
        self._leased.pop(lease.window, None)
        # It was asked for, so whatever an earlier run kept of it is of no use.
        insort(self._waiting, replace(lease, proven=False), key=_start)
        self._wake()
        return True

    def close(self) -> None:
        """Hand out nothing more: leased windows finish, the rest stays for the next run."""
        self._closed = True
        self._wake()

    def is_large(self, lease: Lease) -> bool:
        """Whether a lease may hold more than one reading yields."""
        return lease.expected is None or lease.expected > self._reach

    @property
    def expected(self) -> int | None:
        """About how many records are still to be read; ``None`` while a window's share is unknown."""
        leases = (*self._waiting, *self._leased.values())
        counts = [lease.expected for lease in leases if lease.expected is not None]
        return sum(counts) if len(counts) == len(leases) else None

    @property
    def windows(self) -> int:
        """How many windows wait or are being read."""
        return len(self._waiting) + len(self._leased)

    def _take(self) -> Lease:
        lease = self._waiting.pop(0)
        if not lease.proven:  # such a window is read from the spool as a whole, whatever its size
            narrow = self._narrowed(lease.window)
            lease = self._cut(lease, narrow, None) if narrow < lease.window.end else self._share(lease)
        self._leased[lease.window] = lease
        self._wake()  # whoever waits for the last one to be handed out
        return lease

    def _share(self, lease: Lease, rate: float | None = None) -> Lease:
        """What one fetcher should read of it."""
        if lease.expected is None or (part := self._part(lease.expected)) >= lease.expected:
            return lease
        second = self._density.cut(lease.window, part / lease.expected)
        if rate is not None:
            # A burst that no week's profile knows: without this, one fetcher would read all of it.
            near = lease.window.start + ceil(part / rate)
            second = near if _BURST * (near - lease.window.start) < second - lease.window.start else second
        return self._cut(lease, second, part)

    def _narrowed(self, window: Window) -> int:
        return window.end if self._widest is None else min(window.end, window.start + self._widest)

    def _part(self, expected: int) -> int:
        """How much of a window one fetcher should read: all of it, unless others would have nothing to do.

        Every cut costs half a page. So a rest is cut only when there are more idle fetchers than windows,
        and then into equal shares: the last fetchers share what is left, and end together.
        """
        idle = self._fetchers - len(self._leased)  # the one that asks is not counted as busy yet
        sharers = max(1, idle - len(self._waiting))
        part = max(self._reach, min(READINGS * self._reach, expected // sharers))
        return part if expected >= 2 * part else expected

    def _cut(self, lease: Lease, second: int, expected: int | None) -> Lease:
        """Give the tail from ``second`` on back, and return the head."""
        if second >= lease.window.end:
            return lease
        left = lease.expected - expected if lease.expected and expected else None
        insort(self._waiting, Lease(Window(second, lease.window.end), left, lease.splits), key=_start)
        return Lease(Window(lease.window.start, second), expected, lease.splits)

    def _wake(self) -> None:
        self._changed.set()


def _start(lease: Lease) -> int:
    return lease.window.start
