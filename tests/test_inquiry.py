from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from harvester.api.envelope import Answer
from harvester.api.page_source import PageSource
from harvester.api.pages import ContradictionError, NoAnswerError
from harvester.api.protocol import Page, parse
from harvester.api.question import Bounds, Question
from harvester.api.reader import Reader
from harvester.datasets import CALLS
from harvester.errors import (
    HarvestError,
    RangeTooWideError,
    RefusedError,
    RequestError,
    UnansweredError,
    UnavailableError,
    UnknownCodeError,
    UnreadableError,
)
from harvester.window import Window, as_text
from tests.test_proof import SMALL, START, Answers, Kept

UNANSWERED = UnansweredError("GetCallHistory failed 8 times, the last time: HTTP status 500")
UNKNOWN = UnknownCodeError(999, "Nobody knows.")
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
@pytest.mark.parametrize("failure", [UNREADABLE, UNANSWERED], ids=["malformed", "failed"])
async def test_what_fails_for_ever_is_a_doubt_about_the_page(
    failure: HarvestError, control: HarvestError | None
) -> None:
    """Any answer to another question shows that the API is there."""
    api = Api({START: failure} | ({0: control} if control else {}))
    with pytest.raises(NoAnswerError, match=str(failure)):
        await PageSource(SMALL, {}, api).page(Kept(), Question(START, START + 9), 0)
    assert api.asked == [as_text(START), as_text(0)]


@pytest.mark.parametrize(
    "control", [UNREADABLE, UNANSWERED, UnavailableError("it is away"), RefusedError(104, "", "")]
)
@pytest.mark.parametrize("failure", [UNREADABLE, UNANSWERED, UNKNOWN], ids=["malformed", "failed", "unknown"])
async def test_what_fails_for_everybody_is_no_gap(failure: HarvestError, control: HarvestError) -> None:
    """Then what another question brings counts: the run ends by its name, not with a plan full of gaps."""
    source = PageSource(SMALL, {}, Api({START: failure, 0: control}))
    with pytest.raises(type(control)):
        await Reader(source, Answers(), Bounds({"from_inclusive": True})).read(Window(START, START + 9))


async def test_a_code_that_nobody_knows_is_a_doubt_about_the_page() -> None:
    """F08: another question was answered, so it is not what every request has in common."""
    api = Api({START: UNKNOWN})
    with pytest.raises(NoAnswerError, match="code 999"):
        await PageSource(SMALL, {}, api).page(Kept(), Question(START, START + 9), 0)
    assert api.asked == [as_text(START), as_text(0)]


@pytest.mark.parametrize("control", [UNKNOWN, RequestError(123, "no such date"), UnknownCodeError(404, "")])
async def test_a_code_that_nobody_knows_ends_the_run_if_nothing_else_is_answered(
    control: RequestError,
) -> None:
    """The code is told that the question brought."""
    source = PageSource(SMALL, {}, Api({START: UNKNOWN, 0: control}))
    with pytest.raises(UnknownCodeError, match="code 999"):
        await source.page(Kept(), Question(START, START + 9), 0)


async def test_a_usage_error_ends_the_run_at_once() -> None:
    """What is wrong with one request is wrong with all."""
    api = Api({START: RequestError(134, "Required is empty.")})
    with pytest.raises(RequestError, match="code 134"):
        await PageSource(SMALL, {}, api).page(Kept(), Question(START, START + 9), 0)
    assert len(api.asked) == 1


@pytest.mark.parametrize("failure", [UNREADABLE, UNANSWERED, UNKNOWN], ids=["malformed", "failed", "unknown"])
@pytest.mark.parametrize("looked", [True, False])
async def test_a_question_that_is_not_answered_is_not_asked_again_for_its_window(
    failure: HarvestError,
    looked: bool,  # noqa: FBT001
) -> None:
    """It was tried as often as it is worth: its window is given up at once, and halved."""
    api, window = Api({START: failure}), Window(START, START + 9)
    reader = Reader(PageSource(SMALL, {}, api), Answers(), Bounds({"from_inclusive": True}))
    if looked:
        await reader.look(window)
    reading = await reader.read(window)
    assert reading.gap is not None
    assert (reading.gap.window, reading.gap.reason) == (window, str(failure))
    assert api.asked == [as_text(START), as_text(0)]


async def test_a_look_that_failed_says_nothing_of_a_narrower_window() -> None:
    """That is another question."""
    api, window = Api({START: UNANSWERED}), Window(START, START + 9)
    reader = Reader(PageSource(SMALL, {}, api), Answers(), Bounds({"from_inclusive": True}))
    await reader.look(window)
    api.errors = {}
    reading = await reader.read(Window(START, START + 4))
    assert reading.harvest is not None


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
