"""Child accounts as the vendor's own client gets them."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from voximplant.apiclient import VoximplantAPI, VoximplantException

from harvester.datasets import CALLS, TRANSACTIONS, Dataset
from harvester.emulator import Behaviour, Emulator, Family, ListedAccount, SyntheticAccount
from tests.emulator.asking import PRIVATE_KEY, client_of
from tests.emulator.vendor import Ask, Task, asking

START = datetime(2024, 5, 29, tzinfo=UTC)
RANGE = {"from_date": START, "to_date": START + timedelta(days=1)}
FIRST = int(START.timestamp())
PARENT, CHILD, OTHER = 4_714_487, 4_714_488, 4_714_489
SIZES = {PARENT: 12, CHILD: 5, OTHER: 3}
EACH = pytest.mark.parametrize("dataset", [CALLS, TRANSACTIONS], ids=lambda dataset: dataset.name)
ASKS: dict[str, tuple[Callable[..., Any], str]] = {
    CALLS.name: (VoximplantAPI.get_call_history, "children_calls_only"),
    TRANSACTIONS.name: (VoximplantAPI.get_transaction_history, "children_transactions_only"),
}


def history(account_id: int, dataset: Dataset) -> SyntheticAccount:
    """An account's day, with the same ids as every other account's."""
    # After the second of the example, which belongs to none of them.
    span = (FIRST + 57_600, FIRST + 86_400)
    return SyntheticAccount(SIZES[account_id], *span, seed=5, account_id=account_id, dataset=dataset)


def emulator(**switches: Any) -> Emulator:
    """A parent and two children."""
    families = {
        dataset.name: Family(*(history(number, dataset) for number in SIZES))
        for dataset in (CALLS, TRANSACTIONS)
    }
    return Emulator(families["calls"], Behaviour(**switches), private_key=PRIVATE_KEY, histories=families)


@pytest.fixture
def ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Run the client against an emulator."""
    return asking(tmp_path, monkeypatch)


def owners(dataset: Dataset, **parameters: Any) -> Task:
    """A task that counts the records by account."""
    method, only = ASKS[dataset.name]
    if "only" in parameters:
        parameters[only] = parameters.pop("only")

    def task(client: VoximplantAPI) -> dict[int, int]:
        answer = method(client, **RANGE, **parameters)
        ids = [int(record["account_id"]) for record in answer["result"]]
        assert answer["total_count"] == len(ids)
        return {account_id: ids.count(account_id) for account_id in sorted(set(ids))}

    return task


@pytest.mark.real_time
async def test_children_are_listed_page_by_page(ask: Ask) -> None:
    """With as much of each as is asked for, in the order that is asked for."""

    def task(client: VoximplantAPI) -> Any:
        list_ = partial(client.get_children_accounts, child_account_id="all")
        whole = list_()
        assert (whole["total_count"], whole["count"]) == (2, 2)
        assert whole["result"][0]["created"].tzinfo is not None
        assert list_(brief_output=True)["result"] == [{"account_id": CHILD}, {"account_id": OTHER}]
        assert set(list_(medium_output=True)["result"][0]) == {"account_id", "account_name", "account_email"}
        second = list_(count=1, offset=1, order_by="child_account_id")
        assert ([one["account_id"] for one in second["result"]], second["total_count"]) == ([OTHER], 2)
        assert list_(child_account_id=[OTHER])["total_count"] == 1
        assert client.get_children_accounts(child_account_name=str(CHILD))["total_count"] == 1
        assert list_(child_account_id=[7, OTHER], ignore_invalid_accounts=True)["total_count"] == 1

    await ask(emulator(), task, "Owner")


@pytest.mark.real_time
@pytest.mark.parametrize(
    ("parameters", "role", "code"),
    [
        ({"child_account_id": "all"}, "Admin", 104),
        ({}, "Owner", 134),
        ({"child_account_id": [PARENT]}, "Owner", 194),
        ({"child_account_id": "all", "order_by": "age"}, "Owner", 496),
    ],
)
async def test_refusals_of_the_list(ask: Ask, parameters: dict[str, Any], role: str, code: int) -> None:
    """For its role, for want of a filter, for an id that is no child's."""
    with pytest.raises(VoximplantException) as caught:
        await ask(emulator(), lambda client: client.get_children_accounts(**parameters), role)
    assert caught.value.code == code


@pytest.mark.large
@pytest.mark.real_time
@EACH
@pytest.mark.parametrize("included", [False, True], ids=["apart", "included"])
async def test_whose_records_a_parent_is_answered_with(ask: Ask, dataset: Dataset, *, included: bool) -> None:
    """Those of the children that it names, or all; its own too unless it says otherwise."""
    served = partial(ask, emulator(includes_children=included))
    everybody = SIZES
    unasked = everybody if included else {PARENT: 12}
    assert await served(owners(dataset)) == unasked
    assert await served(owners(dataset, child_account_id=[CHILD])) == {PARENT: 12, CHILD: 5}
    assert await served(owners(dataset, child_account_id=[CHILD], only=True)) == {CHILD: 5}
    assert await served(owners(dataset, child_account_id="all")) == everybody
    assert await served(owners(dataset, only=True)) == {CHILD: 5, OTHER: 3}


@pytest.mark.real_time
@EACH
async def test_a_stranger_and_a_refused_child(ask: Ask, dataset: Dataset) -> None:
    """Code 194, by parameter."""
    for switches, child in (({}, 7), ({"refused_children": frozenset({CHILD})}, CHILD)):
        with pytest.raises(VoximplantException) as caught:
            await ask(emulator(**switches), owners(dataset, child_account_id=[child]))
        assert caught.value.code == 194


async def test_a_token_of_a_child_under_the_parents_key() -> None:
    """It speaks for the child alone, and for no stranger; a refused one is refused."""
    family = Family(*(history(number, CALLS) for number in SIZES))
    async with client_of(family, Behaviour(includes_children=True)) as client:
        client.sign(iss=str(CHILD))
        assert await client.total() == 5
        assert await client.total(children_calls_only="true") == 0
        assert (
            await client.code(
                child_account_id=OTHER, from_date="2024-05-29 00:00:00", to_date="2024-05-30 00:00:00"
            )
            == 194
        )
        async with client.response("/GetChildrenAccounts", child_account_id="all") as response:
            assert (await response.json())["total_count"] == 0
        client.sign(iss="7")
        assert await client.code() == 115
        client.emulator.behaviour = Behaviour(refused_children=frozenset({CHILD}))
        client.sign(iss=str(CHILD))
        assert await client.code() == 100


def test_a_family_is_one_history_in_time_order() -> None:
    """Its records are those of its members, each once, and change with them."""
    members = [
        ListedAccount(
            [
                {
                    "call_session_history_id": number,
                    "start_date": f"2024-05-29 00:00:{number:02}",
                    "n": account,
                }
                for number in range(1, 4)
            ],
            account_id=account,
        )
        for account in (1, 2)
    ]
    family = Family(*members)
    before, version = [record["n"] for record in family.sessions(0, 1 << 40)], family.version
    assert before == [1, 2, 1, 2, 1, 2]
    assert (family.total, family.account_id, family.children) == (6, 1, (2,))
    assert family.matching(lambda record: record["n"] == 2) == [1, 3, 5]
    assert (family.locate(2), family.locate(9)) == (2, None)
    assert family.count(FIRST + 2, FIRST + 4) == 4
    members[1].remove(2)
    assert family.version != version
    assert [record["n"] for record in family.sessions(0, 1 << 40)] == [1, 2, 1, 1, 2]
