"""``python -m benchmarks.floor``: ``harvester backfill``, with all its promises, against a straight line.

Both get the same answers to the same questions: the floor repeats what the harvester asked. The harvester
writes a file a day, checksums, ledger and proof; the floor one file.
"""

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from benchmarks.contest import Cost, Server, median, ratio, run, server, turns
from benchmarks.server import END, START


def backfill(source: Server, lake: Path, *flags: str) -> Cost:
    """One whole run into an empty lake."""
    shutil.rmtree(lake, ignore_errors=True)
    command = [
        *(sys.executable, "-m", "harvester", "backfill", "--quiet"),
        *("--from", START, "--to", END, "--lake", str(lake), "--rate", "none"),
        *("--endpoint", source.endpoint, "--credentials", source.credentials, *flags),
    ]
    return run(command, source=source)


def straight_line(source: Server, folder: Path) -> Cost:
    """One run of the floor over what was asked first."""
    file = folder / "floor.parquet"
    command = [sys.executable, "-m", "benchmarks.straight_line", source.endpoint]
    return run([*command, str(folder / "questions.json"), str(file)], source=source)


def measure(sessions: int, rounds: int, *flags: str) -> dict[str, object]:
    """The figures of ``harvester`` and ``floor``, and their ratios."""
    with tempfile.TemporaryDirectory() as name, server(Path(name), sessions=sessions) as source:
        folder = Path(name)
        backfill(source, folder / "lake", *flags)
        (folder / "questions.json").write_text(json.dumps(source.ask("questions")))
        costs = turns(
            {
                "harvester": lambda: backfill(source, folder / "lake", *flags),
                "floor": lambda: straight_line(source, folder),
            },
            rounds,
        )
    ours, floor = costs["harvester"], costs["floor"]
    return {
        "sessions": sessions,
        "rows per second, of the floor's": 1 / ratio(ours, floor, "wall"),
        "processor seconds, of the floor's": ratio(ours, floor, "cpu"),
        **{who: figures(median(runs), sessions) for who, runs in costs.items()},
    }


def figures(cost: Cost, sessions: int) -> Mapping[str, float]:
    """A row of the table."""
    return {
        "rows/s": round(sessions / cost.wall),
        "cpu s per 1,000": round(cost.cpu / sessions * 1000, 5),
        "wall s": round(cost.wall, 2),
        "cpu s": round(cost.cpu, 2),
        "memory MiB": round(cost.memory),
        "requests": cost.requests,
        "rendered": cost.rendered,
        "server's share of a core": round(cost.server_share, 3),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--sessions", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3)
    options, flags = parser.parse_known_args()
    print(json.dumps(measure(options.sessions, options.rounds, *flags), indent=2))
