"""A question that has no record to stumble over tells what fails for its records from an outage."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import pytest

from harvester.api.auth import TokenSource
from harvester.api.client import Client
from harvester.api.persistence import Meter
from harvester.api.reply import Receiver, Reply
from harvester.errors import UnavailableError, UnreadableError
from tests.asking import METHOD, OK, Longest, error, now
from tests.keys import CREDENTIALS

CONTROL = {"from_date": "1970-01-01 00:00:00"}
AWAY = Reply(502, {}, b"<html>")


def _cut(number: int) -> Reply:
    """An answer of the API's own that ends within a record."""
    return Reply(200, {}, b'{"result": [{"call_session_history_id": %d, "custom_data": "' % number)


@dataclass
class Pages:
    """An API with pages that are told by number, some of which fail; the control question is another.

    Attributes:
        failing: What some pages bring.
        control: What the control question brings.
        first: What it brings before that.
        away: What everything brings; ``None`` if the API is there.
        asked: The pages, in order.
    """

    failing: Mapping[int, Reply] = field(default_factory=dict)
    control: Reply = OK
    first: list[Reply] = field(default_factory=list)
    away: Reply | None = None
    asked: list[str] = field(default_factory=list)

    async def post(
        self,
        method: str,
        form: Mapping[str, str],
        *,
        leave: Callable[[], Awaitable[str]],
        into: Receiver | None = None,  # noqa: ARG002  (no files here)
    ) -> Reply:
        """One request."""
        assert (method, bool(await leave())) == (METHOD, True)
        self.asked.append(form.get("page", "control"))
        await asyncio.sleep(0.1)
        if self.away is not None:
            return self.away
        if "page" in form:
            return self.failing.get(int(form["page"]), OK)
        return self.first.pop(0) if self.first else self.control


def _client(pages: Pages, control_of: str = METHOD) -> Client:
    client = Client(
        pages,
        TokenSource(CREDENTIALS, now=now),
        rate=8,
        concurrency=8,
        random=Longest(),
        now=now,
        meter=Meter(),
    )
    client.control(control_of, CONTROL)
    return client


async def _ask(client: Client, page: int) -> Exception | None:
    try:
        await client.fetch(METHOD, {"page": str(page)})
    except UnavailableError as failure:
        return failure
    return None


async def _ask_all(client: Client, pages: range) -> list[Exception | None]:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_ask(client, page)) for page in pages]
    return [task.result() for task in tasks]


@pytest.mark.parametrize("malformed", [1, 4, 5, 8, 20])
async def test_any_number_of_malformed_pages_is_no_outage(malformed: int) -> None:
    """F10: each is given up for itself within a minute, and the good ones come meanwhile."""
    pages = Pages({number: _cut(number) for number in range(malformed)})
    client = _client(pages)
    assert await _ask(client, 99) is None
    results = await _ask_all(client, range(malformed + 3))
    assert [type(failure) for failure in results] == [UnreadableError] * malformed + [type(None)] * 3
    assert asyncio.get_running_loop().time() < 60
    assert len(pages.asked) < 6 * malformed + 10


@pytest.mark.parametrize("reply", [Reply(500, {}, b"<html>"), error(1), error(13)], ids=["500", "1", "13"])
async def test_pages_that_the_api_cannot_serve_are_no_outage(reply: Reply) -> None:
    """Each has its eight tries, side by side, and nobody waits for an hour."""
    pages = Pages(dict.fromkeys(range(8), reply))
    client = _client(pages)
    assert await _ask(client, 99) is None
    results = await _ask_all(client, range(10))
    assert all("failed 8 times" in str(failure) for failure in results[:8])
    assert results[8:] == [None, None]
    assert asyncio.get_running_loop().time() < 240
    assert len(pages.asked) < 2 * 8 * 8


@pytest.mark.parametrize("away", [AWAY, Reply(200, {}, b"<html>"), _cut(1)], ids=["502", "html", "malformed"])
async def test_what_fails_for_the_control_question_too_is_an_outage(away: Reply) -> None:
    """Whatever it says, it is waited out, and hardly asked; no request is given up for it."""
    pages = Pages()
    client = _client(pages)
    assert await _ask(client, 99) is None
    pages.away = away

    async def end() -> None:
        await asyncio.sleep(300)
        pages.away = None

    async with asyncio.TaskGroup() as group:
        group.create_task(end())
        results = await _ask_all(client, range(8))
    assert results == [None] * 8
    assert len(pages.asked) <= 1 + 8 + 9 + 1 + 8


async def test_a_control_question_that_is_never_answered_prolongs_no_outage() -> None:
    """Every other probe is a question that somebody waits for."""
    pages = Pages(control=AWAY)
    client = _client(pages)
    assert await _ask(client, 99) is None
    pages.away = AWAY

    async def end() -> None:
        await asyncio.sleep(100)
        pages.away = None

    async with asyncio.TaskGroup() as group:
        group.create_task(end())
        assert await _ask_all(client, range(8)) == [None] * 8
    assert asyncio.get_running_loop().time() < 100 + 2 * 61 + 2


async def test_the_answer_of_one_method_says_nothing_of_another() -> None:
    """What only a part of the API fails at is an outage of that part, and is waited for."""
    pages = Pages(dict.fromkeys(range(8), AWAY))
    client = _client(pages, control_of="GetAuditLog")
    assert await _ask(client, 99) is None

    async def end() -> None:
        await asyncio.sleep(300)
        pages.failing = {}

    async with asyncio.TaskGroup() as group:
        group.create_task(end())
        assert await _ask_all(client, range(8)) == [None] * 8
    assert "control" not in pages.asked


@pytest.mark.parametrize("code", [104, 123], ids=["role", "date"])
async def test_a_control_question_that_is_refused_is_answered(code: int) -> None:
    """It shows that the API is there; what refuses a request, that request hears itself."""
    pages = Pages({number: _cut(number) for number in range(5)}, control=error(code))
    client = _client(pages)
    assert await _ask(client, 99) is None
    results = await _ask_all(client, range(5))
    assert [type(failure) for failure in results] == [UnreadableError] * 5


async def test_an_expired_token_of_the_control_question_is_renewed() -> None:
    """It is signed anew, as for any request."""
    pages = Pages({number: _cut(number) for number in range(5)}, first=[error(456)])
    client = _client(pages)
    assert await _ask(client, 99) is None
    results = await _ask_all(client, range(5))
    assert [type(failure) for failure in results] == [UnreadableError] * 5
    assert not pages.first
