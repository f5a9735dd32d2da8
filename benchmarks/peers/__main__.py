"""``python -m benchmarks.peers``: other loaders and the harvester in turns, on the same answers 50 ms away.

Each peer lives in an environment of its own, made from ``benchmarks/peers/requirements.txt`` unless
``--environments`` names a folder that has it.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import duckdb
import jwt

from benchmarks.contest import Cost, Server, median, ratio, run, server, turns
from benchmarks.floor import backfill

PEERS = {
    "dlt, rest_api": ("dlt_default", "**/calls/*.parquet"),
    "dlt, hand-written, Arrow": ("dlt_arrow", "**/calls/*.parquet"),
    "vendor's client in a loop": ("vendor_loop", "calls.parquet"),
}
_LATENCY = 0.05
_HERE = Path(__file__).parent


def environment(folder: Path) -> Path:
    """The interpreter of the peers' environment, made if it is not there."""
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
        command = [str(python), "-m", "pip", "install", "--quiet", "-r", str(_HERE / "requirements.txt")]
        subprocess.run(command, check=True)  # noqa: S603  (our own list)
    return python


def token(source: Server) -> str:
    """A token that is good for as long as the API allows."""
    key = json.loads(Path(source.credentials).read_text())
    now = int(time.time())
    claims = {"iss": str(key["account_id"]), "iat": now, "exp": now + 3_600}
    return jwt.encode(claims, key["private_key"], algorithm="RS256", headers={"kid": key["key_id"]})


def loaded(python: Path, module: str, source: Server, folder: Path) -> Cost:
    """One whole run of a peer into an empty folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    command = [str(python), "-m", f"benchmarks.peers.{module}", source.endpoint, token(source), str(folder)]
    return run(command, source=source)


def rows(files: str) -> int:
    """Different sessions in the files."""
    query = f"SELECT count(DISTINCT call_session_history_id) FROM read_parquet('{files}')"
    found = duckdb.execute(query).fetchone()
    return int(found[0]) if found else 0


def measure(sessions: int, rounds: int, environments: Path) -> dict[str, object]:
    """By contender: speed, processor time, memory, requests, and sessions that are not there."""
    python = environment(environments)
    with (
        tempfile.TemporaryDirectory() as name,
        server(Path(name), sessions=sessions, latency=_LATENCY) as source,
    ):
        folder = Path(name)
        contenders: dict[str, Callable[[], Cost]] = {
            "harvester": lambda: backfill(source, folder / "harvester" / "lake")
        }
        for peer, (module, _) in PEERS.items():
            contenders[peer] = partial(loaded, python, module, source, folder / module)
        (folder / "harvester").mkdir()
        costs = turns(contenders, rounds)
        files = {"harvester": "harvester/lake/calls/**/*.parquet"}
        files |= {peer: f"{module}/lake/{pattern}" for peer, (module, pattern) in PEERS.items()}
        held = {peer: rows(f"{folder}/{pattern}") for peer, pattern in files.items()}
    return {peer: _figures(costs, peer, sessions, held[peer]) for peer in costs}


def _figures(costs: Mapping[str, list[Cost]], peer: str, sessions: int, held: int) -> dict[str, float]:
    cost = median(costs[peer])
    return {
        "rows/s": round(sessions / cost.wall),
        "harvester is faster by": round(ratio(costs[peer], costs["harvester"], "wall"), 2),
        "cpu s": round(cost.cpu, 1),
        "cpu, of the harvester's": round(ratio(costs[peer], costs["harvester"], "cpu"), 2),
        "memory MiB": round(cost.memory),
        "requests": cost.requests,
        "rows missing": sessions - held,
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--sessions", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--environments", type=Path, default=Path(".venv/peers"))
    options = parser.parse_args()
    figures = measure(options.sessions, options.rounds, options.environments.absolute())
    print(json.dumps(figures, indent=2))
    sys.exit(0)
