"""``python -m benchmarks.micro``: what the parts cost: decode, write, pace, sign, start.

Each figure is beside one of a known quantity, taken turn by turn in the same run: a busy machine slows both.
"""

import argparse
import asyncio
import gzip
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import orjson
import pyarrow as pa
from cryptography.hazmat.primitives.asymmetric import rsa

from benchmarks.columns import STRUCT
from benchmarks.contest import median, run, turns
from harvester import notation
from harvester.api.auth import TokenSource
from harvester.api.credentials import Credentials
from harvester.api.gunzip import BACKENDS, gunzip
from harvester.api.pacing import Pace
from harvester.datasets import CALLS
from harvester.emulator import SyntheticAccount
from harvester.emulator.counts import busiest_second
from harvester.emulator.render import Nested
from harvester.lake.writer import DraftWriter
from harvester.records.decode import Decoder
from harvester.records.orderly import OrderlyReader
from harvester.records.schema import arrow_schema

_PAGES, _PAGE = 12, 1_000
_PACE, _PASSES = 200, 400


def pages() -> list[bytes]:
    """Answers of 1,000 sessions each."""
    span = notation.span("2024-01-01", "2024-02-01")
    account = SyntheticAccount(_PAGES * _PAGE, span.start, span.end)
    texts = []
    for page in range(_PAGES):
        rows = account.render(account.entries(range(page * _PAGE, (page + 1) * _PAGE)), Nested())
        texts.append(b'{"count":%d,"result":[%s]}' % (len(rows), b",".join(rows)))
    return texts


def beside(work: dict[str, Callable[[int], object]], rounds: int) -> dict[str, float]:
    """Processor milliseconds a page of each, the least of ``rounds`` in turns, the median over the pages."""
    least = {name: [float("inf")] * _PAGES for name in work}
    for _ in range(rounds):
        for page in range(_PAGES):
            for name, one in work.items():
                began = time.process_time()
                one(page)
                least[name][page] = min(least[name][page], (time.process_time() - began) * 1000)
    return {name: round(statistics.median(taken), 2) for name, taken in least.items()}


def decoding(rounds: int) -> dict[str, float]:
    """From gzip to Arrow, step by step, and the floor's way beside it."""
    texts = pages()
    bodies = [gzip.compress(text, 6) for text in texts]
    quick, decoder = OrderlyReader(CALLS), Decoder(CALLS)
    parsed = [orjson.loads(text)["result"] for text in texts]
    strange = [text.replace(b'"account_id"', b'"new":1,"account_id"', 1) for text in texts]
    work: dict[str, Callable[[int], object]] = {
        **{f"gunzip, {name}": _inflating(bodies, backend) for name, backend in BACKENDS.items()},
        "orderly: JSON to rows": lambda page: quick.read(texts[page]),
        "with an unknown key: refused": lambda page: quick.read(strange[page]),
        "then parsed and decoded": lambda page: decoder.decode(
            orjson.loads(strange[page])["result"], strange[page]
        ),
        "floor: orjson": lambda page: orjson.loads(texts[page]),
        "floor: pa.array": lambda page: pa.array(parsed[page], STRUCT),
    }
    size = sum(map(len, texts)) / _PAGES / 1e6
    figures = beside(work, rounds)
    ours = figures["orderly: JSON to rows"]
    return figures | {
        "MB of a page": round(size, 2),
        "pages a second": round(1000 / ours),
        "MB a second": round(size * 1000 / ours),
    }


def _inflating(bodies: list[bytes], backend: object) -> Callable[[int], object]:
    return lambda page: gunzip(bodies[page], 1 << 26, backend)


def writing(rounds: int) -> dict[str, float]:
    """A draft of twelve pages: written, hashed, synced and read back."""
    quick = OrderlyReader(CALLS)
    found = [quick.read(text) for text in pages()]
    batches = [orderly.batch for orderly in found if orderly is not None]
    least, size = float("inf"), 0
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(rounds):
            began = time.process_time()
            writer = DraftWriter(Path(folder) / "draft", arrow_schema(CALLS), sorted_by=(CALLS.time_field,))
            for batch in batches:
                writer.write(batch)
            draft = writer.finish({})
            least = min(least, time.process_time() - began)
            size = draft.bytes
    return {
        "ms a page": round(least / _PAGES * 1000, 2),
        "Arrow MB a second": round(sum(batch.nbytes for batch in batches) / least / 1e6),
        "bytes a row": round(size / _PAGES / _PAGE),
    }


def pacing() -> dict[str, float]:
    """Most requests in any sliding second at 200 a second, and the share of the budget used."""

    async def passes() -> list[float]:
        pace, loop, moments = Pace(_PACE), asyncio.get_running_loop(), list[float]()
        for _ in range(_PASSES):
            await pace.leave()
            moments.append(loop.time())
        return moments

    moments = asyncio.run(passes())
    share = (len(moments) - 1) / (moments[-1] - moments[0]) / _PACE
    return {"budget": _PACE, "most in a second": busiest_second(moments), "share used": round(share, 3)}


def signing(rounds: int) -> dict[str, float]:
    """Processor milliseconds of a token: signed once, then kept."""
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
    clock = [time.time()]
    tokens = TokenSource(Credentials(account_id=1, key_id="k", private_key=key), now=lambda: clock[0])
    signed, kept = list[float](), list[float]()
    for _ in range(rounds * 5):
        clock[0] += 86_400  # the one before is too old
        for taken in (signed, kept):
            began = time.process_time()
            tokens.token()
            taken.append((time.process_time() - began) * 1000)
    return {"signed ms": round(statistics.median(signed), 3), "kept ms": round(statistics.median(kept), 4)}


def starting(rounds: int) -> dict[str, float]:
    """Processor milliseconds to start, beside a bare Python."""
    commands = {
        "python -c pass": ["-c", "pass"],
        "import harvester": ["-c", "import harvester"],
        "harvester --help": ["-m", "harvester", "--help"],
        "import harvester.harvest": ["-c", "import harvester.harvest"],
    }
    started = {name: partial(run, [sys.executable, *flags]) for name, flags in commands.items()}
    costs = turns(started, rounds)
    return {name: round(median(taken).cpu * 1000) for name, taken in costs.items()}


def measure(rounds: int) -> dict[str, dict[str, float]]:
    """All of it."""
    return {
        "decode, ms of a processor a page of 1,000": decoding(rounds),
        "write": writing(rounds),
        "pace": pacing(),
        "sign": signing(rounds),
        "start, ms of a processor": starting(rounds),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    print(json.dumps(measure(parser.parse_args().rounds), indent=2))
