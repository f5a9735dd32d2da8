"""What a harvest will cost, from the number of records alone."""

from dataclasses import dataclass
from math import ceil

from harvester.plan.frontier import READINGS


@dataclass(frozen=True, slots=True)
class Estimate:
    """A forecast.

    Attributes:
        rows: Records.
        requests: Questions to the API.
        windows: Windows that will be read.
        seconds: Time at the budget; ``None`` without one.
        bytes: Size of the published files, about.
    """

    rows: int
    requests: int
    windows: int
    seconds: float | None
    bytes: int


def estimate(
    rows: int,
    spans: int,
    *,
    page_size: int,
    reach: int,
    fetchers: int,
    rate: float | None,
    row_bytes: float = 0.0,
) -> Estimate:
    """Forecast the harvest of ``rows`` records in ``spans`` separate windows.

    Args:
        rows: What the API counts.
        spans: How many windows the harvest starts from.
        page_size: Records per page.
        reach: Records that one reading yields at most.
        fetchers: How many read side by side.
        rate: Requests per second; ``None`` for no limit.
        row_bytes: Size of a record in a published file.
    """
    parts = spans + _parts(rows, reach, fetchers)
    # Every part but the last ends somewhere within a page: half a page is empty, on average.
    requests = max(spans, int(rows / page_size + (parts - 1) / 2) + 1) if rows else spans
    windows = max(parts, ceil(rows / reach) + parts // 2)
    return Estimate(rows, requests, windows, requests / rate if rate else None, round(rows * row_bytes))


def _parts(rows: int, reach: int, fetchers: int) -> int:
    """How many pieces the frontier will cut: see ``Frontier``."""
    share = max(reach, min(READINGS * reach, rows // fetchers))
    return rows // share
