"""``python -m tests.simulation --seeds 0:2000 --jobs 2``: runs seeds, prints totals, shows what failed.

Each failing seed is told with how to replay it. Every fiftieth seed runs twice and must go the same way.
"""

import argparse
import multiprocessing
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache

import duckdb

from tests.simulation.lake import reader
from tests.simulation.life import warm
from tests.simulation.world import Outcome, simulate

_TWICE_EVERY = 50
_SHOWN_LINES = 60
_MOST_SHOWN = 20  # failures that are shown; all are counted


def main() -> int:
    """Run what the command line asks for; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", default="0:2000", help="FIRST:LAST, the last is not run; or seeds: 3,14")
    parser.add_argument("--jobs", type=int, default=1, help="processes side by side")
    parser.add_argument("--trace", action="store_true", help="show all that happened in each seed")
    options = parser.parse_args()
    seeds = _seeds(options.seeds)
    started = time.perf_counter()
    warm()
    failures, totals, digests = 0, Counter[str](), 0
    for outcome in _outcomes(seeds, options.jobs):
        totals += outcome.counts
        digests ^= int(outcome.digest, 16)
        failures += bool(outcome.wrong)
        if options.trace or (outcome.wrong and failures <= _MOST_SHOWN):
            _show(outcome, len(outcome.trace) if options.trace else _SHOWN_LINES)
    counted = ", ".join(f"{count} {what}" for what, count in sorted(totals.items()))
    print(f"{len(seeds)} seeds in {time.perf_counter() - started:.0f} s: {counted}")
    print(f"{failures} failures; all that happened has the digest {digests:064x}")
    if not failures:
        print(f"no failure in {len(seeds)} runs: a rate below {3 / len(seeds):.2g}, at 95 %")
    return 1 if failures else 0


def _seeds(text: str) -> Sequence[int]:
    first, colon, last = text.partition(":")
    return range(int(first), int(last)) if colon else [int(seed) for seed in text.split(",")]


def _outcomes(seeds: Sequence[int], jobs: int) -> Iterator[Outcome]:
    if jobs == 1:
        yield from map(_run, seeds)
        return
    with multiprocessing.get_context("fork").Pool(jobs) as pool:
        yield from pool.imap(_run, seeds, chunksize=4)


def _run(seed: int) -> Outcome:
    outcome = simulate(seed, _reader())
    if seed % _TWICE_EVERY == 0 and not outcome.wrong:
        again = simulate(seed, _reader())
        if outcome.digest != again.digest:
            pairs = zip(outcome.trace, again.trace, strict=False)
            first = next((line for line, other in pairs if line != other), "one trace is longer")
            outcome.wrong = f"it went otherwise the second time: {first}"
        outcome.counts["run twice"] += 1
    return outcome


@cache
def _reader() -> duckdb.DuckDBPyConnection:
    return reader()  # one in each process: a fork would share its memory and not its state


def _show(outcome: Outcome, lines: int) -> None:
    for line in outcome.trace[-lines:]:
        print(f"  {line}")
    if outcome.wrong:
        print(f"seed {outcome.seed}: {outcome.wrong}")
        print(f"  again: python -m tests.simulation --seeds {outcome.seed} --trace", flush=True)


if __name__ == "__main__":
    sys.exit(main())
