"""``python -m benchmarks.budget``: how much of the budget a backfill uses, by latency and budget.

In virtual time: waiting takes none, and neither does decoding, so this measures what the plan and the pacing
make of a budget, apart from how fast the machine is. Pages have ten records, and caps to match, so that
thousands of requests take a minute. Client, planner, reader and lake are the real ones.
"""

import argparse
import asyncio
import json
import logging
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import structlog

from harvester import harvest
from harvester.api.client import Client
from harvester.api.persistence import Meter
from harvester.api.reply import Receiver, Reply
from harvester.config import Job
from harvester.datasets import CALLS
from harvester.emulator import SyntheticAccount
from harvester.emulator.counts import busiest_second
from harvester.emulator.render import Nested
from harvester.harvest import Backfill
from harvester.window import Window, as_second
from tests.virtual_time import VirtualTimeLoop

LATENCIES = (0.1, 0.3, 1.0)
RATES = (5, 20, 100, 500)
_DATASET = replace(CALLS, page_size=10, max_offset=100)
_SPAN = Window(1_704_067_200, 1_704_067_200 + 30 * 86_400)
_MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108  (each commit is synced; time is not)
_SPARE = 2  # times the requests that are under way when the budget is used up
_MOST, _SECONDS = 12_000, 600  # requests of a run, and seconds of its budget, at most


@dataclass(slots=True)
class Far:
    """The API, so many seconds away; it notes when each request leaves."""

    account: SyntheticAccount
    latency: float
    left: list[float] = field(default_factory=list)

    async def post(
        self,
        _method: str,
        form: Mapping[str, str],
        *,
        leave: Callable[[], Awaitable[str]],
        into: Receiver | None = None,
    ) -> Reply:
        """One answer."""
        assert into is None  # noqa: S101  (nobody asks for a file)
        await leave()
        self.left.append(asyncio.get_running_loop().time())
        await asyncio.sleep(self.latency)
        first = self.account.rank(as_second(form["from_date"]))
        last = self.account.rank(as_second(form["to_date"]) + 1)
        start = first + int(form["offset"])
        wanted = range(start, max(start, min(start + int(form["count"]), last)))
        rows = self.account.render(self.account.entries(wanted), Nested(calls=False))
        head = b'{"count":%d,"total_count":%d,"result":[' % (len(rows), last - first)
        return Reply(200, {}, head + b",".join(rows) + b"]}")


class _Tokens:
    """A token that is always good."""

    skew = 0.0

    def token(self) -> str:
        return "token"

    def observe_date(self, _date: str | None) -> None:
        return None


def share(latency: float, rate: float, most: int = _MOST) -> dict[str, float]:
    """What a run of ``most`` requests makes of ``rate`` a second, ``latency`` seconds away."""
    requests = min(most, round(rate * _SECONDS))
    account = SyntheticAccount(requests * _DATASET.page_size, _SPAN.start, _SPAN.end, shape="uniform")
    far, tokens = Far(account, latency), _Tokens()
    concurrency = max(8, round(rate * latency * _SPARE))

    @asynccontextmanager
    async def connected(_job: Job, _credentials: object, meter: Meter, **more: Any) -> AsyncIterator[Client]:  # noqa: ANN401
        random = Random(1)  # noqa: S311  (nothing is retried)
        anyone: Any = tokens
        yield Client(
            far,
            anyone,
            rate=rate,
            concurrency=concurrency,
            random=random,
            now=more["now"],
            meter=meter,
            quick=more["quick"],
        )

    vars(harvest)["connected"] = connected
    with tempfile.TemporaryDirectory(dir=_MEMORY) as lake:
        job = Job(
            dataset=_DATASET,
            name="calls",
            window=_SPAN,
            lake=Path(lake),
            credentials=Path("none"),
            rate=rate,
            concurrency=concurrency,
            partition="month",
        )
        credentials: Any = SimpleNamespace(account_id=1)
        loop = VirtualTimeLoop()
        report = loop.run_until_complete(Backfill(job, credentials, now=lambda: _SPAN.end + 1e8).run())
        loop.close()
    assert report.outcome == "complete"  # noqa: S101  (else the figures are of something else)
    seconds = far.left[-1] - far.left[0] + 1 / rate
    return {
        "share": round(len(far.left) / seconds / rate, 4),
        "seconds lost": round(seconds - len(far.left) / rate, 2),
        "seconds": round(seconds, 1),
        "most in a second": busiest_second(far.left),
        "requests": len(far.left),
        "least requests": requests,
    }


def measure(most: int) -> dict[str, dict[str, float]]:
    """All of them, by name."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    figures = {}
    for rate in RATES:
        for latency in LATENCIES:
            began = time.perf_counter()
            name = f"{rate}/s, {latency * 1000:.0f} ms"
            figures[name] = share(latency, rate, most)
            print(name, figures[name], f"{time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
    return figures


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--requests", type=int, default=_MOST, help="of a run, at most")
    print(json.dumps(measure(parser.parse_args().requests), indent=2))
