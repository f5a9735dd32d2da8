"""Transactions, ACD sessions and the audit log as the vendor's own client gets them."""

import asyncio
import json
import ssl
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import trustme
from voximplant.apiclient import VoximplantAPI, VoximplantException

from harvester.datasets import ACD, AUDIT, TRANSACTIONS, Dataset
from harvester.emulator import Behaviour, Emulator, ListedAccount, SyntheticAccount, serve
from tests.emulator.asking import PRIVATE_KEY

pytestmark = pytest.mark.real_time

START = datetime(2024, 5, 29, tzinfo=UTC)
RANGE = {"from_date": START, "to_date": START + timedelta(days=1)}
RECORDS = 1_200
USUAL = Behaviour()
ASK = {
    TRANSACTIONS.name: VoximplantAPI.get_transaction_history,
    ACD.name: VoximplantAPI.get_acd_history,
    AUDIT.name: VoximplantAPI.get_audit_log,
}
EACH = pytest.mark.parametrize("dataset", [TRANSACTIONS, ACD, AUDIT], ids=lambda dataset: dataset.name)
Run = Callable[..., Any]


def history(dataset: Dataset, children: int = 0) -> SyntheticAccount:
    """A day of it."""
    first = int(START.timestamp())
    return SyntheticAccount(RECORDS, first, first + 86_400, seed=5, dataset=dataset, children=children)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the client in a thread, as it blocks, over TLS, as it insists on that."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "authority.pem"))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)

    async def asked(
        dataset: Dataset,
        *,
        role: str | None = None,
        behaviour: Behaviour = USUAL,
        children: int = 0,
        **values: Any,
    ) -> Any:
        emulator = Emulator(
            ListedAccount(),
            behaviour,
            private_key=PRIVATE_KEY,
            histories={dataset.name: history(dataset, children)},
        )
        path = tmp_path / "credentials.json"
        path.write_text(json.dumps(emulator.credentials(role or dataset.roles[-1])))
        async with serve(emulator, ssl_context=context) as endpoint:
            client = VoximplantAPI(str(path), endpoint=urlsplit(endpoint).netloc)
            return await asyncio.to_thread(lambda: ASK[dataset.name](client, **RANGE | values))

    return asked


@EACH
async def test_what_comes_unasked(run: Run, dataset: Dataset) -> None:
    """Twenty records with a total, or a hundred of the audit log without; ACD answers name no time zone."""
    answer = await run(dataset)
    assert len(answer["result"]) == answer["count"] == dataset.usual_count
    assert answer.get("total_count") == (RECORDS if dataset.total_unasked else None)
    assert answer.get("timezone") == ("Etc/GMT" if dataset.zoned else None)
    moments = [record[dataset.time_field] for record in answer["result"]]
    assert moments == sorted(moments)
    assert all(moment.tzinfo is not None for moment in moments)


@EACH
async def test_pages_from_both_ends(run: Run, dataset: Dataset) -> None:
    """In the order of the history, and in the other one."""
    first = await run(dataset, count=1_000)
    last = await run(dataset, count=1_000, desc_order=True)
    rest = await run(dataset, count=1_000, offset=1_000)
    keys = [record[dataset.key] for record in (*first["result"], *rest["result"])]
    assert keys == [record[dataset.key] for record in history(dataset).sessions(0, 1 << 40)]
    assert [record[dataset.key] for record in last["result"]] == keys[:199:-1]


@EACH
async def test_a_role_that_may_not(run: Run, dataset: Dataset) -> None:
    """Each history has roles of its own."""
    with pytest.raises(VoximplantException) as caught:
        await run(dataset, role="Call list manager")
    assert caught.value.code == 104


async def test_extended_info(run: Run) -> None:
    """Only if it is asked for; the account's id is text, or a number if the server is so."""
    bare = await run(TRANSACTIONS, count=100)
    whole = await run(TRANSACTIONS, count=100, with_extended_info=True)
    assert not any("resource_type" in record for record in bare["result"])
    assert any("resource_type" in record for record in whole["result"])
    assert {type(record["account_id"]) for record in whole["result"]} == {str}
    numbered = await run(TRANSACTIONS, behaviour=Behaviour(account_ids="number"))
    assert {type(record["account_id"]) for record in numbered["result"]} == {int}


async def test_events(run: Run) -> None:
    """Only if they are asked for, with times of their own."""
    bare = await run(ACD, count=100)
    whole = await run(ACD, count=100, with_events=True)
    assert not any("events" in record for record in bare["result"])
    events = [event for record in whole["result"] for event in record.get("events", ())]
    assert events
    assert all(event["time"].tzinfo is not None for event in events)


async def test_totals_and_values_of_the_audit_log(run: Run) -> None:
    """A total only if it is asked for; arguments are objects, or their text if the server is so."""
    assert (await run(AUDIT, with_total_count=True))["total_count"] == RECORDS
    assert isinstance((await run(AUDIT, count=1))["result"][0]["cmd_args"], dict)
    texts = await run(AUDIT, count=1, behaviour=Behaviour(audit_values="text"))
    assert isinstance(json.loads(texts["result"][0]["cmd_args"]), dict)


@pytest.mark.parametrize(
    ("dataset", "asked", "fields"),
    [
        (TRANSACTIONS, {"transaction_type": ["refund"]}, {"transaction_type": {"refund"}}),
        (ACD, {"acd_queue_id": [104501, 104777]}, {"acd_queue_id": {104501, 104777}}),
        (AUDIT, {"filtered_cmd": ["AddUser", "BindSkill"]}, {"cmd_name": {"AddUser", "BindSkill"}}),
    ],
    ids=["transactions", "acd", "audit"],
)
async def test_filters(
    run: Run, dataset: Dataset, asked: dict[str, Any], fields: dict[str, set[object]]
) -> None:
    """Lists, as the client sends them."""
    found = (await run(dataset, count=1_000, **asked))["result"]
    for name, values in fields.items():
        assert {record[name] for record in found} == values
        truth = history(dataset).sessions(0, 1 << 40)
        assert len(found) == sum(record.get(name) in values for record in truth)


@pytest.mark.parametrize("code", [497, 496, 101])
async def test_caps_that_nobody_publishes(run: Run, code: int) -> None:
    """Whatever they are, and whatever code says so; or the server sends fewer and says nothing."""
    capped = Behaviour(range_code=code, page_size=50, max_offset=100)
    with pytest.raises(VoximplantException) as caught:
        await run(ACD, count=51, behaviour=capped)
    assert caught.value.code == code
    lowered = await run(ACD, count=51, offset=999, behaviour=replace(capped, beyond_cap="clamp"))
    assert lowered["count"] == 50
    assert (
        lowered["result"][0]["acd_session_history_id"]
        == [record["acd_session_history_id"] for record in history(ACD).sessions(0, 1 << 40)][100]
    )


async def test_whose_transactions(run: Run) -> None:
    """Unasked, a parent sees its own alone; its children's too, or theirs alone, if it says so."""
    account = history(TRANSACTIONS, children=2)
    owners = Counter(str(record["account_id"]) for record in account.sessions(0, 1 << 40))
    parent, child = str(account.account_id), account.children[0]
    family = {"children": 2, "count": 1_000}
    own = await run(TRANSACTIONS, **family)
    assert (own["total_count"], own["result"][0]["account_id"]) == (owners[parent], parent)
    both = await run(TRANSACTIONS, **family, child_account_id=[child])
    assert both["total_count"] == owners[parent] + owners[str(child)]
    theirs = await run(TRANSACTIONS, **family, children_transactions_only=True)
    assert {record["account_id"] for record in theirs["result"]} == {str(one) for one in account.children}
