"""What the sink leaves behind when the disk, the spool, the old file or the run itself fails."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harvester.errors import FileDamagedError
from harvester.lake import shown
from harvester.lake.catalog import Catalog
from harvester.lake.sink import Sink
from harvester.lake.writer import DraftError, DraftWriter
from harvester.window import Window
from tests.lake.history import ALL, HISTORY, HOUR, MONDAY, MONDAYS_FILE, TABLE, Lake, hours, rows_of


async def test_a_replay_that_lost_rows_publishes_nothing(lake: Lake) -> None:
    """P1: the run fails, and readers keep what they have."""
    await lake.harvest(hours(0, 6))
    before = lake.files()
    sink = lake.sink(hours(6, 24), memory=0)
    await lake.give(sink, hours(12, 24))
    lake.history = [row for row in HISTORY if row[0] != HISTORY[-1][0] and row[1] != MONDAY + 16 * HOUR]
    with pytest.raises(DraftError, match="no longer holds the 24 rows"):
        await lake.give(sink, hours(6, 12))
    sink.abort()
    assert (lake.files(), lake.drafts(), lake.catalog.intents()) == (before, [], [])
    assert lake.catalog.coverage() == (hours(0, 6),)


def put_back(path: Path, older: bytes) -> None:
    """Somebody restored an older copy, sound in itself."""
    path.write_bytes(older)


def edited(path: Path, _older: bytes) -> None:
    """Somebody wrote into it; it is as large as it was, and can be read."""
    path.write_bytes(path.read_bytes().replace(b"harvester.dataset", b"harvested.dataset"))


def cut_short(path: Path, _older: bytes) -> None:
    """The disk lost its end."""
    path.write_bytes(path.read_bytes()[:-10])


def removed(path: Path, _older: bytes) -> None:
    """It is gone."""
    path.unlink()


@pytest.mark.parametrize("harm", [put_back, edited, cut_short, removed])
async def test_a_file_that_is_not_what_was_published_is_not_carried_over(
    lake: Lake, harm: Callable[[Path, bytes], None]
) -> None:
    """P3: given a new hash, it would pass for sound. The run says what mends it, and leaves it as it is."""
    path = lake.layout.folder() / MONDAYS_FILE
    await lake.harvest(hours(0, 6))
    older = path.read_bytes()
    await lake.harvest(hours(6, 12))
    harm(path, older)
    before = lake.files()
    sink = lake.sink(hours(12, 24))
    with pytest.raises(FileDamagedError, match=f"{MONDAYS_FILE} of the lake is damaged or gone"):
        await lake.give(sink, hours(12, 24))
    sink.abort()
    assert (lake.files(), lake.drafts()) == (before, [])
    assert lake.catalog.coverage() == (hours(0, 12),)
    await lake.harvest(hours(0, 24))
    assert lake.rows() == rows_of(hours(0, 24))


def damage_unseen(path: Path) -> bytes:
    """Change one byte of a file so that it reads as other rows, and only the checksum tells."""
    whole, rows = path.read_bytes(), pq.read_table(path)
    for place in range(4, len(whole)):
        path.write_bytes(bytes([*whole[:place], whole[place] ^ 0x10, *whole[place + 1 :]]))
        with suppress(OSError, pa.ArrowException):
            if not pq.read_table(path).equals(rows):
                return path.read_bytes()
    pytest.fail("every damage shows")


async def test_a_damaged_file_is_not_carried_over(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """P3: what the disk damages after the look at a file's hash, the checksums of its pages show."""
    monkeypatch.setattr(shown, "_is_intact", lambda *_: True)
    await lake.harvest(hours(0, 12))
    path = lake.layout.folder() / MONDAYS_FILE
    content = damage_unseen(path)
    sink = lake.sink(hours(12, 24))
    with pytest.raises(OSError, match="CRC checksum verification failed"):
        await lake.give(sink, hours(12, 24))
    sink.abort()
    assert (path.read_bytes(), lake.drafts()) == (content, [])
    assert lake.catalog.coverage() == (hours(0, 12),)


@pytest.mark.parametrize(
    ("where", "successes"),
    [
        ((DraftWriter, "write"), 3),
        ((DraftWriter, "finish"), 0),
        ((DraftWriter, "finish"), 1),
        ((Catalog, "intend"), 0),
    ],
    ids=["a draft on its way", "a draft at its end", "the second of two drafts", "the decision"],
)
async def test_a_run_that_fails_leaves_no_draft(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, where: tuple[type, str], successes: int
) -> None:
    """Not the one that failed, and not the finished ones beside it that were not decided upon."""
    work: Callable[..., object] = getattr(*where)
    left = iter(range(successes))

    def full(*arguments: object) -> object:
        if next(left, None) is None:
            raise OSError(28, "No space left on device")
        return work(*arguments)

    monkeypatch.setattr(*where, full)
    sink = lake.sink(ALL)
    with pytest.raises(OSError, match="No space"):
        await lake.give(sink, hours(0, 80))
    assert lake.drafts()
    sink.abort()
    assert (lake.drafts(), lake.files(), lake.catalog.intents()) == ([], {}, [])


class Stalled(ThreadPoolExecutor):
    """One thread whose first job goes on only when another one is handed in."""

    def __init__(self) -> None:
        super().__init__(1)
        self.go_on = threading.Event()
        self._jobs = 0

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Hand in a job."""
        self._jobs += 1
        if self._jobs > 1:
            self.go_on.set()
        return super().submit(function, *args, **kwargs)


@pytest.mark.real_time
async def test_a_cancelled_run_waits_for_its_thread(lake: Lake) -> None:
    """Two threads in one Parquet writer crash the process: the draft goes when its job has ended."""
    loop, started, events = asyncio.get_running_loop(), asyncio.Event(), list[str]()
    with Stalled() as thread:

        def replay(window: Window) -> Any:
            loop.call_soon_threadsafe(started.set)
            thread.go_on.wait(60)
            events.append("written")
            return lake.answer(window)

        sink = Sink(
            lake.layout,
            TABLE,
            lake.catalog,
            lake.spool,
            todo=[hours(0, 24)],
            replay=replay,
            run=1,
            thread=thread,
            memory=0,
        )
        await sink.take(hours(0, 12), lake.answer(hours(0, 12)))
        taking = asyncio.create_task(sink.take(hours(12, 24), lake.answer(hours(12, 24))))
        await started.wait()
        taking.cancel()
        await asyncio.wait([taking])
        assert taking.cancelled()
        sink.abort()
        events.append("aborted")
        thread.go_on.set()
    assert events == ["written", "aborted"]
    assert (lake.drafts(), lake.files()) == ([], {})
