"""``python -m benchmarks.peers``: other loaders and the harvester in turns, on the same answers 50 ms away.

Each library lives in an environment of its own, made from the list beside this file that has its name, unless
the folder that ``--environments`` names has it.
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
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import duckdb
import jwt

from benchmarks.contest import Cost, Server, median, ratio, run, server, turns
from benchmarks.floor import backfill

_LATENCY = 0.05
_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Peer:
    """Another loader.

    Attributes:
        library: Names its environment.
        module: Runs it.
        flags: What else the module is told.
        files: What it leaves in its lake.
    """

    library: str
    module: str
    flags: tuple[str, ...] = ()
    files: str = "calls.parquet"


PEERS = {
    "dlt, rest_api": Peer("dlt", "dlt_default", files="**/calls/*.parquet"),
    "dlt, hand-written, Arrow": Peer("dlt", "dlt_arrow", files="**/calls/*.parquet"),
    "airbyte-cdk, declarative": Peer("airbyte", "airbyte_declarative"),
    "airbyte-cdk, token given": Peer("airbyte", "airbyte_declarative", ("--token-given",)),
    "singer-sdk, BATCH": Peer("singer", "singer_batch", files="*.parquet"),
    "vendor's client in a loop": Peer("vendor", "vendor_loop"),
}
OURS: Mapping[str, tuple[str, ...]] = {"harvester": (), "harvester, 2 processes": ("--processes", "2")}


def environment(folder: Path, library: str) -> Path:
    """The interpreter of a peer's environment, made if it is not there."""
    python = folder / library / "bin" / "python"
    if not python.exists():
        venv.create(folder / library, with_pip=True)
        wanted = _HERE / f"{library}.txt"
        command = [str(python), "-m", "pip", "install", "--quiet", "--requirement", str(wanted)]
        subprocess.run(command, check=True, stdout=sys.stderr)  # noqa: S603  (our own lists)
    return python


def token(source: Server) -> str:
    """A token that is good for as long as the API allows."""
    key = json.loads(Path(source.credentials).read_text())
    now = int(time.time())
    claims = {"iss": str(key["account_id"]), "iat": now, "exp": now + 3_600}
    return jwt.encode(claims, key["private_key"], algorithm="RS256", headers={"kid": key["key_id"]})


def loaded(python: Path, peer: Peer, source: Server, folder: Path) -> Cost:
    """One whole run of a peer into an empty folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    given = (source.endpoint, token(source), str(folder), source.credentials, *peer.flags)
    return run([str(python), "-m", f"benchmarks.peers.{peer.module}", *given], source=source)


def rows(files: str) -> int:
    """Different sessions in the files."""
    query = f"SELECT count(DISTINCT call_session_history_id) FROM read_parquet('{files}')"
    found = duckdb.execute(query).fetchone()
    return int(found[0]) if found else 0


def measure(sessions: int, rounds: int, environments: Path) -> dict[str, object]:
    """By contender: speed, processor time, memory, requests, and sessions that are not there."""
    pythons = {name: environment(environments, peer.library) for name, peer in PEERS.items()}
    with (
        tempfile.TemporaryDirectory() as name,
        server(Path(name), sessions=sessions, latency=_LATENCY) as source,
    ):
        folders = {title: Path(name) / f"{number}" for number, title in enumerate((*OURS, *PEERS))}
        contenders: dict[str, Callable[[], Cost]] = {}
        for title, flags in OURS.items():
            folders[title].mkdir()
            contenders[title] = partial(backfill, source, folders[title] / "lake", *flags)
        for title, peer in PEERS.items():
            contenders[title] = partial(loaded, pythons[title], peer, source, folders[title])
        costs = turns(contenders, rounds)
        files = dict.fromkeys(OURS, "calls/**/*.parquet") | {
            title: peer.files for title, peer in PEERS.items()
        }
        held = {title: rows(f"{folders[title]}/lake/{pattern}") for title, pattern in files.items()}
    return {title: _figures(costs, title, sessions, held[title]) for title in costs}


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
