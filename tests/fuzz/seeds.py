"""Where the fuzzer starts: the vendor's samples, and what the tests found worth a case."""

import gzip
import struct
from collections.abc import Iterator
from pathlib import Path

import orjson

from tests.test_decode import page, sample, with_value
from tests.test_decode_misfits import MISFITS

_SAMPLES = Path(__file__).parent.parent / "samples"
_MOST = 1 << 14  # bytes of a seed: larger ones make every mutation slow

DATES = [
    "",
    "120",
    "-1",
    "1e9",
    "9" * 400,
    "Wed, 21 Oct 2015 07:28:00 GMT",
    "Wed, 21 Oct 2015 07:28:00 -0000",
    "Wed, 21 Oct 9999 23:59:60 +9999",
    "Wednesday, 21-Oct-15 07:28:00 GMT",
    "\u0664",
]
CONFIGS = [
    'from = 2024-01-01\nto = 2025-01-01\nlake = "./lake"\ncredentials = "key.json"\nrate = 20\n',
    'from = "2024-05-29T10:00:00+02:00"\nto = 2024-05-29T17:30:00Z\nlake = "l"\nsettle = "15m"\n',
    'from = 2024-01-01\nto = 2024-01-02\nlake = "l"\nredact-urls = true\nhash-numbers = "n.key"\n',
    'from = 2024-01-01\nto = 2024-01-02\nlake = "l"\npartition = "hour"\ncalls = false\nuser-id = [7, 9]\n',
    "[table]\nrate = nan\n",
    'rate = "none"\nconcurrency = 1e3\nname = """a\\u0000"""\n',
]


def seeds(target: str) -> Iterator[bytes]:
    """The seeds of a target."""
    match target:
        case "answer":
            yield from _answers()
        case "headers":
            for status in (200, 408, 429, 503):
                lines = [f"\n{after}\n{date}" for after in DATES for date in DATES[5:7]]
                yield from (struct.pack(">H", status) + line.encode() for line in lines)
        case "config":
            yield from (text.encode() for text in CONFIGS)
        case _:
            yield from (b"", b"\x05hsp1" + bytes(44), bytes(range(256)), b"\xff" * 200)


def _answers() -> Iterator[bytes]:
    whole = [path.read_bytes() for path in sorted(_SAMPLES.glob("*.json"))]
    yield from whole
    yield from map(gzip.compress, whole)
    yield from (b"<html>", b"", b'{"error": {"code": 100, "msg": "eyJ"}}', b'{"result": [{}, NaN, []]}')
    yield page(orjson.dumps(sample()), orjson.dumps(sample(new={"phone": "79991234567"})))
    for path, value, _ in MISFITS:
        if len(value) < _MOST:
            yield page(with_value(path, value))
