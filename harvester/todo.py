"""Which seconds a run is to prove, and which windows it starts from."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from harvester.lake.catalog import Catalog
from harvester.lake.layout import Granularity, partitions
from harvester.lake.ledger import Ledger
from harvester.plan.frontier import Lease
from harvester.window import Window, merged, shares, subtract


@dataclass(frozen=True, slots=True)
class Stretch:
    """What one process works on in one go: whole partitions, as far as they are to be proven.

    Attributes:
        todo: The seconds to prove, oldest first.
        leases: The windows to start from.
    """

    todo: tuple[Window, ...]
    leases: tuple[Lease, ...]

    @property
    def seconds(self) -> int:
        """How many seconds there are to prove."""
        return sum(window.seconds for window in self.todo)


Scope = Callable[[Ledger, Catalog, Window | None, Granularity], tuple[Window, ...]]


def missing(
    _ledger: Ledger, catalog: Catalog, settled: Window | None, _granularity: Granularity
) -> tuple[Window, ...]:
    """What is settled of the range asked for, and not published."""
    return subtract(settled, catalog.coverage()) if settled else ()


def suspected(
    ledger: Ledger, _catalog: Catalog, settled: Window | None, _granularity: Granularity
) -> tuple[Window, ...]:
    """What verify or sync found in the settled part of the range, and is not mended yet."""
    return merged(shares((item.window for item in ledger.suspects()), settled)) if settled else ()


def unproven(
    ledger: Ledger, _catalog: Catalog, settled: Window | None, _granularity: Granularity
) -> tuple[Window, ...]:
    """The gaps in the settled part of the range, also those that an older file covers."""
    return merged(shares((gap.window for gap in ledger.gaps()), settled)) if settled else ()


def doubted(
    ledger: Ledger, catalog: Catalog, settled: Window | None, granularity: Granularity
) -> tuple[Window, ...]:
    """What of the settled part of the range is known not to be as the API has it, published or not."""
    scopes = (suspected, unproven)
    return merged(window for scope in scopes for window in scope(ledger, catalog, settled, granularity))


def outstanding(
    ledger: Ledger, catalog: Catalog, settled: Window | None, granularity: Granularity
) -> tuple[Window, ...]:
    """What of the settled part of the range is missing, or doubted."""
    scopes = (missing, doubted)
    return merged(window for scope in scopes for window in scope(ledger, catalog, settled, granularity))


def joined(windows: Iterable[Window], seconds: Sequence[int], page_size: int) -> tuple[Window, ...]:
    """The windows, and what lies between two of them if that is less than a page: one question brings both.

    Args:
        windows: Disjoint, oldest first.
        seconds: When the published records happened, Unix time, ascending.
        page_size: Most records of a page.
    """
    result: list[Window] = []
    for window in windows:
        between = bisect_left(seconds, window.start) - bisect_left(seconds, result[-1].end) if result else 0
        start = result.pop().start if result and between < page_size else window.start
        result.append(Window(start, window.end))
    return tuple(result)


def damaged(
    ledger: Ledger, catalog: Catalog, _settled: Window | None, granularity: Granularity
) -> tuple[Window, ...]:
    """Gaps, what verify found, and what waits in the partitions of the gaps: these are published whole."""
    gaps = [gap.window for gap in ledger.gaps()]
    spans = [partition.span for gap in gaps for partition in partitions(granularity, gap)]
    coverage = catalog.coverage()
    windows = [*(item.window for item in ledger.proven_windows()), *ledger.open_windows()]
    unpublished = [rest for window in windows for rest in subtract(window, coverage)]
    waiting = [share for span in spans for share in shares(unpublished, span)]
    return merged([*gaps, *waiting, *(item.window for item in ledger.suspects())])


def stretch(ledger: Ledger, todo: tuple[Window, ...]) -> Stretch:
    """What is still to be read: windows an earlier run proved or began, and all the seconds between them."""
    proven = [
        Lease(item.window, item.rows, proven=True)
        for item in ledger.proven_windows()
        if any(map(item.window.meets, todo))
    ]
    fitting: list[Window] = []
    useless: list[Window] = []
    for window in ledger.open_windows():
        (fitting if any(share.holds(window) for share in todo) else useless).append(window)
    ledger.forget(window for window in useless if any(map(window.meets, todo)))
    known = [*(lease.window for lease in proven), *fitting]
    fresh = [rest for window in todo for rest in subtract(window, known)]
    return Stretch(todo, (*proven, *(Lease(window) for window in (*fitting, *fresh))))
