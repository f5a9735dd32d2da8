"""A sync that failed proves nothing: the kernel drops what it could not write, and says so once."""

import errno
import os
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from harvester.emulator import ListedAccount
from harvester.tally import FilesReport
from tests.acceptance.files import END, START, check_stored, collect, rows, session
from tests.acceptance.harness import Bench, bench
from tests.acceptance.test_recordings_deletion import DELETE, deletions

RUNS = 20  # at most; a file that cannot be synced ends one each


@dataclass
class Disk:
    """Loses what it should have made durable, once for each file of a folder; all later syncs succeed.

    Attributes:
        folder: Its name.
        failed: The files, by their names without suffix.
    """

    folder: str
    failed: set[str] = field(default_factory=set)

    def sync(self, handle: int) -> None:
        """As ``os.fsync``."""
        path = Path(f"/proc/self/fd/{handle}").readlink()
        if path.parent.name == self.folder and path.stem not in self.failed:
            self.failed.add(path.stem)
            raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))


async def _insisted(it: Bench) -> FilesReport:
    """Run until a run ends."""
    for _ in range(RUNS):
        with suppress(OSError, ExceptionGroup):
            return await collect(it, **DELETE)
    raise AssertionError("no run ends")


@pytest.mark.parametrize("folder", ["partial", "_files"])
async def test_a_file_whose_sync_failed_is_fetched_anew_before_it_is_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    """F36: it may not be on the disk, whatever can be read there and whatever a second sync says."""
    lake = tmp_path / "lake"
    async with bench(tmp_path, ListedAccount([session(1), session(2)])) as it:
        await it.harvest(START, END)
        disk = Disk(folder)
        monkeypatch.setattr(os, "fsync", disk.sync)
        report = await _insisted(it)
        assert (report.outcome, sorted(deletions(it))) == ("complete", [100, 200])
        assert check_stored(it) == len(rows(lake))
        assert {"1-record-100", "1-transcript-100", "2-record-200"} <= disk.failed
        whole = Counter(urlsplit(asked.path).path for asked in it.emulator.files.asked if not asked.range)
        often = {Path(path).stem: whole[urlsplit(url).path] for path, url in rows(lake, "path, url")}
        assert disk.failed <= {name for name, times in often.items() if times > 1}
