"""The synthetic account: a pure function of its seed, whose counts and records agree."""

from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import chain, pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harvester.emulator import SyntheticAccount, example
from harvester.emulator.account import ordered
from harvester.emulator.render import Nested
from harvester.emulator.synthetic import MOST_SESSIONS

START = 1_716_940_800  # 2024-05-29
DAY = 86_400


def _second(record: dict[str, Any]) -> int:
    return int(datetime.fromisoformat(record["start_date"]).replace(tzinfo=UTC).timestamp())


def _key(record: dict[str, Any]) -> tuple[int, int]:
    return _second(record), record["call_session_history_id"]


@pytest.fixture(scope="module")
def records() -> list[dict[str, Any]]:
    """A day of 3,000 sessions and the example."""
    return list(SyntheticAccount(3_000, START, START + DAY, seed=3).sessions(START, START + DAY))


def test_records_come_by_time_then_id(records: list[dict[str, Any]]) -> None:
    """The truth is sorted by second and id, and holds every session once."""
    keys = [_key(record) for record in records]
    assert keys == sorted(set(keys))
    assert len(keys) == 3_001


def test_ids_are_unique_beyond_32_bits_and_in_no_order(records: list[dict[str, Any]]) -> None:
    """Ids tell nothing of time, and do not fit 32 bits."""
    ids = [
        r["call_session_history_id"] for r in records if r["call_session_history_id"] != example.SESSION_ID
    ]
    assert len(set(ids)) == 3_000
    assert min(ids) >= 1 << 32
    assert 1_000 < sum(left < right for left, right in pairwise(ids)) < 2_000


def test_nested_ids_are_unique(records: list[dict[str, Any]]) -> None:
    """So are those of legs, resources and recordings, each among its own kind."""
    for key, name in (
        ("calls", "call_id"),
        ("records", "record_id"),
        ("other_resource_usage", "resource_usage_id"),
    ):
        ids = [item[name] for record in records for item in record.get(key, ())]
        assert len(ids) == len(set(ids)) > 1_000


def test_the_content_is_varied(records: list[dict[str, Any]]) -> None:
    """Legs, failed legs, optional keys, empty lists and missing lists all occur; null never does."""
    assert {len(record.get("calls", ())) for record in records} == {0, 1, 2, 3}
    assert {len(record.get("records", ())) for record in records} == {0, 1, 2}
    assert {len(record.get("other_resource_usage", ())) for record in records} == {0, 1, 2, 3}
    for key in ("user_id", "log_file_url", "finish_reason", "custom_data", "audio_quality", "calls"):
        assert 0 < sum(key in record for record in records) < len(records)
    failed = [leg for record in records for leg in record.get("calls", ()) if not leg["successful"]]
    assert failed
    assert not any("transaction_id" in leg or "record_url" in leg or leg["cost"] for leg in failed)
    assert "None" not in str(records)
    assert not any(record["active"] for record in records)
    assert len({record["application_id"] for record in records}) == 4
    assert len({tuple(record) for record in records}) > 100, "the order of keys differs"


def test_the_history_is_a_function_of_the_seed() -> None:
    """The same seed is the same history, another seed another one."""
    first, same, other = (
        list(SyntheticAccount(50, START, START + DAY, seed=seed).sessions(START, START + DAY))
        for seed in (1, 1, 2)
    )
    assert first == same
    assert first != other


@pytest.mark.parametrize(
    ("start", "end", "more"), [(START, START + DAY, 1), (example.SECOND, example.SECOND + 1, 1), (0, DAY, 0)]
)
def test_the_example_is_in_every_account_of_its_second(start: int, end: int, more: int) -> None:
    """It is one more session, value for value, where the range covers it."""
    account = SyntheticAccount(40, start, end, shape="uniform")
    found = [r for r in account.sessions(start, end) if r["call_session_history_id"] == example.SESSION_ID]
    assert account.total == account.count(start, end) == 40 + more
    assert found == [dict(example.SESSION)] * more
    assert account.locate(example.SESSION_ID) == (account.rank(example.SECOND) if more else None)


@settings(max_examples=40, deadline=None)
@given(
    shape=st.sampled_from(["uniform", "daily", "burst", "spike"]),
    seed=st.integers(0, 1 << 64),
    sessions=st.integers(0, 300),
    bounds=st.tuples(st.integers(-100, DAY), st.integers(-100, DAY)),
)
def test_counts_equal_records(shape: str, seed: int, sessions: int, bounds: tuple[int, int]) -> None:
    """For any span, the count is the number of records, which all lie in it; spans add up."""
    account = SyntheticAccount(sessions, START, START + DAY, shape=shape, seed=seed, spike=100)
    low, high = (START + bound for bound in bounds)
    seconds = [_second(record) for record in account.sessions(low, high)]
    assert account.count(low, high) == len(seconds)
    assert all(low <= second < high for second in seconds)
    middle = (low + high) // 2
    if low <= high:
        assert account.count(low, middle) + account.count(middle, high) == len(seconds)
    assert account.count(START, START + DAY) == account.total == sessions + 1


def test_sessions_are_found_by_id() -> None:
    """Every id leads back to its session's index, and no other number does."""
    account = SyntheticAccount(500, START, START + DAY, seed=11)
    entries = account.entries(range(account.total))
    assert [account.locate(session_id) for _, session_id, _ in entries] == list(range(account.total))
    known = {session_id for _, session_id, _ in entries}
    for session_id in (0, -1, (1 << 32) - 1, 1 << 32, (1 << 32) + (1 << 33), 1 << 63):
        assert session_id in known or account.locate(session_id) is None
    longer = SyntheticAccount(501, START, START + DAY, seed=11)
    further = {session_id for _, session_id, _ in longer.entries(range(longer.total))} - known
    assert [account.locate(session_id) for session_id in further] == [None]


def test_lists_are_sent_only_if_wanted() -> None:
    """Each switch adds its list and changes nothing else."""
    account = SyntheticAccount(200, START, START + DAY)
    whole = list(account.sessions(START, START + DAY))
    for switch, key in (("calls", "calls"), ("records", "records"), ("resources", "other_resource_usage")):
        without = list(account.sessions(START, START + DAY, **{switch: False}))
        assert without == [{k: v for k, v in record.items() if k != key} for record in whole]
        assert without != whole


def test_a_crowded_second_is_read_in_order_of_ids() -> None:
    """Pages that cut a second agree with each other, whatever their edges."""
    account = SyntheticAccount(900, START, START + DAY, shape="spike", spike=700)
    everything = ordered(account, range(account.total), 0, account.total)
    pages = [
        ordered(account, range(account.total), low, low + 53) for low in range(0, account.total - 53, 53)
    ]
    assert [*chain.from_iterable(pages)] == everything[: 53 * len(pages)]
    assert everything == sorted(everything)
    assert ordered(account, range(account.total), 5, 5) == []


def test_children_own_a_quarter() -> None:
    """Child accounts have sessions and applications of their own; the rest is the parent's."""
    account = SyntheticAccount(4_000, 0, DAY, children=2, account_id=77)
    assert (account.account_id, account.children) == (77, (78, 79))
    records = list(account.sessions(0, DAY))
    applications: dict[object, set[object]] = {}
    for record in records:
        applications.setdefault(record["account_id"], set()).add(record["application_id"])
    assert set(applications) == {77, 78, 79}
    assert not applications[77] & applications[78]
    assert sum(record["account_id"] == 77 for record in records) == pytest.approx(3_000, rel=0.05)


def test_matching_judges_whole_records() -> None:
    """A selection holds exactly the sessions whose records are wanted, in time order."""

    def wanted(record: Mapping[str, object]) -> bool:
        return record.get("rule_name") == "incoming"

    account = SyntheticAccount(600, START, START + DAY)
    found = account.matching(wanted)
    served = [r for r in account.sessions(START, START + DAY) if wanted(r)]
    assert 0 < len(served) < 600
    entries = sorted(account.entries(found))
    assert [entry[1] for entry in entries] == [record["call_session_history_id"] for record in served]
    assert account.matching(wanted) is found, "one pass is enough"


def test_ten_years_are_no_burden() -> None:
    """An account of many millions over ten years is ready at once: nothing of it is held."""
    account = SyntheticAccount(500_000_000, 1_400_000_000, 1_400_000_000 + 3_653 * DAY)
    (record,) = account.render(account.entries([123_456_789]), Nested())
    assert record.startswith(b"{")
    assert account.count(1_500_000_000, 1_500_000_001) >= 0


@pytest.mark.parametrize(
    ("sessions", "start", "end", "shape"),
    [
        (-1, 0, 1, "daily"),
        (MOST_SESSIONS + 1, 0, 1, "daily"),
        (1, 5, 5, "daily"),
        (1, 6, 5, "daily"),
        (1, 0, 9, "flat"),
    ],
)
def test_impossible_accounts_are_refused(sessions: int, start: int, end: int, shape: str) -> None:
    """Too many sessions, an empty range and an unknown shape are errors."""
    with pytest.raises(ValueError, match=r"cannot place|no shape"):
        SyntheticAccount(sessions, start, end, shape=shape)
