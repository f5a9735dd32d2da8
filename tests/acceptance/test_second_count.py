"""Why each page is asked for the total: what comes or goes meanwhile can hide what slipped by."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from harvester.emulator import Behaviour, Fault, Faults, ListedAccount
from harvester.window import as_text
from tests.acceptance.harness import DAY, SPRING, small_bench
from tests.acceptance.oracle import exact
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


def _record(number: int, second: int) -> dict[str, object]:
    return {"call_session_history_id": number, "start_date": as_text(second), "duration": 5}


def _eight_pages() -> ListedAccount:
    return ListedAccount(_record(number, SPRING - DAY + 60 * number) for number in range(1, 751))


_LATE = _record(9_999, SPRING - DAY + 60 * 455)  # on the fifth page


async def test_a_page_that_is_asked_again_after_the_last_one(tmp_path: Path) -> None:
    """P1: a newcomer on it pushes another off; the last page had told the old total before."""
    account, tries = _eight_pages(), 0

    def is_refused(asked: Mapping[str, str]) -> bool:
        nonlocal tries
        tries += asked.get("offset") == "400"
        if asked.get("offset") == "400" and tries == 2:
            account.add(_LATE)
        return asked.get("offset") == "400" and tries <= 2

    faults = Faults((Fault("http_503", share=1.0, when=is_refused),))
    async with small_bench(tmp_path, account, Behaviour(), faults) as it:
        report = await it.harvest(SPRING - DAY, SPRING)
        assert (report.outcome, report.retries) == ("complete", 2)
        assert it.verdict(SPRING - DAY, SPRING) == exact(751)


async def test_a_page_that_a_cut_off_run_was_waiting_for(tmp_path: Path) -> None:
    """P1: the next run asks for it alone, and notices that the others are of another history."""
    account = _eight_pages()
    faults = Faults((Fault("stall", share=1.0, when=lambda asked: asked.get("offset") == "400"),))
    async with small_bench(tmp_path, account, Behaviour(), faults) as it:
        with suppress(TimeoutError):
            async with asyncio.timeout(3):
                await it.harvest(SPRING - DAY, SPRING)
        account.add(_LATE)
        it.emulator.faults = Faults()
        assert (await it.harvest(SPRING - DAY, SPRING)).outcome == "complete"
        assert it.verdict(SPRING - DAY, SPRING) == exact(751)
