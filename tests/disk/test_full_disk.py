"""A disk that is really full, and a lake that lies on two disks."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.disk.bench import MEMORY, Case, Server
from tests.disk.judge import is_old_or_new

pytestmark = pytest.mark.large


def _mount(*arguments: str | Path) -> bool:
    command = shutil.which("mount") or "mount"
    return not subprocess.run([command, *arguments], check=False, capture_output=True).returncode  # noqa: S603  (fixed arguments)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small file system in memory."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.getuid() != 0 or not _mount("-t", "tmpfs", "-o", "size=4m", "tmpfs", folder):
        pytest.skip("a full disk needs root, and leave to mount a tmpfs")
    try:
        yield folder
    finally:
        subprocess.run([shutil.which("umount") or "umount", folder], check=True)  # noqa: S603  (fixed arguments)


def test_a_full_disk(server: Server, disk: Path) -> None:
    """P5: wherever the space ends the run says so, readers are unharmed, and with more space it goes on."""
    ends = 0
    for size in range(32, 1_024, 12):
        case = Case(server, disk, keep_raw=size % 24 == 0, notes=disk.parent / "notes")
        assert _mount("-o", f"remount,size={size}k", disk)
        ended = case.attempt()
        assert is_old_or_new(case.seen)
        if ended.complete:
            break
        ends += 1
        assert ended.error is not None
        assert "No space left" in ended.error or "is full" in ended.error or "disk I/O" in ended.error
        assert _mount("-o", "remount,size=4m", disk)
        assert case.attempt().complete
        assert case.is_whole(), case.seen
        shutil.rmtree(case.lake)
    assert ends > 10
    print(f"{ends} disks were full")  # noqa: T201  (for the table in tests/README.md)


@pytest.fixture
def apart(tmp_path: Path) -> Iterator[Path]:
    """A folder on another file system than ``tmp_path``."""
    if not MEMORY.is_dir() or MEMORY.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is one file system only")
    folder = Path(tempfile.mkdtemp(dir=MEMORY))
    yield folder
    shutil.rmtree(folder)


def test_a_date_that_lies_on_another_disk(server: Server, tmp_path: Path, apart: Path) -> None:
    """P4: no file can be replaced there in one step: the run stops with the reason, and nothing is copied."""
    case = Case(server, tmp_path)
    date = case.lake / "calls" / "date=2024-04-01"
    date.parent.mkdir(parents=True)
    date.symlink_to(apart, target_is_directory=True)
    for _ in range(2):
        ended = case.attempt()
        assert not ended.complete
        assert ended.error is not None
        assert ended.error.startswith("LakeError")
        assert f"{date}" in ended.error
        assert "another file system" in ended.error
        assert not list(apart.rglob("*.parquet"))
        assert is_old_or_new(case.seen)
    date.unlink()
    assert case.attempt().complete
    assert case.is_whole(), case.seen


def test_a_dataset_that_lies_on_another_disk(server: Server, tmp_path: Path, apart: Path) -> None:
    """It is refused before anything is asked."""
    case = Case(server, tmp_path)
    case.lake.mkdir()
    (case.lake / "calls").symlink_to(apart, target_is_directory=True)
    ended = case.attempt()
    assert ended.error is not None
    assert "different file systems" in ended.error
    assert case.asked == [[]]
