"""The vendor's own client, unchanged, against the emulator."""

import asyncio
import json
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import trustme
from voximplant.apiclient import VoximplantAPI, VoximplantException

from harvester.emulator import Behaviour, Emulator, SyntheticAccount, example, serve
from tests.emulator.asking import PRIVATE_KEY

pytestmark = [pytest.mark.large, pytest.mark.real_time]

START = datetime(2024, 5, 29, tzinfo=UTC)
RANGE = {"from_date": START, "to_date": START + timedelta(days=1)}
Task = Callable[[VoximplantAPI], Any]


@pytest.fixture
def account() -> SyntheticAccount:
    """A day of 2,300 sessions, and the example's second in it."""
    first = int(START.timestamp())
    return SyntheticAccount(2_300, first, first + 86_400, seed=5)


@pytest.fixture
def run(run_as: Callable[[str, Task], Any]) -> Callable[[Task], Any]:
    """Run the client with a role that may read the history."""
    return partial(run_as, "Supervisor")


@pytest.fixture
def run_as(
    tmp_path: Path, account: SyntheticAccount, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str, Task], Any]:
    """Run the client in a thread, as it blocks, over TLS, as it insists on that."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "authority.pem"))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)

    async def served(role: str, task: Task) -> Any:
        emulator = Emulator(account, Behaviour(), private_key=PRIVATE_KEY)
        path = tmp_path / "credentials.json"
        path.write_text(json.dumps(emulator.credentials(role)))
        async with serve(emulator, ssl_context=context) as endpoint:
            client = VoximplantAPI(str(path), endpoint=urlsplit(endpoint).netloc)
            return await asyncio.to_thread(task, client)

    return served


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


async def test_deletions(run: Callable[[Task], Any]) -> None:
    """A recording is deleted by a role that may, and only once."""
    with pytest.raises(VoximplantException) as caught:
        await run(lambda client: client.delete_record(record_id=7))
    assert caught.value.code == 104


async def test_deletions_by_an_owner(run_as: Callable[[str, Task], Any]) -> None:
    """The answer is the vendor's, and so is the refusal of the second one."""

    def twice(client: VoximplantAPI) -> Any:
        assert client.delete_record(record_id=7)["result"] == 1
        return client.delete_record(record_id=7)

    with pytest.raises(VoximplantException) as caught:
        await run_as("Owner", twice)
    assert caught.value.code == 341
