"""``make bench``: every benchmark, one after the other, into ``benchmarks/RESULTS.md`` and plots."""

import argparse
import json
import platform
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks.plots import draw

_HERE = Path(__file__).parent
_PACKAGES = ("aiohttp", "orjson", "pyarrow", "isal")
QUESTIONS: Mapping[str, tuple[str, list[str]]] = {
    "floor": ("Against a straight line over the same answers", ["-m", "benchmarks.floor"]),
    "peers": ("Against other loaders, 50 ms away", ["-m", "benchmarks.peers"]),
    "budget": ("Share of the budget used, in virtual time", ["-m", "benchmarks.budget"]),
    "processes": ("Several processes against as many straight lines", ["-m", "benchmarks.processes"]),
    "scale": ("More sessions, more windows", ["-m", "benchmarks.scale"]),
    "micro": ("The parts", ["-m", "benchmarks.micro"]),
    "storage": ("Compression, row groups, dictionaries", ["-m", "benchmarks.storage"]),
}
REHEARSALS: Mapping[str, Sequence[str]] = {
    "floor": ("--sessions", "5000", "--rounds", "1"),
    "peers": ("--sessions", "3000", "--rounds", "1"),
    "budget": ("--requests", "30"),
    "processes": ("--sessions", "5000", "--rounds", "1"),
    "scale": ("--sessions", "5000", "10000", "--windows", "1000"),
    "micro": ("--rounds", "1"),
    "storage": ("--rows", "5000", "--rounds", "1"),
}


def main() -> int:
    """Run what is asked for, keep the figures as JSON, and write the page anew from all that is kept."""
    parser = argparse.ArgumentParser()
    parser.add_argument("questions", nargs="*", metavar="QUESTION", help=f"of {', '.join(QUESTIONS)}")
    parser.add_argument("--only-write", action="store_true", help="run nothing")
    parser.add_argument(
        "--rehearse", type=Path, metavar="FOLDER", help="small sizes, which tell nothing, written to FOLDER"
    )
    options = parser.parse_args()
    results = options.rehearse or _HERE
    figures = results / "figures"
    figures.mkdir(parents=True, exist_ok=True)
    for name in () if options.only_write else options.questions or QUESTIONS:
        print(f"{name}: {QUESTIONS[name][0]}", flush=True)
        command = [
            sys.executable,
            *QUESTIONS[name][1],
            *(REHEARSALS.get(name, ()) if options.rehearse else ()),
        ]
        printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout  # noqa: S603  (ours)
        kept = {"about": _about(), "figures": json.loads(printed)}
        (figures / f"{name}.json").write_text(json.dumps(kept, indent=1) + "\n")
    kept = {
        name: json.loads(file.read_text())
        for name in QUESTIONS
        if (file := figures / f"{name}.json").exists()
    }
    draw({name: item["figures"] for name, item in kept.items()}, figures)
    (results / "RESULTS.md").write_text(_page(kept, figures))
    return 0


def _about() -> str:
    """Where and when: machine, versions, commit."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],  # noqa: S607  (whichever git there is)
        check=False,
        capture_output=True,
        text=True,
    ).stdout.strip()
    versions = ", ".join(f"{name} {found}" for name in _PACKAGES if (found := _version(name)))
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, commit {commit or 'unknown'}, Python {platform.python_version()},"
        f" {_processor()}, {versions}"
    )


def _version(package: str) -> str | None:
    try:
        return version(package)
    except ModuleNotFoundError:
        return None


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{len(models)} cores of {models[0]}" if models else platform.machine()


def _page(kept: Mapping[str, Mapping[str, object]], figures: Path) -> str:
    parts = [(_HERE / "preface.md").read_text()]
    for name, item in kept.items():
        parts += [f"## {QUESTIONS[name][0]}\n", f"{item['about']}.\n", _table(item["figures"])]
        if (figures / f"{name}.svg").exists():
            parts.append(f"![{QUESTIONS[name][0]}](figures/{name}.svg)\n")
    return "\n".join(parts)


def _table(figures: object) -> str:
    """Tables of whatever nests: the innermost mappings are rows."""
    assert isinstance(figures, dict)  # noqa: S101  (each benchmark prints one)
    plain = {key: value for key, value in figures.items() if not isinstance(value, dict)}
    rows = {key: value for key, value in figures.items() if isinstance(value, dict)}
    flat = rows and not any(isinstance(cell, dict) for row in rows.values() for cell in row.values())
    text = _rows(("", "figure"), list(plain.items())) if plain else ""
    if flat and len({tuple(row) for row in rows.values()}) == 1:
        columns = list(next(iter(rows.values())))
        text += "\n" + _rows(("", *columns), [(key, *row.values()) for key, row in rows.items()])
        return text
    return text + "\n".join(f"\n**{key}**\n\n{_table(value)}" for key, value in rows.items())


def _rows(head: tuple[str, ...], rows: list[tuple[object, ...]]) -> str:
    cells: Callable[[tuple[object, ...]], str] = lambda row: "| " + " | ".join(map(_cell, row)) + " |"  # noqa: E731
    return "\n".join([cells(head), "|" + "---|" * len(head), *map(cells, rows)]) + "\n"


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1_000 else f"{value:,.0f}"  # noqa: PLR2004  (readable either way)
    return f"{value:,}" if isinstance(value, int) else str(value)


if __name__ == "__main__":
    sys.exit(main())
