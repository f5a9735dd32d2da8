"""The lake's side of a count: rows in files, records in quarantine, and how many more may be counted."""

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from harvester.api.counting import Counter
from harvester.api.question import Bounds, Question
from harvester.lake.entries import Publication
from harvester.lake.quarantine import Quarantined
from harvester.recount import Count, Held, _narrowed
from harvester.window import Window
from tests.acceptance.vendor import Session, Vendor
from tests.test_proof import SMALL, START, Fractional

FILE = Window(100, 200)
SECONDS = [100, 100, 130, 131, 150, 199]
SESSIONS = [Session(10 * number + tenth, START + number // 2) for number in range(8) for tenth in (0, 5)]
KNOWN = Bounds({"from_inclusive": True})


class Expected:
    """A file of a few rows."""

    def seconds(self, _file: Publication) -> pa.Array:
        """When they happened."""
        return pa.array(SECONDS, pa.int64())


def held(*seconds: int, unplaced: Window | None = None) -> Held:
    """One file, and records in quarantine."""
    file = Publication(FILE, Path("file"), len(SECONDS), 1, "", complete=True, covers=(FILE,))
    aside = Quarantined(seconds, [unplaced] if unplaced else [])
    return Held(Expected(), [file], aside)  # type: ignore[arg-type]  # no lake is needed


def test_rows_and_records_in_quarantine_are_counted() -> None:
    """Half-open: in a file, in a part of it, and where there is no file."""
    lake = held(99, 100, 150, 200)
    assert lake.count(FILE, 8, KNOWN) == Count(FILE, 6, 2, 8)
    assert lake.count(Window(130, 150), 2, KNOWN) == Count(Window(130, 150), 2, 0, 2)
    assert lake.count(Window(200, 300), 1, KNOWN) == Count(Window(200, 300), 0, 1, 1)


def test_a_record_without_a_time_lies_somewhere_in_its_window() -> None:
    """It counts where its whole window lies; elsewhere the API may count one more."""
    assert held(unplaced=Window(120, 140)).count(FILE, 7, KNOWN) == Count(FILE, 6, 1, 7)
    count = held(unplaced=Window(150, 250)).count(FILE, 7, KNOWN)
    assert count == Count(FILE, 6, 0, 7, margin=1)
    assert count.agrees


@pytest.mark.parametrize(("api", "agrees"), [(1, False), (2, True), (4, True), (5, False)])
def test_an_unknown_bound_leaves_a_margin(api: int, agrees: bool) -> None:  # noqa: FBT001
    """The question begins a second earlier, and what it counts on its end cannot be told: so much is open."""
    count = held().count(Window(131, 199), api, Bounds({}))
    assert (count.lake, count.margin) == (2, 2)
    assert count.agrees is agrees


def test_a_second_may_hold_a_row_or_a_record_in_quarantine() -> None:
    """Either may be counted with the window that ends there."""
    lake = held(160)
    assert [second for second in range(95, 205) if lake.holds(second)] == sorted({*SECONDS, 160})
    assert list(lake.busy()) == [100]


class Records:
    """An API that counts the records of each second, that of ``to_date`` included."""

    def __init__(self, seconds: list[int]) -> None:
        self.seconds, self.asked = seconds, 0

    async def total(self, question: Question) -> int:
        """How many lie between two bounds."""
        self.asked += 1
        return sum(question.start <= second <= question.end for second in self.seconds)

    async def count(self, window: Window, bounds: Bounds, on_end: Callable[[int], bool]) -> tuple[int, int]:
        """How many lie in a window."""
        total = await self.total(bounds.question(window))
        return total - (await self.total(bounds.end(window.end)) if on_end(window.end) else 0), 1


@pytest.mark.parametrize(
    ("news", "found", "asked"),
    [
        ([131], Window(131, 151), 4),
        ([120, 199], FILE, 2),
        ([110, 111], Window(101, 131), 3),
    ],
)
async def test_a_count_that_differs_is_halved(news: list[int], found: Window, asked: int) -> None:
    """Until few records are left or both halves differ; one count tells of both, and what lies on its end."""
    api, lake = Records([*SECONDS, *news]), held()
    count = lake.count(FILE, len(api.seconds), KNOWN)
    narrow = await _narrowed(api, lake, KNOWN, count, 3)  # type: ignore[arg-type]  # it only counts
    assert (narrow.window, api.asked) == (found, asked)
    assert narrow.api - narrow.lake == len(news)


async def test_what_cannot_be_halved_is_left_whole() -> None:
    """While the bounds are unknown, the halves would not add up; and a second is a second."""
    api, lake = Records([*SECONDS, 100]), held()
    whole = lake.count(FILE, 7, Bounds({}))
    assert await _narrowed(api, lake, Bounds({}), whole, 1) == whole  # type: ignore[arg-type]  # it only counts
    count = lake.count(FILE, 7, KNOWN)
    narrow = await _narrowed(api, lake, KNOWN, count, 1)  # type: ignore[arg-type]  # it only counts
    assert (narrow.window.start, narrow.api - narrow.lake) == (100, 1)


@pytest.mark.parametrize(
    "vendor",
    [
        Vendor(SMALL, SESSIONS),
        Vendor(SMALL, SESSIONS, to_inclusive=False),
        Vendor(SMALL, SESSIONS, from_inclusive=False),
        Vendor(SMALL, SESSIONS, from_inclusive=False, to_inclusive=False),
        Fractional(SMALL, SESSIONS),
    ],
    ids=["inclusive", "from-inclusive", "to-inclusive", "exclusive", "fractions"],
)
async def test_what_is_counted_on_the_end_is_taken_off(vendor: Vendor) -> None:
    """F19: a count is that of its half-open window, whatever the bounds mean, wherever they cut a second."""
    bounds = Bounds({"from_inclusive": vendor.from_inclusive})
    counter = Counter(vendor, SMALL, {})
    for start, end in (
        (START, START + 2),
        (START, START + 3),
        (START + 1, START + 2),
        (START + 2, START + 9),
    ):
        count, _ = await counter.count(Window(start, end), bounds, lambda _second: True)
        assert count == sum(start <= session.second < end for session in SESSIONS), (start, end)
