"""What each kind of fault does: a function of the request and of the way to its true answer."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from harvester.emulator.answers import HTML, JSON, Answer, refused, retry_after
from harvester.emulator.refusals import Refusal
from harvester.emulator.render import gunzipped, gzipped

Parameters = Mapping[str, str]
Ask = Callable[[Parameters], Awaitable[Answer]]
Page = dict[str, Any]

HTML_PAGE = b"<html><head><title>Oops</title></head><body><h1>Something went wrong</h1></body></html>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What a plan can choose about a fault.

    Attributes:
        code: The code of ``error_code`` and ``error_list``.
        retry_after: Seconds in the ``Retry-After`` header of an error, if it has one.
        location: Where ``redirect`` leads.
        seconds: How much longer ``slow`` takes.
    """

    code: int = 2
    retry_after: float | None = None
    location: str = "http://127.0.0.2:9/platform_api"
    seconds: float = 30.0


Effect = Callable[[Figures, Parameters, Ask], Awaitable[Answer]]


def _instead(made: Callable[[Figures], Answer]) -> Effect:
    """An answer that does not come from the API."""

    async def effect(figures: Figures, _parameters: Parameters, _ask: Ask) -> Answer:
        return made(figures)

    return effect


def _sent(damaged: Callable[[Answer], Answer]) -> Effect:
    """The true answer, damaged as bytes."""

    async def effect(_figures: Figures, parameters: Parameters, ask: Ask) -> Answer:
        return damaged(await ask(parameters))

    return effect


def _page(edited: Callable[[Page], None]) -> Effect:
    """The true answer, if it is a page, edited as JSON."""

    def damaged(answer: Answer) -> Answer:
        if answer.content_type != JSON:
            return answer
        try:
            page = json.loads(_plain(answer))
        except json.JSONDecodeError:  # a record of it is damaged already
            return answer
        if not isinstance(page.get("result"), list):
            return answer
        edited(page)
        # Not orjson: it has no integers beyond 64 bits, which one kind of fault is about. All but ASCII is
        # escaped, because half a surrogate pair can be written in no other way.
        return _with_body(answer, json.dumps(page, separators=(",", ":")).encode())

    return _sent(damaged)


def _record(edited: Callable[[dict[str, Any]], None]) -> Effect:
    """The true answer with its first record edited."""

    def first(page: Page) -> None:
        for record in page["result"][:1]:
            edited(record)

    return _page(first)


def _shifted(by: int) -> Effect:
    """A page behind the first, as if ``by`` sessions had come before it since."""

    def recounted(page: Page) -> None:
        if "total_count" in page:
            page["total_count"] += by

    async def effect(figures: Figures, parameters: Parameters, ask: Ask) -> Answer:
        offset = parameters.get("offset", "0")
        if not offset.isdigit() or int(offset) == 0:
            return await ask(parameters)
        answer = await _page(recounted)(figures, {**parameters, "offset": str(int(offset) - by)}, ask)
        return answer if answer.error is None else await ask(parameters)  # shifted beyond the cap

    return effect


async def _slow(figures: Figures, parameters: Parameters, ask: Ask) -> Answer:
    await asyncio.sleep(figures.seconds)
    return await ask(parameters)


def _http_error(status: int) -> Effect:
    return _instead(
        lambda figures: Answer(HTML_PAGE, status, content_type=HTML, headers=retry_after(figures.retry_after))
    )


def _error_code(figures: Figures) -> Answer:
    refusal = Refusal(figures.code, f"Something went wrong ({figures.code}).")
    return refused(refusal, 200, retry_after(figures.retry_after))


def _error_list(figures: Figures) -> Answer:
    body = json.dumps({"errors": [{"code": figures.code, "msg": "Something went wrong."}]})
    return Answer(body.encode(), error=figures.code)


def _redirect(figures: Figures) -> Answer:
    # 307 keeps the method and the body, so that a client that follows it sends its token along.
    return Answer(b"", 307, headers={"Location": figures.location})


def _cut_body(answer: Answer) -> Answer:
    return replace(answer, body=answer.body[: len(answer.body) // 2])


def _cut_json(answer: Answer) -> Answer:
    body = _plain(answer)
    return _with_body(answer, body[: len(body) // 2])


def _unknown_fields(page: Page) -> None:
    page["trace"] = {"node": "ru-02", "ms": 12}
    for record in page["result"]:
        record["sentiment"] = 0.75
        for items in [value for value in record.values() if isinstance(value, list)]:
            for item in items:
                item["codec"] = {"name": "opus", "rates": [8000, 48000]}


def _plain(answer: Answer) -> bytes:
    return gunzipped(answer.body) if answer.gzip else answer.body


def _with_body(answer: Answer, body: bytes) -> Answer:
    return replace(answer, body=gzipped(body) if answer.gzip else body)


EFFECTS: Mapping[str, Effect] = MappingProxyType(
    {
        "http_401": _http_error(401),
        "http_500": _http_error(500),
        "http_503": _http_error(503),
        "http_429": _http_error(429),
        "html_200": _instead(lambda _: Answer(HTML_PAGE, content_type=HTML)),
        "empty_200": _instead(lambda _: Answer(b"")),
        "redirect": _instead(_redirect),
        "error_code": _instead(_error_code),
        "error_list": _instead(_error_list),
        "slow": _slow,
        "cut_body": _sent(_cut_body),
        "cut_json": _sent(_cut_json),
        "short_body": _sent(lambda answer: replace(answer, sent=len(answer.body) // 2)),
        "stalled_body": _sent(lambda answer: replace(answer, sent=len(answer.body) // 2, stalls=True)),
        "insert_while_paging": _shifted(1),
        "remove_while_paging": _shifted(-1),
        "missing_total": _page(lambda page: page.pop("total_count", None)),
        "wrong_total": _page(lambda page: page.update(total_count=page.get("total_count", 0) + 1)),
        "text_total": _page(lambda page: page.update(total_count=str(page.get("total_count", 0)))),
        "wrong_count": _page(lambda page: page.update(count=page["count"] + 1)),
        "missing_result": _page(lambda page: page.pop("result")),
        "other_timezone": _page(lambda page: page.update(timezone="Europe/Moscow")),
        "repeated_record": _page(lambda page: page["result"].extend(page["result"][:1])),
        "dropped_record": _page(lambda page: page["result"].__delitem__(slice(1))),
        "unknown_field": _page(_unknown_fields),
        "wrong_type": _record(lambda record: record.update(duration="a while")),
        "null_field": _record(lambda record: record.update(finish_reason=None)),
        "huge_integer": _record(lambda record: record.update(duration=1 << 70)),
    }
)
"""Every fault that ends in an answer, by kind.

Instead of the true answer: ``http_401``, ``http_500``, ``http_503``, ``http_429``, ``html_200``,
``empty_200``, ``redirect`` (307 to another host), ``error_code``, ``error_list`` (a list ``errors``, not
one ``error``).
Late: ``slow``. Of files alone: ``short_body`` (half of what was announced, then the end of the connection),
``stalled_body`` (half of it, then nothing).
Damaged: ``cut_body`` (half of the bytes sent, under their right length), ``cut_json``.
Pages that contradict others: ``insert_while_paging``, ``remove_while_paging``, ``wrong_total``,
``repeated_record``, ``dropped_record``.
Pages that contradict the documentation: ``missing_total``, ``text_total``, ``wrong_count``,
``missing_result``, ``other_timezone``, ``unknown_field`` (in the envelope, in every record and in what it
nests); and, in the first record alone, ``wrong_type``, ``null_field`` and ``huge_integer``.
"""
