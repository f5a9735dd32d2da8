"""``python -m benchmarks.scale``: does a row cost the same in a long run, and does memory stay where it is?

The emulator renders at need here, because the answers to ten million sessions do not fit into memory; so the
clock measures the emulator, and only processor seconds and memory of the harvester count.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.contest import Cost, run, server
from harvester.lake.catalog import Catalog
from harvester.lake.entries import ProvenWindow
from harvester.lake.layout import Granularity, Layout
from harvester.lake.ledger import Ledger
from harvester.lake.opening import entered
from harvester.lake.spool import Spool
from harvester.plan.density import Density
from harvester.plan.frontier import Frontier
from harvester.todo import missing, stretch
from harvester.window import Window

START, END = "2024-01-01", "2024-03-01"
_FIRST = 1_704_067_200  # START
_WINDOW = 60  # seconds


def backfill(sessions: int) -> Cost:
    """One run over so many sessions in the same two months."""
    with (
        tempfile.TemporaryDirectory() as folder,
        server(Path(folder), sessions=sessions, keep="false") as source,
    ):
        return run(
            [
                *(sys.executable, "-m", "harvester", "backfill", "--quiet"),
                *("--from", START, "--to", END, "--lake", f"{folder}/lake", "--rate", "none"),
                *("--endpoint", source.endpoint, "--credentials", source.credentials),
            ],
            source=source,
        )


def many_windows(count: int) -> dict[str, float]:
    """Processor seconds to open a ledger of ``count`` windows, half of them proven, and to go on."""
    with tempfile.TemporaryDirectory() as folder:
        layout = Layout(Path(folder), "calls")
        layout.make()
        whole = Window(_FIRST, _FIRST + count * _WINDOW)
        starts = range(whole.start, whole.end, 2 * _WINDOW)
        with entered(layout, started=0.0) as database:
            ledger = Ledger(database, "calls")
            ledger.claim(1, {}, 0.0)
            ledger.record(
                whole,
                proven=[ProvenWindow(Window(start, start + _WINDOW), 9) for start in starts],
                waiting=[Window(start + _WINDOW, start + 2 * _WINDOW) for start in starts],
                run=ledger.begin(whole, 0.0),
            )
        began = time.process_time()
        with entered(layout, started=1.0) as database:
            opened = time.process_time()
            ledger, catalog = Ledger(database, "calls"), Catalog(database, "calls")
            todo = missing(ledger, catalog, whole, Granularity.DAY)
            Spool(layout.spool).keep_only(ledger.window_starts())
            frontier = Frontier(
                stretch(ledger, todo).leases, Density(ledger.facts()), reach=11_000, fetchers=3
            )
            resumed = time.process_time()
    return {
        "windows": frontier.windows,
        "open s": round(opened - began, 3),
        "resume s": round(resumed - opened, 3),
    }


def measure(sizes: list[int], windows: int) -> dict[str, object]:
    """What a run takes by sessions, and what a ledger takes by windows."""
    runs = {}
    for sessions in sizes:
        cost = backfill(sessions)
        runs[sessions] = {
            "cpu s": round(cost.cpu, 1),
            "cpu ms per 1,000": round(cost.cpu / sessions * 1e6, 2),
            "memory MiB": round(cost.memory),
            "requests": cost.requests,
            "wall s": round(cost.wall),
        }
        print(f"{sessions:,} sessions: {runs[sessions]}", file=sys.stderr, flush=True)
    return {"runs": runs, "ledger": many_windows(windows)}


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--sessions", type=int, nargs="*", default=[200_000, 2_000_000, 10_000_000])
    parser.add_argument("--windows", type=int, default=100_000)
    options = parser.parse_args()
    print(json.dumps(measure(options.sessions, options.windows), indent=2))
