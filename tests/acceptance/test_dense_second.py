"""A second with more records than paging reaches is told apart by application, rule and user."""

from collections.abc import Iterable
from pathlib import Path
from types import MappingProxyType

import pytest

from harvester.emulator import ListedAccount, SyntheticAccount
from harvester.window import as_text
from tests.acceptance.harness import DAY, SPRING, small_bench
from tests.acceptance.oracle import exact

START, END = SPRING - DAY, SPRING

pytestmark = pytest.mark.large
CROWD = START + DAY // 2


def _account(groups: Iterable[tuple[int, dict[str, object]]]) -> ListedAccount:
    """So many sessions of each group in one second, and one in ten minutes around it."""
    quiet: list[dict[str, object]] = [
        {"start_date": as_text(second)} for second in range(START + 30, END, 600)
    ]
    busy = [{"start_date": as_text(CROWD), **group} for number, group in groups for _ in range(number)]
    return ListedAccount(
        {"call_session_history_id": number, **record}
        for number, record in enumerate([*quiet, *busy], start=1)
    )


async def test_applications_tell_them_apart(tmp_path: Path) -> None:
    """2,300 sessions of four applications in one second are asked for one application at a time."""
    account = SyntheticAccount(2_500, START, END, shape="spike", seed=9, spike=2_300)
    async with small_bench(tmp_path, account) as it:
        report = await it.harvest(START, END)
        assert report.outcome == "complete"
        assert it.verdict(START, END) == exact(account.total)
        assert report.requests <= 2 * account.total / 100


async def test_rules_and_users_tell_one_application_apart(tmp_path: Path) -> None:
    """What one application alone has too many of is told apart by rule, and then by user."""
    account = _account(
        [
            (400, {"application_id": 1, "rule_name": "in"}),
            (1_300, {"application_id": 2, "rule_name": "out & back"}),
            (1_200, {"application_id": 2, "rule_name": "queue", "user_id": 5}),
            (1_100, {"application_id": 2, "rule_name": "queue", "user_id": 6}),
        ]
    )
    async with small_bench(tmp_path, account) as it:
        report = await it.harvest(START, END)
        assert report.outcome == "complete"
        assert it.verdict(START, END) == exact(account.total)


async def test_records_of_no_application_are_found_at_both_ends(tmp_path: Path) -> None:
    """A session without an application answers to no filter; those that come from an end are complete."""
    account = _account([(300, {}), (2_100, {"application_id": 1}), (200, {"application_id": 2})])
    async with small_bench(tmp_path, account) as it:
        report = await it.harvest(START, END)
        assert report.outcome == "complete"
        assert it.verdict(START, END) == exact(account.total)


async def test_a_filter_of_the_job_is_not_asked_for_twice(tmp_path: Path) -> None:
    """A harvest of one application is told apart by rule at once."""
    account = _account(
        [
            (1_200, {"application_id": 1, "rule_name": "in"}),
            (1_200, {"application_id": 1, "rule_name": "out"}),
        ]
    )
    async with small_bench(tmp_path, account) as it:
        report = await it.harvest(START, END, filters=MappingProxyType({"application_id": "1"}))
        assert (report.outcome, report.published_rows) == ("complete", 2_400)
