"""What a page costs, counted and not timed: calls of functions, which are the same on every machine."""

import sys
from collections.abc import Callable
from typing import Any

from harvester.api.envelope import Answer
from harvester.api.protocol import Page, parse
from harvester.datasets import CALLS
from harvester.emulator import SyntheticAccount
from harvester.emulator.render import Nested
from harvester.records.decode import Decoder
from harvester.records.orderly import OrderlyReader

READER, DECODER = OrderlyReader(CALLS), Decoder(CALLS)
ACCOUNT = SyntheticAccount(2_000, 1_704_067_200, 1_704_153_600)


def answer(sessions: int, *, strange: bool = False) -> Answer:
    """An answer with so many sessions; if ``strange``, each has an unknown key."""
    rows = ACCOUNT.render(ACCOUNT.entries(range(sessions)), Nested())
    if strange:
        rows = [b'{"new":1,' + row.removeprefix(b"{") for row in rows]
    return Answer(b'{"result":[%s],"count":%d}' % (b",".join(rows), sessions), "identity")


def calls(work: Callable[[], object]) -> int:
    """How many functions are called, of Python and of C."""
    counted = 0

    def count(_frame: object, event: str, _argument: Any) -> None:
        nonlocal counted
        counted += event in {"call", "c_call"}

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(before)
    return counted


def read(page: Answer) -> Page:
    """As the client and the replay read one."""
    return parse(page, quick=READER.read)


def test_an_orderly_page_costs_the_same_however_many_records_it_has() -> None:
    """No line of Python runs for a single record: five hundred and two thousand take the same calls."""
    few, many = answer(500), answer(2_000)
    read(few), read(many)  # what is made once is made
    assert read(many).batch is not None
    assert calls(lambda: read(many)) == calls(lambda: read(few)) < 1_000


def test_a_page_with_unknown_keys_costs_a_few_calls_a_record() -> None:
    """The slow way looks at records, but at no value of theirs by a call of its own beyond the unknown."""
    pages = {size: answer(size, strange=True) for size in (1_000, 2_000)}

    def decoded(size: int) -> None:
        page = read(pages[size])
        assert page.batch is None
        assert DECODER.decode(page.records, page.text).unknown == {"new": size}

    decoded(1_000)
    each = (calls(lambda: decoded(2_000)) - calls(lambda: decoded(1_000))) / 1_000
    assert each < 40
