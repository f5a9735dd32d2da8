"""``python -m tests.mutants``: plants every bug, one at a time, and tells which test caught it.

A survivor is a hole in the tests. First the tests run without any bug: one that fails anyway catches nothing.
"""

import argparse
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from tests.mutants.run import judged, unable
from tests.mutants.table import MUTANTS

_SHOWN = 3_000  # characters of what pytest printed


def main() -> int:
    """Run what the command line asks for; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("--only", action="append", metavar="NAME", help="this one; may be given again")
    parser.add_argument("--jobs", type=int, default=1, help="side by side")
    parser.add_argument("--table", action="store_true", help="print the table of tests/README.md instead")
    options = parser.parse_args()
    chosen = [item for item in MUTANTS if not options.only or item.name in options.only]
    if options.table:
        print("\n".join(item.row for item in chosen))
        return 0
    started, survivors = time.perf_counter(), 0
    if why := unable(tuple(dict.fromkeys(test for item in chosen for test in item.caught_by))):
        print(f"{why[-_SHOWN:]}\nwithout any bug the tests do not pass")
        return 1
    with ThreadPoolExecutor(options.jobs) as pool:
        for verdict in pool.map(judged, chosen):
            name = f"{verdict.mutant.name:28} {verdict.seconds:4.1f} s "
            if verdict.caught_by:
                print(f"{name} caught by {verdict.caught_by}", flush=True)
            else:
                survivors += 1
                print(f"{name} SURVIVED: {verdict.mutant.breaks}\n{verdict.output[-_SHOWN:]}", flush=True)
    print(f"{len(chosen)} bugs in {time.perf_counter() - started:.0f} s: {survivors} survived")
    return 1 if survivors or not chosen else 0


if __name__ == "__main__":
    sys.exit(main())
