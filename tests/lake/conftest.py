"""What most tests of the lake start with."""

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
