"""The work that every peer is given: the same days, the same questions, a token that is good for an hour.

``python -m benchmarks.peers.PEER ENDPOINT TOKEN FOLDER CREDENTIALS``, in the peer's own environment: only the
standard library is imported here.
"""

import sys
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

METHOD = "GetCallHistory"
PARTS = {"with_calls": "true", "with_records": "true", "with_other_resources": "true"}
PAGE = 1_000
START, END = "2024-01-01", "2024-03-01"


def arguments() -> tuple[str, str, Path]:
    """Endpoint, token, and the folder to write to."""
    endpoint, token, folder = sys.argv[1:4]
    return endpoint, token, Path(folder)


def credentials() -> Path:
    """The vendor's key file, for who signs tokens of their own."""
    return Path(sys.argv[4])


def days(start: str = START, end: str = END) -> Iterator[dict[str, str]]:
    """First and last second of each day: as fine as an expert would cut, and few enough requests."""
    day, last = date.fromisoformat(start), date.fromisoformat(end)
    while day < last:
        yield {"from_date": f"{day} 00:00:00", "to_date": f"{day} 23:59:59"}
        day += timedelta(days=1)
