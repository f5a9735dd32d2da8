"""The vendor's own client, unchanged, against the emulator."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from voximplant.apiclient import VoximplantAPI, VoximplantException

from harvester.emulator import Behaviour, Emulator, SyntheticAccount, example
from tests.emulator.asking import PRIVATE_KEY
from tests.emulator.vendor import Task, asking

pytestmark = pytest.mark.real_time

START = datetime(2024, 5, 29, tzinfo=UTC)
RANGE = {"from_date": START, "to_date": START + timedelta(days=1)}


@pytest.fixture
def account() -> SyntheticAccount:
    """A day of 2,300 sessions, and the example's second in it."""
    first = int(START.timestamp())
    return SyntheticAccount(2_300, first, first + 86_400, seed=5)


@pytest.fixture
def run(tmp_path: Path, account: SyntheticAccount, monkeypatch: pytest.MonkeyPatch) -> Callable[[Task], Any]:
    """Run the client against the account."""
    ask = asking(tmp_path, monkeypatch)
    return lambda task: ask(Emulator(account, Behaviour(), private_key=PRIVATE_KEY), task, "Supervisor")


async def test_account_info(run: Callable[[Task], Any], account: SyntheticAccount) -> None:
    """The cheap check of credentials works for any key."""
    answer = await run(lambda client: client.get_account_info())
    assert answer["result"]["account_id"] == account.account_id
    assert answer["result"]["created"].tzinfo is not None


async def test_the_example(run: Callable[[Task], Any]) -> None:
    """The session of the reference page arrives, with its times as the client reads them."""
    answer = await run(
        lambda client: client.get_call_history(
            **RANGE,
            call_session_history_id=[example.SESSION_ID],
            with_calls=True,
            with_records=True,
        )
    )
    (session,) = answer["result"]
    assert session["start_date"] == datetime(2024, 5, 29, 15, 5, 26, tzinfo=UTC)
    assert session["calls"][0]["start_time"] == session["start_date"] + timedelta(seconds=1)
    assert session["records"][0]["record_url"].endswith("record_id=4202252234")
    assert answer["total_count"] == 1


async def test_bare_sessions(run: Callable[[Task], Any]) -> None:
    """By default there are twenty, without calls and records."""
    answer = await run(lambda client: client.get_call_history(**RANGE))
    assert answer["count"] == len(answer["result"]) == 20
    assert not any("calls" in session or "records" in session for session in answer["result"])
    assert any("other_resource_usage" in session for session in answer["result"])


@pytest.mark.parametrize("descending", [False, True])
async def test_paging_through(
    run: Callable[[Task], Any],
    account: SyntheticAccount,
    descending: bool,  # noqa: FBT001
) -> None:
    """Page after page, the client gets the whole history once and in order."""

    def pages(client: VoximplantAPI) -> list[dict[str, Any]]:
        sessions: list[dict[str, Any]] = []
        while True:
            answer = client.get_call_history(
                **RANGE, count=1_000, offset=len(sessions), desc_order=descending, with_calls=True
            )
            sessions += answer["result"]
            if len(sessions) == answer["total_count"]:
                return sessions

    truth = [row["call_session_history_id"] for row in account.sessions(0, 1 << 40)]
    ids = [session["call_session_history_id"] for session in await run(pages)]
    assert ids == (truth[::-1] if descending else truth)


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"application_id": 1}, 116),
        ({"count": 1_001}, 497),
        ({"call_session_history_id": "7;8"}, 150),
        ({"from_date": START + timedelta(days=2)}, 123),
        ({"rule_name": "incoming"}, 134),
    ],
)
async def test_refusals(run: Callable[[Task], Any], parameters: dict[str, Any], code: int) -> None:
    """What is wrong arrives as the client's exception, with the vendor's code."""
    with pytest.raises(VoximplantException) as caught:
        await run(lambda client: client.get_call_history(**RANGE | parameters))
    assert caught.value.code == code


async def test_a_method_for_other_roles(run: Callable[[Task], Any]) -> None:
    """A method the emulator lacks is unknown to it, in the vendor's words."""
    with pytest.raises(VoximplantException) as caught:
        await run(lambda client: client.get_audit_log(**RANGE))
    assert caught.value.code == 103
