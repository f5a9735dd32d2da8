"""What the API counts today for the seconds that a lake holds, beside what the lake holds."""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from itertools import islice

import pyarrow as pa
import pyarrow.compute as pc

from harvester.api.client import Client
from harvester.api.counting import Counter, starts_inclusive
from harvester.api.question import Bounds
from harvester.config import Job
from harvester.lake.entries import Publication
from harvester.lake.quarantine import Quarantined
from harvester.lake.verify import Expected
from harvester.task_group import TaskGroup
from harvester.window import Window, subtract

_MOST_PROBES = 8  # places to ask at


@dataclass(frozen=True, slots=True)
class Count:
    """What the API counts in published seconds, beside what the lake holds.

    Attributes:
        window: The seconds.
        lake: Rows in the lake.
        quarantined: Records in quarantine, beside them.
        api: What the API counts.
        left: Records that the last run received and left to a later one, beside the lake's.
        margin: By how much the API may count more: it is unknown whether ``from_date`` is inclusive, or in
            which second a record in quarantine lies.
    """

    window: Window
    lake: int
    quarantined: int
    api: int
    left: int = 0
    margin: int = 0

    @property
    def agrees(self) -> bool:
        """Whether the two are the same."""
        return 0 <= self.api - self.lake - self.left - self.quarantined <= self.margin

    @property
    def text(self) -> str:
        """The two figures in a sentence."""
        aside = f" and {self.quarantined} in quarantine" if self.quarantined else ""
        aside += f" and {self.left} were left open just now" if self.left else ""
        return f"the API counts {self.api} records, the lake holds {self.lake}{aside}"


class Held:
    """What the lake holds of one dataset, second by second."""

    def __init__(
        self,
        expected: Expected,
        files: Sequence[Publication],
        aside: Quarantined,
        left: Sequence[int] = (),
    ) -> None:
        """Look into ``files``, oldest first, and count the records in quarantine beside them.

        Args:
            expected: Reads them.
            files: Each with the seconds that it covers.
            aside: What is in quarantine.
            left: When the records happened that were received and left to a later run, Unix seconds.
        """
        self._expected = expected
        self._files = files
        self._starts = [file.span.start for file in files]
        self._seconds = pa.array(aside.seconds, pa.int64())
        self._unplaced = aside.unplaced
        self._left = pa.array(left, pa.int64())

    def count(self, window: Window, api: int, bounds: Bounds) -> Count:
        """The lake's side of a count."""
        margin = 0
        if bounds.from_inclusive is None:
            margin += self._at(window.start - 1) + self._at(window.end)
        near = [came_with for came_with in self._unplaced if came_with.meets(window)]
        sure = [came_with for came_with in near if not subtract(came_with, [window])]
        quarantined = _inside(self._seconds, window) + len(sure)
        left = _inside(self._left, window)
        return Count(window, self._rows(window), quarantined, api, left, margin + len(near) - len(sure))

    def busy(self) -> Iterator[int]:
        """Seconds that hold records, one from each file."""
        for file in self._files:
            yield from self._expected.seconds(file)[:1].to_pylist()

    def holds(self, second: int) -> bool:
        """Whether a record is known to lie in a second."""
        only = Window(second, second + 1)
        return bool(self._at(second) or _inside(self._seconds, only) or _inside(self._left, only))

    def middle(self, window: Window) -> int | None:
        """A second that has about half of a window's rows before it; ``None`` if the window cannot be halved.

        It is the one behind a row: mostly it holds none, and then nothing is counted on the end. The
        window lies within one file's span, or in none.
        """
        place = bisect_right(self._starts, window.start) - 1
        seconds = self._expected.seconds(self._files[place]) if place >= 0 else pa.array([], pa.int64())
        seconds = seconds.filter(_within(seconds, window))
        row = seconds[(len(seconds) - 1) // 2].as_py() if len(seconds) else None
        middle: int = window.start + window.seconds // 2 if row is None else row + 1
        return middle if window.start < middle < window.end else None

    def _at(self, second: int) -> int:
        return self._rows(Window(second, second + 1))

    def _rows(self, window: Window) -> int:
        place = bisect_right(self._starts, window.start) - 1
        if place < 0 or not (share := window.overlap(self._files[place].span)):
            return 0
        file = self._files[place]
        return file.rows if (share,) == file.covers else _inside(self._expected.seconds(file), share)


async def recount(
    job: Job,
    asking: AbstractAsyncContextManager[Client],
    spans: Iterable[Window],
    held: Held,
    bounds: Bounds,
    *,
    step: Callable[[int], None],
    narrow: int | None = None,
    mixed: bool = False,
    parent: int | None = None,
) -> list[Count]:
    """Ask for the count of each span again.

    Args:
        job: What to ask, and how many questions side by side.
        asking: The way to the API.
        spans: Published seconds; each within one partition, or in none that has a file.
        held: The lake's side.
        bounds: What is known about the range's bounds; learns more by a few questions if it has to.
        step: Is told how many spans are done.
        narrow: Halve a span that differs until it has so many records, or both halves differ; ``None`` to
            leave it as it is.
        mixed: Whether the answers are known to hold records of child accounts, which are not to be counted.
        parent: The account, if they may and that is not known: asked where a count differs.

    Returns:
        The counts, oldest first.

    Raises:
        ExceptionGroup: The API refuses, or cannot be reached.
    """
    counts: list[Count] = []
    async with asking as client:
        counter = Counter(client, job.dataset, job.shared, mixed=mixed, parent=parent)
        await _learn(counter, bounds, held.busy())
        waiting = iter(spans)

        async def work() -> None:
            for window in waiting:
                counts.append(await _counted(counter, held, bounds, window, narrow))
                step(len(counts))

        async with TaskGroup() as group:
            for number in range(job.concurrency):
                group.create_task(work(), name=f"count {number}")
    return sorted(counts, key=lambda count: count.window)


async def _counted(counter: Counter, held: Held, bounds: Bounds, window: Window, narrow: int | None) -> Count:
    was_mixed = counter.mixed
    count = await _asked(counter, held, bounds, window)
    if not count.agrees and not was_mixed and await counter.turns_out_mixed(window, bounds):
        return await _counted(counter, held, bounds, window, narrow)
    if narrow is None or count.agrees:
        return count
    return await _narrowed(counter, held, bounds, count, narrow)


async def _asked(counter: Counter, held: Held, bounds: Bounds, window: Window) -> Count:
    api, _ = await counter.count(window, bounds, held.holds)
    count = held.count(window, api, bounds)
    if count.agrees or count.api < count.lake or held.holds(window.end):
        return count
    # What the lake lacks may lie on the end, and then it is another window's that is to be read.
    api -= await counter.total(bounds.end(window.end))
    return held.count(window, api, bounds)


async def _narrowed(counter: Counter, held: Held, bounds: Bounds, count: Count, most: int) -> Count:
    """Where a count differs, down to ``most`` records: each count of one half tells that of the other."""
    while max(count.api, count.lake) > most and bounds.from_inclusive is not None:
        whole, middle = count.window, held.middle(count.window)
        if middle is None:
            break
        first, second = Window(whole.start, middle), Window(middle, whole.end)
        half = await _asked(counter, held, bounds, first)
        halves = (half, held.count(second, count.api - half.api, bounds))
        differing = [half for half in halves if not half.agrees]
        if len(differing) != 1:  # two to look for: reading all of it costs no more than finding both
            break
        count = differing[0]
    return count


async def _learn(counter: Counter, bounds: Bounds, places: Iterable[int]) -> None:
    """Ask at several places until two agree: at one, records may have come or gone since the harvest."""
    if bounds.from_inclusive is not None:
        return
    answers: list[bool] = []
    for place in islice(places, _MOST_PROBES):
        answer = await starts_inclusive(counter, place)
        if answer is None:
            continue
        answers.append(answer)
        if answers.count(answer) > 1:
            break
    for answer in answers[-1:]:
        if len(set(answers)) == 1 or answers.count(answer) > 1:
            bounds.from_inclusive = answer


def _inside(seconds: pa.Array, window: Window) -> int:
    rows: int = pc.sum(_within(seconds, window), min_count=0).as_py()
    return rows


def _within(seconds: pa.Array, window: Window) -> pa.Array:
    return pc.and_(pc.greater_equal(seconds, window.start), pc.less(seconds, window.end))
