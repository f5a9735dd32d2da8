"""Bytes of answers.

A synthetic session is a template filled in, for building and dumping dicts takes too long. The templates
are its only description: what tests hold as the truth is parsed from the same bytes.
"""

import re
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from operator import itemgetter
from typing import NamedTuple, Protocol

import orjson

from harvester.emulator.patterns import EXPIRES_AFTER_DAYS

DAY = 86_400
LATER = 9
_EPOCH, _SECOND = datetime(1970, 1, 1), timedelta(seconds=1)  # noqa: DTZ001  (of texts without a zone)
_BLANKS = (b"id", b"at", b"soon", b"later", b"expires", b"day", b"escaped_day")
_BLANK = re.compile(rb"\{(%s)\}" % b"|".join(_BLANKS))
_INTEGER = re.compile(rb'"int:([^"]*)"')
_CLOCK = tuple(b"%02d:%02d:%02d" % (s // 3600, s // 60 % 60, s % 60) for s in range(DAY))

Entry = tuple[int, int, int]
"""A session's second, its id, and what its account renders it from."""


class Parts(Protocol):
    """Which parts of a record are wanted."""

    def __hash__(self) -> int: ...

    def of(self, record: Mapping[str, object]) -> dict[str, object]:
        """The record as it is sent."""
        ...


class Nested(NamedTuple):
    """Which lists inside a session are wanted; the default is the whole session, or record of any kind."""

    calls: bool = True
    records: bool = True
    resources: bool = True

    def unwanted(self) -> tuple[str, ...]:
        """Keys a session is sent without."""
        keys = zip(self, ("calls", "records", "other_resource_usage"), strict=True)
        return tuple(key for wanted, key in keys if not wanted)

    def of(self, record: Mapping[str, object]) -> dict[str, object]:
        """The session as it is sent."""
        unwanted = self.unwanted()
        return {key: value for key, value in record.items() if key not in unwanted}


class Template(NamedTuple):
    """A session with ``%b`` for its blanks, and what picks their values in order of appearance."""

    text: bytes
    pick: Callable[[tuple[bytes, ...]], tuple[bytes, ...]]


def template(pattern: dict[str, object], parts: Parts, *, escaped: bool) -> Template:
    r"""Turn a pattern into a template; ``escaped`` writes every ``/`` as ``\/``."""
    text = orjson.dumps(parts.of(pattern))
    text = _INTEGER.sub(rb"\1", text).replace(b"%", b"%%")
    if escaped:
        text = text.replace(b"/", rb"\/").replace(b"{day}", b"{escaped_day}")
    places = [_BLANKS.index(name) for name in _BLANK.findall(text)]
    # A pattern has two blanks at least, its id and its start: with one, itemgetter would not give a tuple.
    return Template(_BLANK.sub(b"%b", text), itemgetter(*places) if places else _nothing)


def filled(templates: Sequence[Template], entries: Iterable[Entry]) -> list[bytes]:
    """Render one JSON object per entry; an entry's third number is that of its template."""
    rows = []
    for second, session_id, number in entries:
        text, pick = templates[number]
        day, rest = divmod(second, DAY)
        head, expires, folder, escaped = _day(day)
        later = head + _CLOCK[rest + LATER] if rest + LATER < DAY else stamp(second + LATER)
        soon = head + _CLOCK[rest + 1] if rest + 1 < DAY else stamp(second + 1)
        at = head + _CLOCK[rest]
        rows.append(text % pick((b"%d" % session_id, at, soon, later, expires, folder, escaped)))
    return rows


def stamp(second: int) -> bytes:
    """Unix time as the vendor writes it."""
    day, rest = divmod(second, DAY)
    return _day(day)[0] + _CLOCK[rest]


def history(
    rows: Sequence[bytes], total: int | None, warnings: Sequence[str] = (), *, zoned: bool = True
) -> bytes:
    """Render the envelope of a page; ``total`` of ``None`` was not asked for; if ``zoned``, it names UTC."""
    counted = b"" if total is None else b'"total_count":%d,' % total
    warned = b'"warnings":%b,' % orjson.dumps(warnings) if warnings else b""
    zone = b',"timezone":"Etc/GMT"' if zoned else b""
    return b'{"result":[%b],%b%b"count":%d%b}' % (b",".join(rows), counted, warned, len(rows), zone)


def gzipped(body: bytes) -> bytes:
    """Compress at level 1, the fastest: the time of a local answer is mostly this."""
    return zlib.compress(body, 1, wbits=31)


def gunzipped(body: bytes) -> bytes:
    """Undo ``gzipped``."""
    return zlib.decompress(body, wbits=31)


def _nothing(_values: tuple[bytes, ...]) -> tuple[bytes, ...]:
    return ()


def second_of(text: str) -> int:
    """Undo ``stamp``, for text.

    Raises:
        ValueError: It is not written so.
    """
    moment = datetime.fromisoformat(text)
    if text != moment.isoformat(" "):  # ISO 8601 has other ways to write it, and fractions, and zones
        raise ValueError(f"not a time: {text}")
    return (moment - _EPOCH) // _SECOND


@lru_cache(maxsize=4_096)
def _day(number: int) -> tuple[bytes, bytes, bytes, bytes]:
    """The day as the head of a stamp, when its recordings expire, and as a folder, plain and escaped."""
    date = f"{datetime.fromtimestamp(number * DAY, UTC):%Y-%m-%d}"
    expires = f"{datetime.fromtimestamp((number + EXPIRES_AFTER_DAYS) * DAY, UTC):%Y-%m-%d}"
    return (
        f"{date} ".encode(),
        expires.encode(),
        date.replace("-", "/").encode(),
        date.replace("-", r"\/").encode(),
    )
