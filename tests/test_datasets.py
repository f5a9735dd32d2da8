"""What a dataset's description decides outside the decoder: the budget, and what is asked."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from harvester.api.counting import Counter, starts_inclusive
from harvester.api.envelope import Answer
from harvester.api.protocol import Page
from harvester.api.question import Question
from harvester.config import Job
from harvester.datasets import ACD, AUDIT, CALLS, DATASETS, TRANSACTIONS, Dataset
from harvester.window import Window, as_second, as_text

NOON = 1_716_984_000


@pytest.mark.parametrize(
    ("own", "given", "budget"),
    [(None, None, None), (None, 8.0, 8.0), (2.0, None, 2.0), (2.0, 8.0, 2.0), (9.0, 8.0, 8.0)],
)
def test_a_method_s_own_budget_holds_too(
    own: float | None, given: float | None, budget: float | None
) -> None:
    """The smaller of the user's and the vendor's; no vendor's is published so far."""
    job = Job(
        dataset=replace(CALLS, rate=own),
        name="calls",
        window=Window(0, 1),
        lake=Path("lake"),
        credentials=Path("key.json"),
        rate=given,
    )
    assert job.budget == budget
    assert all(dataset.rate is None for dataset in DATASETS.values())


@pytest.mark.parametrize(
    ("dataset", "parameters"),
    [
        (CALLS, {"desc_order": "true", "with_total_count": "true"}),
        (TRANSACTIONS, {"desc_order": "true", "with_total_count": "true"}),
        (ACD, {"desc_order": "true"}),
        (AUDIT, {"desc_order": "true", "with_total_count": "true"}),
        (replace(ACD, descends=False), {}),
    ],
    ids=["calls", "transactions", "acd", "audit", "neither"],
)
def test_only_what_a_method_takes_is_sent(dataset: Dataset, parameters: dict[str, str]) -> None:
    """Beside the range and the page."""
    asked = Question(NOON, NOON + 1, descending=True).parameters(dataset, 20, 5)
    page = {"from_date": as_text(NOON), "to_date": as_text(NOON + 1), "count": "5", "offset": "20"}
    assert asked == page | parameters


class Api:
    """Answers from seconds, by bounds that a test knows, and in time order alone."""

    def __init__(self, seconds: set[int], *, from_inclusive: bool, to_inclusive: bool) -> None:
        self._seconds = seconds
        self._from, self._to = not from_inclusive, to_inclusive

    async def fetch(self, _method: str, parameters: Mapping[str, str]) -> tuple[Answer, Page]:
        """The first record of the range."""
        assert "desc_order" not in parameters
        start, end = (
            as_second(parameters["from_date"]) + self._from,
            as_second(parameters["to_date"]) + self._to,
        )
        found = sorted(second for second in self._seconds if start <= second < end)
        records: list[object] = [{"begin_time": as_text(second)} for second in found[:1]]
        return Answer(b"", "identity"), Page(records, b"", len(found), None, ())


@pytest.mark.parametrize("from_inclusive", [True, False])
@pytest.mark.parametrize("to_inclusive", [True, False])
async def test_from_date_shows_anywhere(from_inclusive: bool, to_inclusive: bool) -> None:  # noqa: FBT001
    """Between neighbours, too; without the record that was seen there is no answer."""
    plain = replace(ACD, descends=False)
    lonely = Api({NOON}, from_inclusive=from_inclusive, to_inclusive=to_inclusive)
    assert await starts_inclusive(Counter(lonely, plain, {}), NOON) is from_inclusive
    dense = {NOON - 1, NOON, NOON + 1}
    crowded = Api(dense, from_inclusive=from_inclusive, to_inclusive=to_inclusive)
    assert await starts_inclusive(Counter(crowded, plain, {}), NOON) is from_inclusive
    for others in (set(), dense - {NOON}):
        gone = Api(others, from_inclusive=from_inclusive, to_inclusive=to_inclusive)
        assert await starts_inclusive(Counter(gone, plain, {}), NOON) is None
