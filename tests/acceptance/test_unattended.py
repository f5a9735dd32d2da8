"""A run that nobody listens to any more: it is about its lake, and its code tells how that went."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harvester.inspection import holdings
from tests.acceptance.process import Served, served_process

RANGE = ["--from", "2024-01-01", "--to", "2024-01-03", "--rate", "none"]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """An emulator in its own process, for the whole module."""
    folder = tmp_path_factory.mktemp("emulator")
    with served_process(folder, "--sessions", "6000", "--to", "2024-01-04") as it:
        yield it


def _backfill(served: Served, lake: Path, *options: str) -> list[str]:
    program = [sys.executable, "-m", "harvester", "backfill", *RANGE, "--lake", str(lake)]
    return [*program, *served.options, "--json", *options]


@pytest.mark.parametrize("more", [[], ["--processes", "2"]], ids=["alone", "processes"])
def test_whoever_read_the_log_went_away(served: Served, tmp_path: Path, more: list[str]) -> None:
    """Log lines that nobody can have are dropped: the run completes its lake, and says so."""
    reading, writing = os.pipe()
    os.close(reading)
    command = _backfill(served, tmp_path / "lake", "--verbose", *more)
    ended = subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=writing)  # noqa: S603  (our own program)
    os.close(writing)
    assert ended.returncode == 0
    assert json.loads(ended.stdout)["outcome"] == "complete"
    (held,) = holdings(tmp_path / "lake")
    assert [run.outcome for run in held.runs] == ["complete"]


@pytest.mark.parametrize("form", [[], ["--json"]], ids=["table", "json"])
def test_whoever_read_the_summaries_went_away(served: Served, tmp_path: Path, form: list[str]) -> None:
    """All datasets are harvested, and brought up to date, whether or not somebody reads of the first."""
    reading, writing = os.pipe()
    os.close(reading)
    program, lake = [sys.executable, "-m", "harvester"], ["--lake", str(tmp_path / "lake"), *served.options]
    for command in (["backfill", *RANGE, "--dataset", "all"], ["sync", "--rate", "none"]):
        whole = [*program, *command, *lake, *form]
        ended = subprocess.run(whole, check=False, stdout=writing, stderr=subprocess.PIPE, text=True)  # noqa: S603  (our own program)
        assert ended.returncode == 0, ended.stderr
        assert "refused" not in ended.stderr
        held = holdings(tmp_path / "lake")
        assert [item.name for item in held] == ["acd", "audit", "calls", "transactions"]
        assert all(item.coverage for item in held)
    os.close(writing)
    assert all(len(item.runs) > 1 for item in holdings(tmp_path / "lake"))


@pytest.mark.parametrize("more", ["--log-format=console", "--log-format=json", "--processes=2"])
def test_no_stream_is_open(served: Served, tmp_path: Path, more: str) -> None:
    """Neither stdin nor stdout nor stderr: the lake is complete all the same."""
    command = ["/bin/sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *_backfill(served, tmp_path / "lake", more)]
    assert subprocess.run(command, check=False).returncode == 0  # noqa: S603  (our own program)
    (held,) = holdings(tmp_path / "lake")
    assert [run.outcome for run in held.runs] == ["complete"]
