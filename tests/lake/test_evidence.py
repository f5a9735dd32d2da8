"""Answers that are kept as evidence (``--keep-raw``): as received, all of them, and durable."""

import errno
import os
from pathlib import Path

import pytest

from harvester.lake import folders
from harvester.lake import spool as module
from harvester.lake.spool import Spool, SpoolFile
from tests.lake.test_spool import begun, starts


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A spool with the answers of three windows."""
    return begun(tmp_path / "spool")


def test_freed_answers_can_be_kept_as_evidence(folder: Path, tmp_path: Path) -> None:
    """As received, out of the spool; a window without answers has none to keep."""
    raw = tmp_path / "raw" / "calls"
    spool = Spool(folder, keep=raw)
    for start in (0, 7, 60):
        spool.free(start)
    assert starts(folder) == {-60}
    assert starts(raw) == {0, 60}
    assert f"{raw.stat().st_mode & 0o777:o}" == "700", "for their owner alone"


def test_evidence_is_not_replaced_by_later_evidence(folder: Path, tmp_path: Path) -> None:
    """A window that is read anew has its answers kept beside the earlier ones; so has one a crash left."""
    raw = tmp_path / "raw" / "calls"
    for body in (b"one", b"two", b"three"):
        Spool(folder).file(0).append("question", "identity", body)
        Spool(folder, keep=raw).keep_only({-60, 60})
    assert starts(folder) == {-60, 60}
    assert sorted(path.name for path in raw.iterdir()) == ["0-2.spool", "0-3.spool", "0.spool"]
    assert list(SpoolFile(raw / "0-3.spool").answers()) == [("identity", b"three")]


def test_answers_that_could_not_be_made_durable_are_no_evidence(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F36: they are asked for again, for another sync would succeed; those of other windows stay."""

    def fail(_handle: int) -> None:
        monkeypatch.undo()  # the kernel says it once
        raise OSError(errno.EIO, "the disk failed")

    spool = Spool(folder, keep=tmp_path / "raw" / "calls")
    for start in (0, 60):
        spool.file(start)
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="the disk failed"):
        spool.sync()
    assert starts(folder) == {-60, 60}
    assert spool.file(0).get("question") is None
    spool.file(0).append("question", "identity", b"another")
    spool.sync()
    assert starts(folder) == {-60, 0, 60}


@pytest.mark.parametrize("name", ["calls", "calls/account_id=7"])
def test_the_names_of_evidence_are_durable(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Before its window is forgotten: in the folder it is moved to, and in all on the way there."""
    lake = tmp_path / "lake"
    raw = lake / "_harvester" / "raw" / name
    raw.parents[len(name.split("/"))].mkdir(parents=True)
    durable: dict[Path, list[str]] = {}

    def sync(path: Path) -> None:
        durable[path] = [item.name for item in path.iterdir()]

    for owner in (folders, module):
        monkeypatch.setattr(owner, "sync_folder", sync)
    Spool(folder, keep=raw).free(0)
    assert durable[raw] == ["0.spool"]
    assert raw.name in durable[raw.parent]
    assert "raw" in durable[lake / "_harvester"]
