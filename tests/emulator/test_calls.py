"""``GetCallHistory`` as a client sees it: what each parameter does."""

import json
from collections.abc import Callable
from itertools import product
from typing import Any

import pytest

from harvester.emulator import Behaviour, ListedAccount, SyntheticAccount
from tests.emulator.asking import DAY, client_of
from tests.emulator.test_listed import NOON, record

MAY_29 = 1_716_940_800
WHOLE = {"with_calls": "true", "with_records": "true", "count": "1000"}
Record = dict[str, Any]


def _account(sessions: int = 900, **options: Any) -> SyntheticAccount:
    return SyntheticAccount(sessions, MAY_29, MAY_29 + 86_400, **options)


def _truth(account: SyntheticAccount, **switches: bool) -> list[Record]:
    return list(account.sessions(MAY_29, MAY_29 + 86_400, **switches))


async def test_whole_sessions_are_served_as_they_are() -> None:
    """With every switch on, the page is the truth, the vendor's example included."""
    account = _account()
    async with client_of(account) as client:
        page = await client.ask(**DAY, **WHOLE)
    assert page == {
        "result": _truth(account),
        "total_count": 901,
        "count": 901,
        "timezone": "Etc/GMT",
    }


async def test_defaults() -> None:
    """Twenty sessions from the oldest on, with resources, without calls and records, with the total."""
    account = _account()
    async with client_of(account) as client:
        page = await client.ask(**DAY)
    assert page["result"] == _truth(account, calls=False, records=False)[:20]
    assert (page["count"], page["total_count"]) == (20, 901)


@pytest.mark.parametrize("spelling", [("true", "false"), ("True", "False"), ("1", "0")])
async def test_switches(spelling: tuple[str, str]) -> None:
    """Each switch adds its list, in any spelling of a boolean."""
    account = _account(50)
    async with client_of(account) as client:
        for wanted in product((True, False), repeat=3):
            calls, records, resources = (spelling[0] if value else spelling[1] for value in wanted)
            page = await client.ask(
                **DAY, count=1000, with_calls=calls, with_records=records, with_other_resources=resources
            )
            assert page["result"] == _truth(account, calls=wanted[0], records=wanted[1], resources=wanted[2])


@pytest.mark.parametrize("shape", ["daily", "spike"])
@pytest.mark.parametrize("descending", [False, True])
async def test_pages_follow_each_other(shape: str, descending: bool) -> None:  # noqa: FBT001
    """Pages from one end give every session once, in order; behind the last there are empty pages."""
    account = _account(shape=shape, spike=400)
    pages = []
    async with client_of(account) as client:
        for offset in range(0, 1_400, 130):
            page = await client.ask(
                **DAY,
                **WHOLE | {"count": "130"},
                offset=offset,
                desc_order=descending,
                with_total_count=False,
            )
            assert "total_count" not in page
            assert page["count"] == len(page["result"])
            pages += page["result"]
    truth = _truth(account)
    assert pages == (truth[::-1] if descending else truth)


@pytest.mark.parametrize("from_inclusive", [True, False])
@pytest.mark.parametrize("to_inclusive", [True, False])
async def test_bounds(from_inclusive: bool, to_inclusive: bool) -> None:  # noqa: FBT001
    """Whether the seconds of the bounds are in the answer is the behaviour's choice."""
    account = ListedAccount([record(second + 1, second) for second in range(5)])
    behaviour = Behaviour(from_inclusive=from_inclusive, to_inclusive=to_inclusive)
    async with client_of(account, behaviour) as client:
        page = await client.ask(from_date="2024-05-29 12:00:01", to_date="2024-05-29 12:00:03")
        same = await client.ask(from_date="2024-05-29 12:00:01", to_date="2024-05-29 12:00:01")
    ids = [row["call_session_history_id"] for row in page["result"]]
    assert ids == [2] * from_inclusive + [3] + [4] * to_inclusive
    assert page["total_count"] == len(ids)
    assert same["total_count"] == (from_inclusive and to_inclusive)


async def test_a_shuffled_second_is_in_another_order_every_time() -> None:
    """Shuffled, a second's order changes with every request, and seconds stay in order."""
    account = ListedAccount([record(number, number % 2) for number in range(40)])
    behaviour = Behaviour(order="shuffled")
    async with client_of(account, behaviour) as client:
        first, second = [
            [row["call_session_history_id"] for row in (await client.ask(**DAY, count=100))["result"]]
            for _ in range(2)
        ]
    async with client_of(account, behaviour) as client:
        again = [row["call_session_history_id"] for row in (await client.ask(**DAY, count=100))["result"]]
    assert first != second
    assert first == again
    assert sorted(first[:20]) == sorted(second[:20]) == list(range(0, 40, 2))


FILTERS: list[tuple[dict[str, str], Callable[[Record], bool]]] = [
    ({"application_id": "10733205"}, lambda r: r["application_id"] == 10733205),
    (
        {"application_name": "sales.account.voximplant.com"},
        lambda r: r["application_name"] == "sales.account.voximplant.com",
    ),
    (
        {"application_id": "10733206", "rule_name": "queue"},
        lambda r: (r["application_id"], r["rule_name"]) == (10733206, "queue"),
    ),
    ({"user_id": "2300101;2300105"}, lambda r: r.get("user_id") in {2300101, 2300105}),
    ({"call_session_history_custom_data": "order 4711"}, lambda r: r.get("custom_data") == "order 4711"),
    (
        {"local_number": "74950000003;74950000004;"},
        lambda r: any(leg["local_number"] in {"74950000003", "74950000004"} for leg in r.get("calls", ())),
    ),
    (
        {"remote_number": "42027877410;1"},
        lambda r: any(leg["remote_number"] == "42027877410" for leg in r.get("calls", ())),
    ),
    (
        {"remote_number": "1", "remote_number_list": '["42027877410"]'},
        lambda r: any(leg["remote_number"] == "42027877410" for leg in r.get("calls", ())),
    ),
    (
        {"remote_number": "42027877410", "remote_number_list": "[]"},
        lambda r: any(leg["remote_number"] == "42027877410" for leg in r.get("calls", ())),
    ),
    ({"min_duration": "100"}, lambda r: r["duration"] >= 100),
    ({"max_duration": "6"}, lambda r: r["duration"] <= 6),
]


@pytest.mark.parametrize(("parameters", "wanted"), FILTERS, ids=[json.dumps(names) for names, _ in FILTERS])
async def test_filters(parameters: dict[str, str], wanted: Callable[[Record], bool]) -> None:
    """A filter lets through the sessions it describes, and counts them."""
    account = _account()
    truth = [r for r in _truth(account) if wanted(r)]
    assert 0 < len(truth) < 901
    async with client_of(account) as client:
        page = await client.ask(**DAY, **WHOLE, **parameters)
        bare = await client.ask(**DAY, **parameters, count=1, offset=len(truth) - 1)
    assert page["result"] == truth
    assert page["total_count"] == bare["total_count"] == len(truth)
    assert bare["result"][0]["start_date"] == truth[-1]["start_date"]


async def test_sessions_by_id() -> None:
    """Ids name sessions, in any order; filters hold for them too."""
    account = _account()
    truth = _truth(account)
    some = [truth[700], truth[3], truth[44]]
    ids = ";".join(str(row["call_session_history_id"]) for row in some)
    async with client_of(account) as client:
        page = await client.ask(**DAY, **WHOLE, call_session_history_id=ids)
        one = await client.ask(
            **DAY, **WHOLE, call_session_history_id=ids, application_id=some[0]["application_id"]
        )
    assert page["result"] == sorted(some, key=lambda r: r["start_date"])
    assert page["total_count"] == 3
    assert one["result"] == [r for r in page["result"] if r["application_id"] == some[0]["application_id"]]


async def test_ids_unknown_or_outside_the_range_are_refused() -> None:
    """Code 150, as a third party saw it of the vendor."""
    account = ListedAccount([record(1, 1), record(2, 9)])
    async with client_of(account) as client:
        assert await client.code(**DAY, call_session_history_id="1;3") == 150
        dates = {"from_date": "2024-05-29 12:00:00", "to_date": "2024-05-29 12:00:05"}
        assert await client.code(**dates, call_session_history_id="1;2") == 150
        assert (await client.ask(**dates, call_session_history_id="1"))["total_count"] == 1


CHILDREN: list[tuple[dict[str, str], set[int]]] = [
    ({}, {500}),
    ({"child_account_id": "501"}, {500, 501}),
    ({"child_account_id": "all"}, {500, 501, 502}),
    ({"children_calls_only": "true"}, {501, 502}),
    ({"children_calls_only": "true", "child_account_id": "all"}, {501, 502}),
    ({"children_calls_only": "true", "child_account_id": "502"}, {502}),
]


@pytest.mark.parametrize(("parameters", "owners"), CHILDREN)
async def test_whose_sessions(parameters: dict[str, str], owners: set[int]) -> None:
    """A parent gets its own sessions, and those of the children it asks for."""
    account = SyntheticAccount(300, 0, 86_400, account_id=500, children=2)
    truth = [r for r in account.sessions(0, 86_400) if r["account_id"] in owners]
    dates = {"from_date": "1970-01-01 00:00:00", "to_date": "1970-01-02 00:00:00"}
    async with client_of(account) as client:
        page = await client.ask(**dates, **WHOLE, **parameters)
    assert page["result"] == truth
    assert {r["account_id"] for r in truth} == owners


async def test_no_children_have_no_sessions() -> None:
    """Without children, their sessions alone are none."""
    async with client_of(_account()) as client:
        assert (await client.ask(**DAY, children_calls_only="true"))["total_count"] == 0
        assert (await client.ask(**DAY, child_account_id="all"))["total_count"] == 901


async def test_a_changed_history_is_answered_anew() -> None:
    """An answer once given is not given again after the account changed."""
    account = ListedAccount([record(1), record(2)])
    async with client_of(account) as client:
        totals = [(await client.ask(**DAY))["total_count"]]
        account.add(record(3))
        totals.append((await client.ask(**DAY))["total_count"])
        account.remove(1)
        account.remove(2)
        totals.append((await client.ask(**DAY))["total_count"])
    assert totals == [2, 3, 1]
    assert account.count(NOON, NOON + 1) == 1
