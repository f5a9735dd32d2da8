"""Races for a lake: light owners in real processes, each of which notes what it was allowed to do, and when.

``python -m tests.lake.races FOLDER`` is a process of its own: one that has run many tests is slow to fork.
"""

import hashlib
import json
import os
import random
import signal
import sys
import time
import traceback
from pathlib import Path

from harvester.errors import LakeLockedError
from harvester.lake import database
from harvester.lake.catalog import Catalog
from harvester.lake.entries import Intent, Publication
from harvester.lake.layout import Granularity, Layout, partition_at
from harvester.lake.ledger import Ledger
from harvester.lake.opening import entered
from harvester.lake.publish import recover, show
from harvester.window import Window
from tests.lake.history import HOUR, MONDAY, hours

RACES = 200
LEAST_SHOWN = 100


def main(folder: Path) -> None:
    """Race on one lake after the other; fails if whoever was followed has published anything more."""
    database._PATIENCE = 0.1  # with one that was stopped in a transaction
    shown = fenced = 0
    for seed in range(RACES):
        root = folder / str(seed)
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


if __name__ == "__main__":
    main(Path(sys.argv[1]))
