"""The server: its doors, its keys, its answers, and what it counts."""

import json
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
import pytest

from harvester.emulator import HTTP_STATUSES, Behaviour, ListedAccount, SyntheticAccount
from tests.emulator.asking import DAY, Client, client_of
from tests.emulator.test_listed import FEW, record

ACCOUNT = SyntheticAccount(5_000, 1_716_940_800, 1_717_027_200)


async def _json(client: Client, verb: str, path: str, **options: Any) -> dict[str, Any]:
    url = client.endpoint + path
    async with client.session.request(verb, url, headers=client.headers, **options) as response:
        assert response.status == 200
        assert response.content_type == "application/json"
        answer: dict[str, Any] = await response.json()
        return answer


def _multipart(**fields: str) -> aiohttp.FormData:
    form = aiohttp.FormData(default_to_multipart=True)
    for name, value in fields.items():
        form.add_field(name, value)
    return form


@pytest.mark.parametrize("verb", ["GET", "POST"])
@pytest.mark.parametrize("path", ["/GetCallHistory", "/GetCallHistory/", "?cmd=GetCallHistory"])
async def test_doors(verb: str, path: str) -> None:
    """GET and POST, the method in the path or as ``cmd``, parameters in the query."""
    async with client_of(FEW) as client:
        joint = "&" if "?" in path else "?"
        query = "from_date=2024-05-29%2000:00:00&to_date=2024-05-30+00:00:00&count=2"
        answer = await _json(client, verb, f"/platform_api{path}{joint}{query}")
    assert (answer["count"], answer["total_count"]) == (2, 5)


@pytest.mark.parametrize("path", ["", "/"])
async def test_parameters_from_everywhere(path: str) -> None:
    """Forms of both kinds, mixed with a query; the body wins, and repeated names are a list."""
    async with client_of(FEW) as client:
        form = {**DAY, "cmd": "GetCallHistory", "count": "3"}
        address = f"/platform_api{path}?count=1&offset=1"
        urlencoded = await _json(client, "POST", address, data=form)
        multipart = await _json(client, "POST", address, data=_multipart(**form))
        repeated = [*form.items(), ("call_session_history_id", "2"), ("call_session_history_id", "4")]
        listed = await _json(client, "POST", address, data=aiohttp.FormData(repeated))
    assert urlencoded == multipart
    assert [row["call_session_history_id"] for row in urlencoded["result"]] == [2, 3, 4]
    assert [row["call_session_history_id"] for row in listed["result"]] == [4]


async def test_bodies_that_cannot_be_read() -> None:
    """A broken body and a file are wrong arguments; a JSON body holds no parameters."""
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    form = _multipart(**DAY)
    form.add_field("count", b"5", filename="count.txt")
    async with client_of(FEW) as client:
        client.headers |= headers
        broken = await _json(client, "POST", "/platform_api/GetCallHistory", data=b"--y\r\nnothing")
        client.headers.pop("Content-Type")
        file = await _json(client, "POST", "/platform_api/GetCallHistory", data=form)
        ignored = await _json(client, "POST", "/platform_api/GetCallHistory", json=DAY)
    assert [answer["error"]["code"] for answer in (broken, file, ignored)] == [101, 101, 134]


@pytest.mark.parametrize(
    ("path", "code"), [("", 102), ("/", 102), ("/GetNothing", 103), ("/getcallhistory", 103)]
)
async def test_methods_that_are_not_there(path: str, code: int) -> None:
    """No method and an unknown one have their codes."""
    async with client_of(FEW) as client:
        answer = await _json(client, "POST", f"/platform_api{path}", data=DAY)
    assert answer["error"]["code"] == code


async def test_other_paths_and_verbs_are_no_api() -> None:
    """Outside the API there is plain HTTP."""
    async with client_of(FEW) as client:
        for verb, path, status in (
            ("GET", "/", 404),
            ("GET", "/platform_api/A/B", 404),
            ("PUT", "/platform_api", 405),
        ):
            async with client.session.request(verb, client.endpoint + path) as response:
                assert response.status == status


@pytest.mark.parametrize(
    ("roles", "code"),
    [
        (("Owner",), None),
        (("Support",), None),
        (("Payer", "Supervisor"), None),
        (("Payer",), 104),
        (("Accountant", "User manager"), 104),
    ],
)
async def test_roles(roles: tuple[str, ...], code: int | None) -> None:
    """A method is for keys with one of its roles; the account's info is for every key."""
    async with client_of(FEW) as client:
        client.sign(*roles)
        answer = await client.ask(**DAY)
        assert answer.get("error", {}).get("code") == code
        info = await _json(client, "GET", "/platform_api/GetAccountInfo")
    assert info["result"]["account_id"] == FEW.account_id


async def test_a_key_can_be_revoked() -> None:
    """A revoked key is refused from the next request on."""
    async with client_of(FEW) as client:
        key = client.sign("Admin")
        assert await client.total() == 5
        client.emulator.revoke(str(key["key_id"]))
        assert await client.code(**DAY) == 433
        client.headers = {}
        assert await client.code(**DAY) == 100


@pytest.mark.parametrize(("offset", "code"), [(0.0, None), (-700.0, 455), (700.0, 456)])
async def test_the_server_s_clock(offset: float, code: int | None) -> None:
    """The server judges tokens, and dates its answers, by its own clock."""
    now = 1_717_000_000.0
    async with client_of(FEW, Behaviour(clock_offset=offset), now=lambda: now) as client:
        client.sign(iat=int(now), exp=int(now) + 600)
        async with client.response("/GetCallHistory", **DAY) as response:
            answer = await response.json()
            assert parsedate_to_datetime(response.headers["Date"]).timestamp() == now + offset
    assert answer.get("error", {}).get("code") == code


async def test_an_account_not_activated() -> None:
    """It is told so, whatever it asks."""
    async with client_of(FEW, Behaviour(activated=False)) as client:
        assert await client.code(**DAY) == 131


async def test_statuses_of_errors() -> None:
    """Error envelopes come with status 200, or with those chosen."""
    async with client_of(FEW) as client:
        client.headers = {}
        statuses = []
        for behaviour in (Behaviour(), Behaviour(statuses=HTTP_STATUSES), Behaviour(statuses={103: 404})):
            client.emulator.behaviour = behaviour
            for path in ("/GetCallHistory", "/GetNothing"):
                async with client.response(path, **DAY) as response:
                    statuses.append(response.status)
                    assert "error" in await response.json()
    assert statuses == [200, 200, 401, 200, 200, 404]


@pytest.mark.parametrize("accepted", ["gzip, deflate", "identity"])
@pytest.mark.parametrize("offered", [True, False])
@pytest.mark.parametrize("count", [1, 1000])
async def test_compression(accepted: str, offered: bool, count: int) -> None:  # noqa: FBT001
    """Answers are compressed if the client accepts it and the server offers it; their content is the same."""
    async with client_of(ACCOUNT, Behaviour(gzip=offered)) as client:
        client.headers["Accept-Encoding"] = accepted
        async with client.response("/GetCallHistory", **DAY, count=count) as response:
            compressed = response.headers.get("Content-Encoding") == "gzip"
            page = json.loads(await response.read())
        client.headers["Accept-Encoding"] = "identity"
        async with client.response("/GetCallHistory", **DAY, count=count) as response:
            assert "Content-Encoding" not in response.headers
    assert compressed == (offered and "gzip" in accepted)
    truth = ACCOUNT.sessions(0, 1 << 40, calls=False, records=False)
    assert page["result"] == [row for row, _ in zip(truth, range(count), strict=False)]


@pytest.mark.parametrize("cache_bytes", [0, 1 << 20])
async def test_answers_already_made(cache_bytes: int) -> None:
    """Kept or not, the same question has the same answer; another behaviour has another one."""
    async with client_of(FEW, cache_bytes=cache_bytes) as client:
        first, second = await client.ask(**DAY), await client.ask(**DAY)
        dates = {"from_date": "2024-05-29 12:00:00", "to_date": "2024-05-29 12:00:00"}
        inclusive = await client.ask(**dates)
        client.emulator.behaviour = Behaviour(to_inclusive=False)
        exclusive = await client.ask(**dates)
    assert first == second
    assert (inclusive["total_count"], exclusive["total_count"]) == (5, 0)


async def test_it_counts_what_it_was_asked() -> None:
    """Requests are kept with their parameters and what came of them, and summed up for other processes."""
    async with client_of(FEW, Behaviour(latency=1.0)) as client:
        await client.ask(**DAY, count=3, offset=1)
        await client.ask(**DAY, count=9999)
        async with client.response("/GetAccountInfo"):
            pass
        first, second, third = client.emulator.requests
        totals = await _json(client, "GET", "/emulator")
        again = await _json(client, "DELETE", "/emulator")
        after = await _json(client, "GET", "/emulator")
    assert (first.method, first.count, first.offset, first.rows, first.error) == (
        "GetCallHistory",
        3,
        1,
        3,
        None,
    )
    assert (second.count, second.rows, second.error) == (9999, 0, 497)
    assert third.method == "GetAccountInfo"
    assert third.arrived > second.arrived > first.arrived
    assert totals == again
    assert totals["requests"] == 3
    assert totals["rows"] == 3
    assert totals["errors"] == {"497": 1}
    assert totals["busiest_second"] == 1
    assert after["requests"] == 0


async def test_a_test_can_change_the_account_between_requests() -> None:
    """The watch sees every request before its answer is made."""
    account = ListedAccount([record(1), record(2)])
    seen: list[tuple[str, str]] = []

    def watch(parameters: Any) -> None:
        seen.append((parameters["cmd"], parameters["offset"]))
        if parameters["offset"] == "1":
            account.add(record(3))

    async with client_of(account, watch=watch) as client:
        totals = [await client.total(offset=offset) for offset in (0, 1, 2)]
    assert totals == [2, 3, 3]
    assert seen == [("GetCallHistory", str(offset)) for offset in (0, 1, 2)]
