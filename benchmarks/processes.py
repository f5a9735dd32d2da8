"""``python -m benchmarks.processes``: ``backfill --processes N`` against N straight lines side by side.

How much a second core is worth depends on the machine, so N processes are compared with what N floors reach
on it at the same moment. The floors share what the harvester asked, every N-th question each. All of them are
served by one process of known answers, whose share of a core is among the figures: far below one, it is not
the limit, and it takes from every contender alike. What processor time costs more when both cores are busy,
the floors tell, too.
"""

import argparse
import json
import sys
import tempfile
from functools import partial
from pathlib import Path

from benchmarks.contest import Cost, Server, median, ratio, run, server, turns
from benchmarks.floor import backfill, figures
from benchmarks.side_by_side import SEPARATOR


def floors(source: Server, folder: Path, count: int) -> Cost:
    """So many straight lines at once, over what was asked first."""
    questions = json.loads((folder / "questions.json").read_text())
    command = [sys.executable, "-m", "benchmarks.side_by_side"]
    for number in range(count):
        part = folder / f"questions-{number}.json"
        part.write_text(json.dumps(questions[number::count]))
        file = str(folder / f"floor-{number}.parquet")
        command += [
            SEPARATOR,
            sys.executable,
            "-m",
            "benchmarks.straight_line",
            source.endpoint,
            str(part),
            file,
        ]
    return run(command, source=source)


def measure(sessions: int, rounds: int, processes: int, *flags: str) -> dict[str, object]:
    """The figures of one and of ``processes`` processes, and of as many floors, and their ratios."""
    several = f"{processes} processes"
    with tempfile.TemporaryDirectory() as name, server(Path(name), sessions=sessions) as source:
        folder = Path(name)
        harvest = partial(backfill, source, folder / "lake", *flags)
        for count in (1, processes, processes):  # what is asked differs; all of it is to be known
            harvest("--processes", str(count))
        (folder / "questions.json").write_text(json.dumps(source.ask("questions")))
        costs = turns(
            {
                "1 process": partial(harvest, "--processes", "1"),
                several: partial(harvest, "--processes", str(processes)),
                "1 floor": partial(floors, source, folder, 1),
                f"{processes} floors": partial(floors, source, folder, processes),
            },
            rounds,
        )
    one, many, floor, beside = costs.values()
    return {
        "sessions": sessions,
        f"rows per second of {several}, of as many floors'": 1 / ratio(many, beside, "wall"),
        f"processor seconds of {several}, of one process's": ratio(many, one, "cpu"),
        f"processor seconds of {processes} floors, of one floor's": ratio(beside, floor, "cpu"),
        f"requests of {several}, of one process's": ratio(many, one, "requests"),
        f"rows per second of {several}, of one process's": 1 / ratio(many, one, "wall"),
        f"rows per second of {processes} floors, of one floor's": 1 / ratio(beside, floor, "wall"),
        **{who: figures(median(runs), sessions) for who, runs in costs.items()},
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--sessions", type=int, default=400_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--processes", type=int, default=2)
    options, more = parser.parse_known_args()
    print(json.dumps(measure(options.sessions, options.rounds, options.processes, *more), indent=2))
