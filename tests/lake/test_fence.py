"""An owner that was paused, lost the lake and wakes up: at every step, and in real processes."""

import asyncio
import os
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from harvester.errors import LakeError, LakeLockedError
from harvester.lake import publish, sink
from harvester.lake.catalog import Catalog
from harvester.lake.database import Database
from harvester.lake.layout import Granularity, Layout, partition_at
from harvester.lake.opening import entered
from harvester.lake.publish import recover
from harvester.window import subtract
from tests.lake.history import MONDAY, Lake, hours, opened
from tests.lake.test_publish import FIRST, NEW, SECOND, seen

ROOT = Path(__file__).parents[2]


def _take_over(root: Path) -> None:
    """A new owner comes, tidies up, and harvests what is missing."""

    async def harvest() -> None:
        with opened(root) as lake:
            recover(lake.layout, lake.catalog)
            for rest in subtract(hours(0, 72), lake.catalog.coverage()):
                await lake.harvest(rest)
            assert seen(lake) == NEW

    # In a thread of its own: the owner before stands still meanwhile, wherever it is.
    with ThreadPoolExecutor(1) as other:
        other.submit(asyncio.run, harvest()).result()


@pytest.mark.large
@pytest.mark.parametrize(
    ("owner", "name", "after"),
    [
        pytest.param(Lake, "answer", 0, id="before the window is proven"),
        pytest.param(Catalog, "intend", 0, id="before the decision"),
        pytest.param(sink, "show", 0, id="after the decision"),
        pytest.param(Path, "replace", 0, id="before the first rename"),
        pytest.param(Path, "replace", 1, id="between the renames"),
        pytest.param(publish, "sync_folders", 0, id="before the folders are durable"),
        pytest.param(Catalog, "publish", 0, id="before the commit"),
    ],
)
@pytest.mark.real_time
async def test_a_paused_owner_publishes_nothing_more(
    tmp_path: Path, owner: object, name: str, after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever it stood: it ends, everything it writes later is refused, and the lake is the new owner's."""
    with opened(tmp_path) as lake:
        await lake.harvest(FIRST)
    work = getattr(owner, name)
    left = iter(range(after))

    def pause(*arguments: object, **options: object) -> object:
        if next(left, None) is None:
            monkeypatch.undo()
            _take_over(tmp_path)
        return work(*arguments, **options)

    with opened(tmp_path) as lake:
        monkeypatch.setattr(owner, name, pause)
        with pytest.raises((LakeLockedError, FileNotFoundError)):
            await lake.harvest(SECOND)
        for write in (lambda: lake.ledger.end(1, 0.0, "complete", {}), lake.catalog.intents):
            with pytest.raises(LakeLockedError, match=f"taken over by another run .process {os.getpid()} "):
                write()
        with pytest.raises(LakeLockedError):
            recover(lake.layout, lake.catalog)
    with opened(tmp_path) as lake:
        recover(lake.layout, lake.catalog)
        assert seen(lake) == NEW


def test_a_fenced_owner_leaves_the_drafts_of_the_next(tmp_path: Path) -> None:
    """Each has names of its own, and tidies up only after those that came before."""
    with opened(tmp_path) as old, opened(tmp_path) as new:
        day = partition_at(Granularity.DAY, MONDAY)
        drafts = [old.layout.draft(day, lake.catalog.epoch) for lake in (old, new)]
        older = old.layout.tmp / "calls-2024-05-27.draft"
        for draft in (*drafts, older):
            draft.touch()
        assert len(set(drafts)) == 2
        assert set(old.layout.drafts(until=old.catalog.epoch)) == {drafts[0], older}
        recover(new.layout, new.catalog)
        assert new.drafts() == []


def test_epochs_grow_across_a_lost_ledger(tmp_path: Path) -> None:
    """By the clock, or by one if that stands still: no two owners share the name of a draft."""
    epochs = []
    for started in (5.9, 7.0, 7.0, 3.0):
        with Database.open(tmp_path / "ledger.sqlite", started=started) as database:
            epochs.append(database.epoch)
    assert epochs == [5, 7, 8, 9]


def test_a_ledger_that_was_replaced_is_not_written(tmp_path: Path) -> None:
    """SQLite would go on writing to the file that was moved away."""
    path = tmp_path / "ledger.sqlite"
    with Database.open(path) as database:
        path.rename(tmp_path / "elsewhere.sqlite")
        with pytest.raises(LakeLockedError, match="replaced or moved away"):
            database.insert("lake", 1, 0.0)
        (tmp_path / "ledger.sqlite-wal").unlink()
        with Database.open(path), pytest.raises(LakeLockedError, match="replaced or moved away"):
            database.insert("lake", 1, 0.0)


def test_an_owner_that_stands_in_a_transaction_holds_the_lake(tmp_path: Path) -> None:
    """The next one is turned away, in a sentence."""
    path = tmp_path / "ledger.sqlite"
    with Database.open(path) as database, database.transaction():
        database.one("PRAGMA busy_timeout = 0")
        with pytest.raises(LakeLockedError, match="is being written by another process"), Database.open(path):
            pytest.fail("two writers")


@pytest.mark.large
@pytest.mark.real_time
def test_two_owners_never_publish_at_once(quick_folder: Path) -> None:
    """200 races, with SIGSTOP, SIGCONT, and locks that vanish: who was followed publishes nothing more."""
    command = [sys.executable, "-m", "tests.lake.races", str(quick_folder)]
    raced = subprocess.run(  # noqa: S603  (our own program)
        command, capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert raced.returncode == 0, raced.stdout + raced.stderr


def test_whoever_locks_finds_the_lock_in_its_place(tmp_path: Path) -> None:
    """A lock on a file that was replaced before it was locked is worth nothing: the new one is taken."""
    layout = Layout(tmp_path, "calls")
    layout.make()
    with entered(layout, started=0.0):
        layout.lock.unlink()
        with entered(layout, started=0.0) as second:
            assert second.epoch == 2
            with pytest.raises(LakeLockedError, match=socket.gethostname()), entered(layout, started=0.0):
                pytest.fail("three owners")
    (layout.folder() / "date=2024-05-27").mkdir()
    (layout.folder() / "date=2024-05-27" / "calls-2024-05-27.parquet").touch()
    layout.ledger.unlink()
    with pytest.raises(LakeError, match="harvester recover"), entered(layout, started=0.0):
        pytest.fail("a ledger was begun anew")
