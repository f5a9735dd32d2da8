"""The storage of the emulator, and the method that takes something out of it."""

import json
import re
from collections.abc import AsyncIterator

import pytest

from harvester.emulator import Behaviour, ListedAccount
from harvester.emulator.example import SESSION
from tests.emulator.asking import Client, client_of

RECORD = "/voximplant-records-secure/2024/05/29/7/record.mp3?record_id=7"
LOG = "/voximplant-logs-secure/2024/05/29/7/log?sessionid=7"
OPEN = "/vox-records/2024/05/29/7/record.mp3"
DAY = 86_400


@pytest.fixture(name="client")
async def _client() -> AsyncIterator[Client]:
    async with client_of(ListedAccount([SESSION])) as client:
        yield client


async def get(client: Client, path: str, **headers: str) -> tuple[int, bytes, dict[str, str]]:
    """Ask for a file."""
    async with client.session.get(
        client.endpoint + path, headers={**client.headers, **headers}, allow_redirects=False
    ) as response:
        return (
            response.status,
            await response.read(),
            {name.lower(): value for name, value in response.headers.items()},
        )


async def delete(client: Client, **parameters: object) -> dict[str, object]:
    """Ask for a deletion."""
    async with client.response("/DeleteRecord", **parameters) as response:
        answer: dict[str, object] = json.loads(await response.read())
        return answer


async def test_a_file_is_a_function_of_its_path(client: Client) -> None:
    """The same each time, another for another path, with its size, state and kind."""
    status, content, headers = await get(client, RECORD)
    assert (status, headers["content-type"], headers["content-length"]) == (
        200,
        "audio/mpeg",
        str(len(content)),
    )
    assert content == client.emulator.files.content(RECORD.partition("?")[0])
    assert (await get(client, RECORD))[1] == content
    assert (await get(client, LOG))[1] != content


async def test_a_secured_file_needs_a_token(client: Client) -> None:
    """Else it is 401, in the vendor's words; one that is not secured needs none."""
    client.headers = {}
    assert (await get(client, RECORD))[:2] == (401, b"Authorization failed")
    assert (await get(client, RECORD, Authorization="Bearer x"))[0] == 401
    assert (await get(client, OPEN))[0] == 200
    assert [asked.with_token for asked in client.emulator.files.asked] == [False, True, False]


async def test_ranges(client: Client) -> None:
    """The rest of the same file comes as such; of another state all of it; behind the end nothing."""
    _, content, headers = await get(client, RECORD)
    tag = headers["etag"]
    status, rest, headers = await get(client, RECORD, Range="bytes=100-", **{"If-Range": tag})
    assert (status, rest) == (206, content[100:])
    assert headers["content-range"] == f"bytes 100-{len(content) - 1}/{len(content)}"
    assert (await get(client, RECORD, Range="bytes=100-"))[0] == 206
    assert (await get(client, RECORD, Range="bytes=100-", **{"If-Range": '"x"'}))[:2] == (200, content)
    assert (await get(client, RECORD, Range=f"bytes={len(content)}-"))[0] == 416
    assert [asked.first for asked in client.emulator.files.asked] == [0, 100, 100, 0, 0]


@pytest.mark.parametrize(("path", "days"), [(RECORD, 90), (LOG, 30)])
async def test_files_expire(path: str, days: int) -> None:
    """Recordings and logs, each after so many days, by the date in their path."""
    now = [1_716_940_800 + days * DAY + DAY - 1.0]
    behaviour = Behaviour(recording_days=90, log_days=30, gone_status=410)
    async with client_of(ListedAccount([SESSION]), behaviour, now=lambda: now[0]) as client:
        client.sign(iat=int(now[0]), exp=int(now[0]) + 3600)
        assert (await get(client, path))[0] == 200
        now[0] += 1
        assert (await get(client, path))[0] == 410


async def test_a_recording_is_deleted_once(client: Client) -> None:
    """By its id or by its URL; then its file is gone, and so is what names it by number."""
    assert await delete(client, record_id=7) == {"result": 1}
    assert (await delete(client, record_id=7))["error"] == {"code": 341, "msg": "The record is not found."}
    assert (await get(client, RECORD))[0] == 404
    assert await delete(client, record_url="https://storage/x.mp3?record_id=8") == {"result": 1}
    assert client.emulator.files.removed == {7, 8}


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({}, 458),
        ({"record_id": 1, "record_url": "https://x"}, 458),
        ({"record_id": "x"}, 261),
        ({"record_id": 0}, 261),
        ({"record_url": "https://storage/x.mp3"}, 261),
    ],
)
async def test_what_names_no_recording(client: Client, parameters: dict[str, object], code: int) -> None:
    """Both, neither, or no number."""
    answer = await delete(client, **parameters)
    assert re.search(rf'"code": {code}\b', json.dumps(answer))


async def test_only_some_roles_delete(client: Client) -> None:
    """Owner and Admin."""
    client.sign("Supervisor")
    assert json.dumps(await delete(client, record_id=7)).count("104") == 1
    client.sign("Admin")
    assert await delete(client, record_id=7) == {"result": 1}
