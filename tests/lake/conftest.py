"""What most tests of the lake start with."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from harvester.lake import assembly, writer
from tests.lake.history import Lake, opened


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    """A new lake, its ledger open."""
    with opened(tmp_path / "lake") as lake:
        yield lake


@pytest.fixture
def row_group(monkeypatch: pytest.MonkeyPatch) -> int:
    """Small row groups: a day of the history fills several."""
    size = 10
    monkeypatch.setattr(writer, "ROW_GROUP", size)
    monkeypatch.setattr(assembly, "ROW_GROUP", size)
    return size


@pytest.fixture
def quick_folder(tmp_path: Path) -> Iterator[Path]:
    """In memory, where there is such a place: for thousands of ledgers that need not be durable."""
    memory = Path("/dev/shm")  # noqa: S108  (a folder of our own is made in it)
    if not memory.is_dir():
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        yield Path(folder)
