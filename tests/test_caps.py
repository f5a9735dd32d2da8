"""How much the API serves at a time, learned from what it does."""

from dataclasses import replace

import pyarrow as pa
import pytest

from harvester.api.caps import CapError, Caps
from harvester.api.pages import ReadPage
from harvester.datasets import ACD, AUDIT, CALLS

FACTS = {"page_size": 300, "max_offset": 5_000}


def page(count: int, total: int, first: int = 0) -> ReadPage:
    """A page of records, one a second from ``first`` on."""
    batch = pa.record_batch({"at": pa.array(range(first, first + count), pa.int64())})
    return ReadPage(
        batch, (), total, first if count else None, first + count - 1 if count else None, ordered=True
    )


def test_published_caps_are_facts_already() -> None:
    """Nothing is learned, whatever comes."""
    caps = Caps(CALLS, FACTS)
    assert not caps.refused(497, 0, 1_000)
    assert not caps.served(page(500, 5_000))
    caps.check((0, 1_000), [page(1_000, 5_000), page(1_000, 5_000)])
    assert (caps.page_size, caps.max_offset, caps.facts) == (1_000, 10_000, {})


def test_a_refused_count_is_halved_down_to_the_usual_one() -> None:
    """What is served unasked is accepted; if even that is refused, it was not the count."""
    caps, asked = Caps(AUDIT), []
    while caps.refused(496, 0, caps.page_size):
        asked.append(caps.page_size)
    assert asked == [500, 250, 125, 100]
    assert Caps(ACD).reach == 11_000


@pytest.mark.parametrize("code", [116, 117, 123, 134])
def test_other_refusals_say_nothing_of_caps(code: int) -> None:
    """A wrong filter is not mended by asking for less."""
    assert not Caps(ACD).refused(code, 0, 1_000)


def test_a_refused_offset_is_not_asked_at_again() -> None:
    """Nor one beyond it; refusals of questions that were under way teach nothing more."""
    caps = Caps(ACD)
    assert caps.refused(497, 4_000, 1_000)
    assert (caps.page_size, caps.max_offset) == (1_000, 3_000)
    assert caps.refused(497, 5_000, 1_000)
    assert caps.max_offset == 3_000


def test_a_short_first_page_is_the_cap() -> None:
    """Unless there are no more records, or it is shorter than any cap could be."""
    caps = Caps(AUDIT)
    assert not caps.served(page(700, 700))
    assert not caps.served(page(99, 700))
    assert caps.served(page(500, 700))
    assert caps.facts == {"page_size": 500, "max_offset": 10_000}


def test_a_page_that_comes_again_came_for_a_lower_offset() -> None:
    """So does one that begins before the page before it ends; younger pages are as they should be."""
    caps = Caps(ACD)
    caps.check((0, 1_000, 2_000), [page(1_000, 2_000), page(1_000, 2_000, 1_000), page(0, 2_000)])
    with pytest.raises(CapError):
        caps.check((0, 9, 18), [page(9, 30), page(9, 30, 9), page(9, 30, 9)])
    assert caps.max_offset == 9
    with pytest.raises(CapError):
        caps.check((0, 9), [page(9, 30), page(9, 30, 5)])
    assert caps.max_offset == 0


def test_a_page_with_more_than_is_left_came_for_a_lower_offset() -> None:
    """By the highest total: a record that came meanwhile is no sign of a cap."""
    caps = Caps(ACD)
    caps.check((0, 9), [page(9, 11), page(3, 12, 9)])
    with pytest.raises(CapError):
        caps.check((0, 9), [page(9, 11), page(3, 11, 8)])
    assert caps.max_offset == 0


def test_what_is_known_is_not_learned_again() -> None:
    """Facts of earlier runs are where it starts; nonsense among them is not believed."""
    caps = Caps(ACD, FACTS)
    assert (caps.page_size, caps.max_offset, caps.reach) == (300, 5_000, 5_300)
    assert Caps(ACD, {"page_size": 0, "max_offset": True}).reach == 11_000
    assert Caps(replace(ACD, page_size=200), FACTS).page_size == 200
