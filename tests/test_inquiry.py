from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from harvester.api.envelope import Answer
from harvester.api.page_source import PageSource
from harvester.api.pages import ContradictionError
from harvester.api.protocol import Page, parse
from harvester.api.question import Bounds, Question
from harvester.api.reader import Reader
from harvester.datasets import CALLS
from harvester.errors import (
    HarvestError,
    RangeTooWideError,
    RefusedError,
    RequestError,
    UnavailableError,
    UnreadableError,
)
from harvester.window import Window, as_text
from tests.test_proof import SMALL, START, Answers, Kept

UNREADABLE = UnreadableError("GetCallHistory: the same answer came 3 times: the answer is not JSON")
NOTHING = Answer(b'{"result": [], "count": 0, "total_count": 0}', "identity")


@dataclass
class Api:
    """Answers what is asked about some span with an error, and all else with the same answer."""

    errors: Mapping[int, HarvestError]
    answer: Answer = NOTHING
    asked: list[str] = field(default_factory=list)

    async def fetch(
        self,
        method: str,
        parameters: Mapping[str, str],
        *,
        urgent: bool = False,  # noqa: ARG002  (this vendor answers all at once)
    ) -> tuple[Answer, Page]:
        """One answer."""
        assert method == CALLS.method
        self.asked.append(parameters["from_date"])
        for start, error in self.errors.items():
            if parameters["from_date"] == as_text(start):
                raise error
        return self.answer, parse(self.answer)


@pytest.mark.parametrize(
    "control", [None, RequestError(3, "no such date"), RangeTooWideError(1)], ids=["good", "refused", "wide"]
)
async def test_what_is_malformed_for_ever_is_a_doubt_about_the_page(control: HarvestError | None) -> None:
    """Any answer to another question shows that the API is there."""
    api = Api({START: UNREADABLE} | ({0: control} if control else {}))
    with pytest.raises(ContradictionError, match="the same answer came 3 times"):
        await PageSource(SMALL, {}, api).page(Kept(), Question(START, START + 9), 0)
    assert api.asked == [as_text(START), as_text(0)]


@pytest.mark.parametrize("control", [UNREADABLE, UnavailableError("it is away"), RefusedError(104, "", "")])
async def test_what_is_malformed_for_everybody_is_no_gap(control: HarvestError) -> None:
    """Then what another question brings counts: the run ends by its name, not with a plan full of gaps."""
    source = PageSource(SMALL, {}, Api({START: UNREADABLE, 0: control}))
    with pytest.raises(type(control)):
        await Reader(source, Answers(), Bounds({"from_inclusive": True})).read(Window(START, START + 9))


async def test_a_doubt_about_one_of_many_pages_is_one_about_the_window() -> None:
    """Asked side by side, it reaches whoever reads the window as itself."""
    source = PageSource(SMALL, {}, Api({START: UNREADABLE}))
    with pytest.raises(ContradictionError, match="the same answer came 3 times"):
        await source.pages(Kept(), Question(START, START + 9), [2, 4])


async def test_a_range_that_is_too_wide_is_told_as_itself_by_pages_side_by_side() -> None:
    """Whoever asked cuts it then, and would not look for it in a group."""
    source = PageSource(SMALL, {}, Api({START: RangeTooWideError(1)}))
    with pytest.raises(RangeTooWideError):
        await source.pages(Kept(), Question(START, START + 9), [2, 4])


async def test_more_records_than_were_asked_for_are_not_decoded() -> None:
    """An answer of empty records would take seconds for each thousand, and none is kept."""
    file, more = Kept(), Answer(b'{"result": [{}, {}, {}]}', "identity")
    with pytest.raises(ContradictionError, match="3 records came, and 2 at most were asked for"):
        await PageSource(SMALL, {}, Api({}, more)).page(file, Question(START, START + 9), 0)
    assert not file.pages
