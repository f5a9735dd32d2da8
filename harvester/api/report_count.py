"""Proves a report: its records against a count that the API is asked for separately."""

from harvester.api.counting import Counter, starts_inclusive
from harvester.api.pages import ContradictionError
from harvester.api.question import Bounds, Question
from harvester.api.report_answers import Listed
from harvester.api.report_text import Text
from harvester.errors import RangeTooWideError
from harvester.window import Window


async def check_count(
    counter: Counter, bounds: Bounds, window: Window, text: Text, *, asked: Question, listed: Listed | None
) -> None:
    """Compare the records of a report around a window with a count.

    It is asked for a little more than the window, from one second without a record to another, as the report
    shows them: then it does not matter whether the bounds belong to it. Where no second nearby is without a
    record, the API must show first whether it begins with ``from_date``, and what it counts on ``to_date`` is
    taken off: were every reading accepted, a record that the report lacks could be taken for one there.

    Args:
        counter: Asks.
        bounds: What is known of the bounds of a count; learns more where it is needed.
        window: What is to be proven.
        text: The report.
        asked: What it was ordered for.
        listed: What the list says of it.

    Raises:
        ContradictionError: They differ, or the bounds cannot be told.
        RangeTooWideError: The vendor cut the report: one of a shorter range must be ordered.
        HarvestError: The API refuses, cannot be reached, gives no total or answers in another time zone.
    """
    near = text.seconds(asked.start, window.start) | text.seconds(window.end - 1, asked.end)
    first = next((s for s in range(window.start - 1, asked.start, -1) if s not in near), window.start - 1)
    last = next((s for s in range(window.end, asked.end) if s not in near), window.end)
    on_first, on_last = (text.count(Window(second, second + 1), unplaced=False) for second in (first, last))
    if (on_first or on_last) and bounds.from_inclusive is None:
        await _learn(counter, bounds, *([first] if on_first else []), *([last] if on_last else []))
    received = text.count(Window(first + 1, last)) + (on_first if bounds.from_inclusive else 0)
    total = await counter.total(Question(first, last))
    total -= await counter.total(bounds.end(last)) if on_last else 0
    if total == received:
        return
    is_cut = listed is not None and (listed.total or 0) > (listed.records or 0) and received < total
    if is_cut and window.seconds > 1:
        raise RangeTooWideError(None)  # the vendor makes no longer reports
    raise ContradictionError("the report and the API's count differ", expected=total, received=received)


async def _learn(counter: Counter, bounds: Bounds, *seconds: int) -> None:
    for second in seconds:
        found = await starts_inclusive(counter, second)
        if found is not None:
            bounds.from_inclusive = found
            return
    raise ContradictionError("the API does not show the records that the report holds on the bounds")
