"""Where a day's file of a lake is, and what may happen to it."""

from collections.abc import Callable
from pathlib import Path

from harvester.window import as_text
from tests.acceptance.harness import Bench


def file_of(it: Bench, second: int) -> Path:
    """The file of the day of a second."""
    label = as_text(second)[:10]
    return it.folder / "lake" / "calls" / f"date={label}" / f"calls-{label}.parquet"


def flip(place: float) -> Callable[[Path], None]:
    """One bit of it changes, at a share of its length."""

    def flipped(path: Path) -> None:
        content = bytearray(path.read_bytes())
        content[int(place * (len(content) - 1))] ^= 1
        path.write_bytes(content)

    return flipped


def cut_short(path: Path) -> None:
    """Its last bytes are gone."""
    path.write_bytes(path.read_bytes()[:-9])
