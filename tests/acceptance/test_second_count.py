"""Why the total is asked twice: what comes and goes while a window is read can hide what slipped by."""

from dataclasses import replace

from tests.acceptance.test_properties import SMALL, START, judge, run
from tests.acceptance.vendor import Change, Session, Vendor

PAGES_OF_TWO = replace(SMALL, page_size=2, max_offset=2)


def test_a_session_that_slips_through_between_two_pages_is_missed() -> None:
    """The first goes, so the third is on no page; and a newcomer behind evens out the totals."""
    sessions = [Session(key=number, second=START + 10 * number) for number in range(1, 8)]
    newcomer = Session(key=99, second=START + 1_000)
    vendor = Vendor(
        PAGES_OF_TWO, sessions, changes=[Change(1, sessions[0], comes=False), Change(2, newcomer, comes=True)]
    )
    outcome = run(vendor, concurrency=1)
    assert outcome.report.outcome == "complete"
    judge(outcome, [*sessions[1:], newcomer], [*sessions, newcomer])
