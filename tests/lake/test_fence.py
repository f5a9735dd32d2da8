"""An owner that was paused, lost the lake and wakes up: at every step, and in real processes."""

import asyncio
import hashlib
import json
import os
import random
import signal
import socket
import sys
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from harvester.errors import LakeError, LakeLockedError
from harvester.lake import database, publish, sink
from harvester.lake.catalog import Catalog
from harvester.lake.database import Database
from harvester.lake.entries import Intent, Publication
from harvester.lake.layout import Granularity, Layout, partition_at
from harvester.lake.ledger import Ledger
from harvester.lake.opening import entered
from harvester.lake.publish import recover, show
from harvester.window import Window, subtract
from tests.lake.history import HOUR, MONDAY, Lake, hours, opened
from tests.lake.test_publish import FIRST, NEW, SECOND, seen

RACES = 200
LEAST_SHOWN = 100


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


# The races: light owners in real processes, of which each notes what it was allowed to do, and when.


def _owner(root: Path, journal: Path, seed: int) -> int:
    """Own the lake and publish a few files; returns the exit code of a run."""
    chance = random.Random(seed)  # noqa: S311  (no secret)
    layout = Layout(root, "calls")
    try:
        with journal.open("a") as notes, entered(layout, started=0.0) as database:
            print(json.dumps(["owner", database.epoch, time.monotonic_ns()]), file=notes, flush=True)
            ledger, catalog = Ledger(database, "calls"), Catalog(database, "calls")
            recover(layout, catalog)
            run = ledger.begin(hours(0, 96), 0.0)
            for number in range(3):
                day = partition_at(Granularity.DAY, MONDAY + chance.randrange(2) * 24 * HOUR)
                began = time.monotonic_ns()
                _publish(
                    layout, catalog, day.span, run, text=f"{database.epoch} {number} {seed}", chance=chance
                )
                print(json.dumps(["publish", database.epoch, began]), file=notes, flush=True)
    except LakeLockedError:
        return 5
    except FileNotFoundError:  # its draft was taken from it; a run finds out why when it writes how it ended
        return 5
    return 0


def _publish(
    layout: Layout, catalog: Catalog, span: Window, run: int, *, text: str, chance: random.Random
) -> None:
    partition = partition_at(Granularity.DAY, span.start)
    draft = layout.draft(partition, catalog.epoch)
    content = f"whole {text} ".encode() * 50
    with draft.open("wb") as file:
        file.write(content[:100])
        file.flush()
        time.sleep(chance.random() / 2_000)  # half-written, when others may look
        file.write(content[100:])
    digest = hashlib.sha256(content).hexdigest()
    item = Publication(span, layout.file(partition), 1, len(content), digest, complete=True, covers=(span,))
    intent = Intent(item, draft)
    catalog.intend([intent], run)
    time.sleep(chance.random() / 2_000)
    show(layout.root, [intent])
    catalog.publish([item], run)


def _fork(root: Path, journal: Path, seed: int) -> int:
    pid = os.fork()
    if pid == 0:  # pragma: no cover  (the child leaves no trace)
        code = 70
        try:
            code = _owner(root, journal, seed)
        except BaseException:  # noqa: BLE001  (a forked child must not go on as a test)
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)
    return pid


def _race(root: Path, seed: int) -> tuple[list[tuple[str, int, int]], list[int]]:
    """Two or three owners on one lake, while their lock is tampered with and they are paused."""
    chance = random.Random(seed)  # noqa: S311  (no secret)
    layout = Layout(root, "calls")
    layout.make()
    journals: list[Path] = []
    alive: list[int] = []
    for number in range(chance.choice([2, 2, 3])):
        journals.append(root / f"{number}.journal")
        alive.append(_fork(root, journals[-1], seed * 10 + number))
        time.sleep(chance.random() * 0.012)
        if chance.random() < 0.7:
            os.kill(alive[-1], signal.SIGSTOP)
        match chance.randrange(4):
            case 0:
                layout.lock.unlink(missing_ok=True)
            case 1 | 2:
                other = layout.lock.with_name("other")
                other.write_text('{"pid": 1, "host": "elsewhere", "since": "never"}')
                other.replace(layout.lock)
            case _:
                pass
    chance.shuffle(alive)
    for pid in alive:
        time.sleep(chance.random() * 0.01)
        os.kill(pid, signal.SIGCONT)
    codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in alive]
    notes = [json.loads(line) for path in journals if path.exists() for line in path.read_text().splitlines()]
    return [(what, epoch, at) for what, epoch, at in notes], codes


@pytest.mark.large
@pytest.mark.real_time
def test_two_owners_never_publish_at_once(quick_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """200 races, with SIGSTOP, SIGCONT, and locks that vanish: who was followed publishes nothing more."""
    monkeypatch.setattr(database, "_PATIENCE", 0.1)  # with one that was stopped in a transaction
    shown = fenced = 0
    for seed in range(RACES):
        root = quick_folder / str(seed)
        root.mkdir()
        notes, codes = _race(root, seed)
        assert set(codes) <= {0, 5}, (seed, codes)
        owners = {epoch: at for what, epoch, at in notes if what == "owner"}
        assert len(owners) == sum(what == "owner" for what, _, _ in notes), f"{seed}: an epoch had two owners"
        for what, epoch, began in notes:
            followed = [at for other, at in owners.items() if other > epoch]
            assert what == "owner" or not any(at < began for at in followed), f"{seed}: {epoch} woke up"
        _assert_whole(root)
        fenced += codes.count(5)
        shown += len(owners) > 1
    assert shown > LEAST_SHOWN, f"in only {shown} races a second owner came in, {fenced} were fenced"


def _assert_whole(root: Path) -> None:
    """What readers see is what the ledger says, once somebody tidied up."""
    layout = Layout(root, "calls")
    with entered(layout, started=0.0) as database:
        catalog = Catalog(database, "calls")
        recover(layout, catalog)
        published = {root / item.path: item.sha256 for item in catalog.published()}
    files = {path: path.read_bytes() for path in layout.folder().rglob("*.parquet")}
    assert {path: hashlib.sha256(content).hexdigest() for path, content in files.items()} == published
    assert list(layout.tmp.iterdir()) == []


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
