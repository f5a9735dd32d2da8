"""SIGKILL while a report is ordered and fetched, and while files are: nothing is done twice at the vendor.

The whole client runs here, over a network in memory; the vendor remembers what it was made to do.
"""

import hashlib
import json
import shutil
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import duckdb
import pytest

from tests.disk.bench import SCALE, Case, Mode, Server, fresh
from tests.disk.served import FILE_BYTES, PAYMENTS, RECORDED, SESSIONS
from tests.simulation.vendor import Memory

pytestmark = pytest.mark.large
STEP = 1 if SCALE > 1 else 12  # changes between two kills
LINKS = len(SESSIONS) + 2 * len(RECORDED) - 1  # a log each; recordings, all but one with a transcript


def remembered(case: Case, what: str) -> list[dict[str, Any]]:
    """What the vendor was made to do, oldest first."""
    return list(Memory(case.folder / "vendor").notes(what))


def rows(case: Case, folder: str, columns: str) -> list[tuple[Any, ...]]:
    """What a reader sees."""
    if not list(case.lake.glob(f"{folder}/**/*.parquet")):
        return []
    files = f"read_parquet('{case.lake}/{folder}/**/*.parquet', hive_partitioning = false)"
    return duckdb.execute(f"SELECT {columns} FROM {files} ORDER BY ALL").fetchall()


def left(case: Case) -> list[Path]:
    """What lies in the workshop and should not, at the end."""
    work = case.lake / "_harvester"
    found = [*work.glob("spool/**/*"), *work.glob("tmp/**/*"), *work.glob("recordings/**/*")]
    return [path for path in found if path.is_file()]


def _killed_by_report(server: Server, at: int) -> tuple[bool, int]:
    """Whether a kill at that change came, and how many reports were ordered by then."""
    sent = [(item["transaction_id"], item["amount"]) for item in PAYMENTS]
    with fresh(server) as case:
        killed = case.attempt(Mode.KILL, at, does="report").killed
        assert set(rows(case, "transactions", "transaction_id, amount")) <= set(sent)
        ordered = len(remembered(case, "report"))
        if killed:
            assert case.attempt(does="report").outcomes == ("complete",)
        assert rows(case, "transactions", "transaction_id, amount") == sent
        assert len(remembered(case, "report")) == 2, "each is ordered once"
        assert not left(case)
        return killed, ordered


def test_killed_before_every_change_of_a_reading_by_report(server: Server) -> None:
    """P2, P5: each report is ordered once, whenever the kill comes, and readers see whole days only.

    Before some by default, and before each that lies near an order.
    """
    before = 0
    for at in count(1, STEP):
        killed, ordered = _killed_by_report(server, at)
        for near in range(at - STEP + 1, at) if ordered > before else ():
            _killed_by_report(server, near)
        if not killed:
            assert at > 50, "it is more than a few changes"
            return
        before = ordered


@pytest.fixture(scope="module", name="harvested")
def _harvested(server: Server) -> Any:
    with fresh(server) as case:
        assert case.attempt(does="calls").outcomes == ("complete",)
        yield case.lake


def check_files(case: Case) -> int:
    """What is called stored is the vendor's; what was deleted was stored before. Returns how many are."""
    stored = rows(case, "recordings", "url, path, sha256, record_id, status")
    assert len({url for url, *_ in stored}) == len(stored)
    for url, path, digest, *_ in stored:
        content = (case.lake / path).read_bytes()
        seed = hashlib.sha256(urlsplit(url).path.encode()).digest()
        assert content == hashlib.shake_256(seed).digest(FILE_BYTES)
        assert hashlib.sha256(content).hexdigest() == digest
    known = {path for _, path, *_ in stored} | set(_journalled(case.lake))
    lying = {str(path.relative_to(case.lake)) for path in case.lake.glob("recordings/*/_files/*")}
    assert lying <= known
    for asked in remembered(case, "removed"):
        assert asked["intended"], "written down before it was asked for"
        mine = [path for path in lying if f"/{asked['number'] // 10}-" in path and "-log." not in path]
        assert len(mine) == (1 if asked["number"] == 10 else 2), (
            "the recording and its transcript are on disk"
        )
    return len(stored)


def _journalled(lake: Path) -> list[str]:
    paths = lake.glob("_harvester/recordings/*.jsonl")
    lines = [line for path in paths for line in path.read_bytes().splitlines()]
    return [json.loads(line)["path"] for line in filter(None, lines)]


def test_killed_before_every_change_of_a_fetching_of_files(server: Server, harvested: Path) -> None:
    """P4, P5: files are whole or not there, and nothing is deleted at the vendor that is not."""
    at = 1
    while True:
        with fresh(server) as case:
            shutil.copytree(harvested, case.lake)
            killed = case.attempt(Mode.KILL, at, does="files").killed
            check_files(case)
            if killed:
                assert case.attempt(does="files").outcomes == ("complete",)
            assert check_files(case) == LINKS
            deleted = {asked["number"] for asked in remembered(case, "removed")}
            assert deleted == {key * 10 for key in RECORDED}
            gone = rows(case, "recordings", "count(*) FILTER (deleted_at IS NOT NULL)")
            assert gone == [(2 * len(RECORDED) - 1,)]
            assert not left(case)
            if not killed:
                assert at > 100, "it is more than a few changes"
                return
        at += STEP
