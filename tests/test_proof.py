from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from random import Random

import pyarrow as pa
import pytest

from harvester.api.page_source import PageSource
from harvester.api.pages import Columns, sorted_rows
from harvester.api.question import Bounds, Question
from harvester.api.reader import Reader
from harvester.datasets import CALLS
from harvester.window import Window, as_second
from tests.acceptance.vendor import Session, Vendor

START = 1_711_929_600
SMALL = replace(CALLS, page_size=2, max_offset=6)


@dataclass
class Kept:
    """The answers of one window, in memory."""

    pages: dict[str, tuple[str, bytes]] = field(default_factory=dict)

    def get(self, key: str) -> tuple[str, bytes] | None:
        """A page."""
        return self.pages.get(key)

    def append(self, key: str, encoding: str, body: bytes) -> None:
        """Keep one."""
        self.pages[key] = encoding, body

    def answers(self) -> Iterator[tuple[str, bytes]]:
        """All of them."""
        yield from self.pages.values()

    def clear(self) -> None:
        """Forget them."""
        self.pages.clear()


@dataclass
class Answers:
    """The answers of all windows."""

    files: dict[int, Kept] = field(default_factory=dict)

    def file(self, start: int) -> Kept:
        """Those of one."""
        return self.files.setdefault(start, Kept())


@pytest.mark.parametrize("before", [1, 2, 3])
async def test_what_reaches_into_a_dense_second_goes_along_when_the_window_was_cut(before: int) -> None:
    """Its first page, and one of the others, were asked for the longer window: they lie in the spool, too."""
    seconds = [START, START + 1, START + 2][:before] + 9 * [START + 5] + 6 * [START + 80]
    vendor = Vendor(SMALL, [Session(key, second) for key, second in enumerate(seconds, 1)])
    reader = Reader(PageSource(SMALL, {}, vendor), Answers(), Bounds({}))
    await reader.look(Window(START, START + 100))
    first = await reader.read(Window(START, START + 60))
    assert first.rest == Window(START + 5, START + 60)
    dense = await reader.read(first.rest)
    assert dense.harvest is not None
    assert dense.harvest.window == Window(START + 5, START + 6)
    assert dense.harvest.rows == 9
    replayed = pa.Table.from_batches(reader.replay(dense.harvest.window))
    assert replayed.equals(pa.Table.from_batches(dense.harvest.batches))


@dataclass
class Lowered(Vendor):
    """While its second answer is under way, another window finds a cap."""

    lower: Callable[[], None] = lambda: None

    def _answer(self, parameters: Mapping[str, str], lie: str | None, random: Random) -> dict[str, object]:
        if self.asked == 2:
            self.lower()
        return super()._answer(parameters, lie, random)


async def test_a_cap_that_is_found_while_a_window_is_cut_is_kept() -> None:
    """How much is left of it is then told by a page that paging does not reach any more."""
    vendor = Lowered(SMALL, [Session(key, START + key) for key in range(1, 90)])
    source = PageSource(replace(SMALL, caps_published=False), {}, vendor)
    reader = Reader(source, Answers(), Bounds({}))
    vendor.lower = partial(setattr, source.caps, "max_offset", 2)
    await reader.look(Window(START, START + 100))
    reading = await reader.read(Window(START, START + 60))
    assert reading.harvest is not None
    assert (reading.harvest.window, reading.harvest.rows) == (Window(START, START + 4), 3)


@pytest.mark.parametrize("known", [{}, {"from_inclusive": False}], ids=["new", "old"])
@pytest.mark.parametrize(("start", "end"), [(START - 1, START + 1), (START, START + 2), (START, START + 1)])
async def test_a_window_is_not_begun_by_an_answer_about_a_part_of_it(
    start: int, end: int, known: dict[str, bool]
) -> None:
    """A second that was read on its own is asked for alike, where the bounds may belong to the range."""
    sessions = [Session(1, START), Session(2, START + 1)]
    vendor = Vendor(SMALL, sessions, from_inclusive=False, to_inclusive=False)
    source, answers = PageSource(SMALL, {}, vendor), Answers()
    await source.page(answers.file(START), Question(start, end), 0)
    reading = await Reader(source, answers, Bounds(known)).read(Window(START, START + 2))
    assert reading.harvest is not None
    assert reading.harvest.rows == 2


@dataclass
class Withholding(Vendor):
    """Counts a record that it lists on no page."""

    withheld: int = 0

    def _answer(self, parameters: Mapping[str, str], lie: str | None, random: Random) -> dict[str, object]:
        counted = super()._answer(parameters, lie, random)
        everything, self.sessions = self.sessions, [one for one in self.sessions if one.key != self.withheld]
        listed = super()._answer(parameters, lie, random)
        self.sessions = everything
        return listed | {"total_count": counted["total_count"]}


@pytest.mark.parametrize("seconds", [20, 6], ids=["beyond reach", "within reach"])
async def test_a_record_that_is_counted_and_on_no_page_is_a_gap(seconds: int) -> None:
    """P1: beyond reach every page is full; what is counted behind the window tells that one is missing."""
    sessions = [Session(key, START + key) for key in range(seconds)]
    reader = Reader(
        PageSource(SMALL, {}, Withholding(SMALL, sessions, withheld=3)),
        Answers(),
        Bounds({"from_inclusive": True}),
    )
    reading = await reader.read(Window(START, START + seconds))
    assert reading.harvest is None
    assert reading.gap is not None


@dataclass
class Fractional(Vendor):
    """Keeps tenths of a second, shows whole ones; the last digit of a key is the tenth."""

    def _found(self, parameters: Mapping[str, str], random: Random) -> list[Session]:
        end = as_second(parameters["to_date"])
        found = super()._found(parameters, random)
        return [session for session in found if session.second < end or session.key % 10 == 0]


async def test_a_record_on_the_bound_says_nothing_of_the_others_of_its_second() -> None:
    """F19: where fractions are kept and not shown, each window has its last second all the same."""
    sessions = [Session(10 * second + tenth, START + second) for second in range(60) for tenth in (0, 5)]
    reader, rows = Reader(PageSource(SMALL, {}, Fractional(SMALL, sessions)), Answers(), Bounds({})), 0
    for start in range(START, START + 60, 2):
        reading = await reader.read(Window(start, start + 2))
        assert reading.harvest is not None
        rows += reading.harvest.rows
    assert rows == len(sessions)


@pytest.mark.parametrize("from_inclusive", [True, False])
@pytest.mark.parametrize("known", [True, False])
async def test_a_dense_second_behind_a_window_is_not_read_with_it(from_inclusive: bool, known: bool) -> None:  # noqa: FBT001
    """It fills the pages up to where paging reaches; the window is whole without it."""
    sessions = [Session(key, START + (key > 1)) for key in range(1, 20)]
    vendor = Vendor(SMALL, sessions, from_inclusive=from_inclusive)
    bounds = Bounds({"from_inclusive": from_inclusive} if known else {})
    reading = await Reader(PageSource(SMALL, {}, vendor), Answers(), bounds).read(Window(START, START + 1))
    assert reading.harvest is not None
    assert (reading.harvest.window, reading.harvest.rows) == (Window(START, START + 1), 1)


@pytest.mark.parametrize("from_inclusive", [True, False])
@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("vendor", [Vendor, Fractional])
async def test_dense_neighbours_are_told_apart_where_bounds_are_whole_seconds(
    vendor: type[Vendor],
    known: bool,  # noqa: FBT001
    from_inclusive: bool,  # noqa: FBT001
) -> None:
    """There both are beyond reach together, and the first is had by a question that ends with it."""
    sessions = [Session(key, START + key // 10 - 1) for key in range(10, 30)]
    source = PageSource(SMALL, {}, vendor(SMALL, sessions, from_inclusive=from_inclusive))
    bounds = Bounds({"from_inclusive": from_inclusive} if known else {})
    reading = await Reader(source, Answers(), bounds).read(Window(START, START + 2))
    assert reading.harvest is not None
    assert (reading.harvest.window, reading.harvest.rows) == (Window(START, START + 1), 10)


async def test_whole_seconds_here_say_nothing_of_fractions_there() -> None:
    """A batch of whole seconds, dense and told apart by that, and behind it a history of fractions."""
    batch = [Session(10 * number, START + number // 10 - 1) for number in range(10, 30)]
    others = [Session(10 * second + 5, START + second) for second in range(40, 60)]
    vendor = Fractional(SMALL, [*batch, *others])
    reader = Reader(PageSource(SMALL, {}, vendor), Answers(), Bounds({"from_inclusive": True}))
    left, rows = [Window(START, START + 50), Window(START + 50, START + 60)], 0
    while left:
        reading = await reader.read(left.pop(0))
        assert reading.gap is None
        rows += reading.harvest.rows if reading.harvest else 0
        left = [reading.rest, *left] if reading.rest else left
    assert rows == len(batch) + len(others)


async def test_a_window_is_begun_by_a_wider_answer_of_a_run_that_knew_less() -> None:
    """It is not asked for again."""
    vendor = Vendor(SMALL, [Session(1, START)])
    source, answers = PageSource(SMALL, {}, vendor), Answers()
    await source.page(answers.file(START), Question(START - 1, START + 2), 0)
    known = Bounds({"from_inclusive": True})
    reading = await Reader(source, answers, known).read(Window(START, START + 2))
    assert reading.harvest is not None
    assert (reading.harvest.rows, vendor.asked) == (1, 1)


@pytest.mark.parametrize("order", [(True, False), (False, True), (True, None), (None, True)])
def test_of_a_record_that_came_while_it_ran_and_after_the_final_one_counts(
    order: tuple[bool | None, bool | None],
) -> None:
    """Whichever lies first in the spool; what does not say that it runs is final."""
    columns = Columns("start_date", "call_session_history_id", "active")
    batches = [
        pa.RecordBatch.from_pylist(
            [{"start_date": START, "call_session_history_id": 7, "active": runs}],
            pa.schema(
                [
                    ("start_date", pa.timestamp("s", "UTC")),
                    ("call_session_history_id", pa.int64()),
                    ("active", pa.bool_()),
                ]
            ),
        )
        for runs in order
    ]
    (row,) = pa.Table.from_batches(sorted_rows(batches, columns, Window(START, START + 1))).to_pylist()
    assert not row["active"]


@pytest.mark.parametrize(("proven", "kept"), [(3, False), (4, True), (5, True)])
async def test_answers_that_hold_more_than_was_proven_are_not_kept(proven: int, kept: bool) -> None:  # noqa: FBT001
    """What went meanwhile would always come back with them; too few of them serve again all the same."""
    window, answers = Window(START, START + 10), Answers()
    vendor = Vendor(SMALL, [Session(key, START + key) for key in range(4)])
    reader = Reader(PageSource(SMALL, {}, vendor), answers, Bounds({}))
    await reader.read(window)
    replayed = reader.replayed(window, proven)
    assert (replayed is not None) == (proven == 4)
    assert bool(answers.file(START).pages) == kept
