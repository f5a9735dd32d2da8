"""What goes wrong, to whom, and how it looks to a client."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import aiohttp
import pytest

from harvester.emulator import Fault, Faults, ListedAccount, SyntheticAccount
from harvester.emulator.faults import KINDS, UNANSWERED
from harvester.emulator.server import SHUTDOWN_SECONDS
from tests.emulator.asking import DAY, Client, client_of
from tests.emulator.test_listed import record

ACCOUNT = SyntheticAccount(300, 1_716_940_800, 1_717_027_200, seed=4)
PAGE = {**DAY, "count": "50", "offset": "100", "with_calls": "true", "with_records": "true"}
Page = dict[str, Any]


def always(kind: str, **figures: Any) -> Faults:
    """The fault meets every request."""
    return Faults((Fault(kind, share=1.0, **figures),))


def test_shares_are_kept_side_by_side() -> None:
    """Each fault meets its share of the requests, and the seed decides which."""
    faults = Faults((Fault("http_500", share=0.1), Fault("stall", share=0.05), Fault("reset", share=0.2)))
    met = [faults.due(number, {}) for number in range(1, 20_001)]
    shares = Counter(fault.kind for fault in met if fault)
    assert shares["http_500"] == pytest.approx(2_000, rel=0.1)
    assert shares["stall"] == pytest.approx(1_000, rel=0.1)
    assert shares["reset"] == pytest.approx(4_000, rel=0.1)
    assert met == [faults.due(number, {}) for number in range(1, 20_001)]
    other = Faults(faults.plan, seed=1)
    assert met != [other.due(number, {}) for number in range(1, 20_001)]


def test_requests_by_number_and_by_what_they_ask() -> None:
    """Faults meet the requests numbered, if they ask for it; the first of several is met."""

    def second_page(parameters: Mapping[str, str]) -> bool:
        return parameters["offset"] == "1000"

    faults = Faults(
        (
            Fault("http_500", requests=(2, 5)),
            Fault("stall", requests=range(4, 7), when=second_page),
            Fault("reset", share=1.0, when=second_page),
        )
    )
    due = [[faults.due(n, {"offset": offset}) for n in range(1, 8)] for offset in ("0", "1000")]
    kinds = [[fault.kind if fault else None for fault in row] for row in due]
    assert kinds[0] == [None, "http_500", None, None, "http_500", None, None]
    assert kinds[1] == ["reset", "http_500", "reset", "stall", "http_500", "stall", "reset"]
    assert Faults().due(1, {}) is None


def test_unknown_faults_are_refused() -> None:
    """A misspelt kind is found at once, and the right ones are named."""
    with pytest.raises(ValueError, match="cut_body"):
        Fault("cut-body")


async def _raw(client: Client) -> tuple[int, str, bytes, Mapping[str, str]]:
    async with client.response("/GetCallHistory", **PAGE) as response:
        return response.status, response.content_type, await response.read(), response.headers


INSTEAD: list[tuple[Faults, int, str, bytes]] = [
    (always("http_500"), 500, "text/html", b"<h1>"),
    (always("http_401"), 401, "text/html", b"<h1>"),
    (always("http_503", retry_after=7), 503, "text/html", b"<h1>"),
    (always("http_429", retry_after=7), 429, "text/html", b"<h1>"),
    (always("html_200"), 200, "text/html", b"<h1>"),
    (always("empty_200"), 200, "application/json", b""),
    (always("error_code", code=416, retry_after=7), 200, "application/json", b'"code":416'),
    (always("error_list", code=5), 200, "application/json", b'{"errors": [{"code": 5'),
    (always("redirect", location="http://other.example/"), 307, "application/json", b""),
]


@pytest.mark.parametrize(("faults", "status", "content_type", "part"), INSTEAD)
async def test_answers_from_elsewhere(faults: Faults, status: int, content_type: str, part: bytes) -> None:
    """Some faults answer instead of the API, with the status and headers of whoever answers."""
    (fault,) = faults.plan
    async with client_of(ACCOUNT, faults=faults) as client:
        got_status, got_type, body, headers = await _raw(client)
        (asked,) = client.emulator.requests
    assert (got_status, got_type, part in body) == (status, content_type, True)
    assert headers.get("Retry-After") == (None if fault.retry_after is None else "7")
    assert headers.get("Location") == (fault.location if fault.kind == "redirect" else None)
    assert (asked.fault, asked.status, asked.rows) == (fault.kind, status, 0)
    assert asked.error == (fault.code if fault.kind in {"error_code", "error_list"} else None)


def _records(page: Page, truth: Page) -> bool:
    return bool(page.pop("result") == truth.pop("result") and page != truth)


EDITED: list[tuple[str, Callable[[Page, Page], bool]]] = [
    ("missing_total", lambda page, _: "total_count" not in page),
    ("wrong_total", lambda page, truth: page["total_count"] == truth["total_count"] + 1),
    ("text_total", lambda page, truth: page["total_count"] == str(truth["total_count"])),
    ("wrong_count", lambda page, truth: page["count"] == truth["count"] + 1),
    ("missing_result", lambda page, _: "result" not in page),
    ("other_timezone", lambda page, _: page["timezone"] == "Europe/Moscow"),
    ("repeated_record", lambda page, truth: page["result"] == [*truth["result"], truth["result"][0]]),
    ("dropped_record", lambda page, truth: page["result"] == truth["result"][1:]),
    ("wrong_type", lambda page, _: isinstance(page["result"][0]["duration"], str)),
    ("null_field", lambda page, _: page["result"][0]["finish_reason"] is None),
    ("huge_integer", lambda page, _: page["result"][0]["duration"] == 1 << 70),
]


@pytest.mark.parametrize(("kind", "right"), EDITED, ids=[kind for kind, _ in EDITED])
async def test_pages_that_are_wrong(kind: str, right: Callable[[Page, Page], bool]) -> None:
    """Some faults change one thing of a page, and leave the rest of it alone."""
    async with client_of(ACCOUNT) as client:
        truth = await client.ask(**PAGE)
        client.emulator.faults = always(kind)
        page = await client.ask(**PAGE)
    assert right(page, truth)
    changed = {key for key in page.keys() | truth.keys() if page.get(key) != truth.get(key)}
    assert len(changed) == 1
    rows = zip(page.get("result", [])[1:40], truth["result"][1:40], strict=False)
    assert kind == "dropped_record" or all(mine == its for mine, its in rows)


async def test_unknown_fields() -> None:
    """Keys nobody documented appear in the envelope, in records and in what records nest."""
    async with client_of(ACCOUNT, faults=always("unknown_field")) as client:
        page = await client.ask(**PAGE)
    truth = list(ACCOUNT.sessions(0, 1 << 40))[100:150]
    assert page.pop("trace")
    for row in page["result"]:
        row.pop("sentiment")
        for key in ("calls", "records", "other_resource_usage"):
            for item in row.get(key, []):
                item.pop("codec")
    assert page["result"] == truth


@pytest.mark.parametrize("kind", sorted(KINDS - UNANSWERED - {"slow"}))
async def test_pages_without_records_can_meet_faults_too(kind: str) -> None:
    """An empty page, a refusal and an account's info do not trip a fault."""
    async with client_of(ListedAccount(), faults=always(kind)) as client:
        for path, parameters in (
            ("/GetCallHistory", DAY),
            ("/GetCallHistory", {"count": "x", "offset": "x"}),
            ("/GetAccountInfo", {}),
            ("/GetCallHistory", {**DAY, "with_total_count": "false", "offset": "3"}),
        ):
            async with client.response(path, **parameters) as response:
                assert response.status in {200, 307, 401, 429, 500, 503}
                await _body(response)


async def _body(response: aiohttp.ClientResponse) -> bytes | None:
    try:
        return await response.read()
    except aiohttp.ClientPayloadError:
        return None


@pytest.mark.parametrize("accepted", ["gzip", "identity"])
async def test_cut_bodies(accepted: str) -> None:
    """Half a body under its right length, and half a JSON text in a sound body."""
    async with client_of(ACCOUNT) as client:
        client.headers["Accept-Encoding"] = accepted
        url = f"{client.endpoint}/platform_api/GetCallHistory"
        lengths, bodies = [], []
        for faults in (Faults(), always("cut_body"), always("cut_json")):
            client.emulator.faults = faults
            async with (
                aiohttp.ClientSession(auto_decompress=False) as session,
                session.post(url, data=PAGE, headers=client.headers) as response,
            ):
                bodies.append(await response.read())
                lengths.append(int(response.headers["Content-Length"]))
                assert response.status == 200
        _, _, half, _ = await _raw(client)
    whole, cut, _ = bodies
    assert cut == whole[: len(whole) // 2]
    assert lengths == [len(body) for body in bodies]
    with pytest.raises(json.JSONDecodeError):
        json.loads(half)


@pytest.mark.parametrize(("kind", "by"), [("insert_while_paging", 1), ("remove_while_paging", -1)])
async def test_totals_that_change_while_paging(kind: str, by: int) -> None:
    """Pages behind the first are shifted by a session that came or went, and say so in the total."""
    async with client_of(ACCOUNT, faults=always(kind)) as client:
        first = await client.ask(**PAGE | {"offset": "0"})
        second = await client.ask(**PAGE | {"offset": "50"})
        bare = await client.ask(**PAGE | {"with_total_count": "false"})
    truth = list(ACCOUNT.sessions(0, 1 << 40))
    assert (first["result"], first["total_count"]) == (truth[:50], len(truth))
    assert (second["result"], second["total_count"]) == (truth[50 - by : 100 - by], len(truth) + by)
    assert "total_count" not in bare


@pytest.mark.parametrize(
    ("kind", "error"), [("reset", aiohttp.ClientOSError), ("hang_up", aiohttp.ServerDisconnectedError)]
)
async def test_connections_that_end(kind: str, error: type[Exception]) -> None:
    """The connection is reset or closed before an answer; the next request is served."""
    faults = Faults((Fault(kind, requests=(1,)),))
    async with client_of(ACCOUNT, faults=faults) as client:
        with pytest.raises(error):
            await client.ask(**PAGE)
        assert await client.total() == 301
        assert [asked.status for asked in client.emulator.requests] == [0, 200]


async def test_stall_ends_with_the_client() -> None:
    """A stalled request is open until its client gives up."""
    faults = Faults((Fault("stall", requests=(1,)),))
    async with client_of(ACCOUNT, faults=faults) as client:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(3_600):
                await client.ask(**PAGE)
        await asyncio.sleep(0.1)
        assert client.emulator.in_flight == 0
        assert await client.total() == 301


async def test_stall_ends_with_the_server() -> None:
    """A server that ends aborts its stalled requests, and does not wait for their clients."""
    loop = asyncio.get_running_loop()
    async with asyncio.TaskGroup() as group:
        async with client_of(ListedAccount([record(1)]), faults=always("stall")) as client:
            stalled = [group.create_task(_failed(client)) for _ in range(3)]
            await asyncio.sleep(60)
            assert client.emulator.in_flight == 3
            emulator, ended = client.emulator, loop.time()
        assert loop.time() - ended < SHUTDOWN_SECONDS
    assert all(task.result() for task in stalled)
    assert emulator.in_flight == 0


async def _failed(client: Client) -> bool:
    try:
        await client.ask(**DAY)
    except aiohttp.ClientConnectionError:
        return True
    return False


async def test_slow() -> None:
    """A slow answer is the true one, late."""
    loop = asyncio.get_running_loop()
    async with client_of(ACCOUNT, faults=always("slow", seconds=90.0)) as client:
        before = loop.time()
        assert await client.total() == 301
    assert loop.time() - before >= 90.0
