"""``python -m tests.fuzz``: every target in turn, guided by coverage, for some seconds in all."""

import argparse
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

KEPT = Path(".fuzz")
SHARES: Mapping[str, int] = MappingProxyType({"answer": 6, "headers": 1, "config": 2, "spool": 1})
_LIMITS = ("-timeout=10", "-rss_limit_mb=2048", "-max_len=16384", "-print_final_stats=1")


def main() -> int:
    """Fuzz every target, or one; returns 1 if one of them failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--target", choices=list(SHARES))
    arguments = parser.parse_args()
    names = [arguments.target] if arguments.target else list(SHARES)
    total = sum(SHARES[name] for name in names)
    return max([_run(name, arguments.seconds * SHARES[name] // total) for name in names])


def _run(name: str, seconds: int) -> int:
    command = [sys.executable, "-m", "tests.fuzz.run", name, f"-max_total_time={seconds}", *_LIMITS]
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)  # noqa: S603  (our own module)
    found = re.search(r"number_of_executed_units: (\d+)", done.stderr)
    edges = re.findall(r"cov: (\d+)", done.stderr)
    figures = f"{int(found[1]):,} executions, {edges[-1]} edges" if found and edges else "no figures"
    print(f"{name:8} {figures}, exit code {done.returncode}", flush=True)  # noqa: T201  (its table)
    if done.returncode:
        print(done.stderr[-6000:])  # noqa: T201  (what libFuzzer found)
    return int(done.returncode != 0)


if __name__ == "__main__":
    sys.exit(main())
