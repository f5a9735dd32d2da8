"""``harvester sync`` as a user meets it: what it prints, how it ends, what signals do."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harvester.cli.main import main
from tests.acceptance.process import Served, served_process

RANGE = ["--from", "2024-01-01", "--to", "2024-01-03"]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """An emulator in its own process, for the whole module."""
    folder = tmp_path_factory.mktemp("emulator")
    with served_process(folder, "--sessions", "3000", "--to", "2024-01-04") as it:
        yield it


def test_a_lake_that_a_backfill_began(
    served: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It goes on as it was begun, switches and partitions included, without being told again."""
    lake = ["--lake", str(tmp_path / "lake"), *served.options, "--rate", "none"]
    assert main(["backfill", *RANGE, *lake, "--partition", "month", "--no-records"]) == 0
    capsys.readouterr()
    assert main(["sync", *lake, "--json"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    first = json.loads(line)
    assert (first["name"], first["outcome"], first["gaps"]) == ("calls", "complete", [])
    assert first["rows"] > 0
    assert main(["sync", *lake]) == 0
    assert "calls: complete, covered up to " in capsys.readouterr().out
    assert len(list((tmp_path / "lake" / "calls").glob("month=*"))) == 1


def test_a_lake_that_begins_here(served: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With --from there need not be a lake; the health file tells the same as the line."""
    lake = ["--lake", str(tmp_path / "lake"), *served.options, "--rate", "none"]
    health = tmp_path / "health.json"
    begin = ["--from", "2024-01-01", "--dataset", "calls", "--health-file", str(health), "--json"]
    assert main(["sync", *lake, *begin]) == 0
    told = json.loads(capsys.readouterr().out)
    assert json.loads(health.read_text())["datasets"]["calls"]["covered"] == told["covered"]
    assert main(["status", "--lake", str(tmp_path / "lake"), "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["calls"]["coverage"]) == 1


@pytest.mark.parametrize(
    ("line", "variable", "said"),
    [
        ("redact-urls = true", "HARVESTER_REDACT_URLS=1", "--redact-urls"),
        ('partition = "month"', "HARVESTER_PARTITION=month", "--partition"),
        ('tables = "flat"', "HARVESTER_TABLES=flat", "--tables"),
        ("records = false", "HARVESTER_RECORDS=false", "--no-records"),
        ("user-id = [7, 9]", "HARVESTER_USER_ID=7 9", "--user-id"),
        ("min-waiting-time = 0", "HARVESTER_MIN_WAITING_TIME=0", "--min-waiting-time"),
    ],
)
def test_a_dataset_does_not_begin_without_what_was_said(
    served: Served,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    *,
    line: str,
    variable: str,
    said: str,
) -> None:
    """What is fixed by a first run, and sync takes from no option, is refused there; nothing is asked."""
    asked, file = served.requests, tmp_path / "harvester.toml"
    file.write_text(line)
    begin = ["sync", "--lake", str(tmp_path / "lake"), *served.options]
    begin += ["--from", "2024-01-01", "--dataset", "calls"]
    assert main([*begin, "--config", str(file)]) == 2
    told = capsys.readouterr().err
    assert f"says {said}, which is fixed when a dataset begins" in told
    assert "begin the dataset with harvester backfill" in told
    monkeypatch.setenv(*variable.split("="))
    assert main(begin) == 2
    assert f"says {said}," in capsys.readouterr().err
    assert served.requests == asked
    assert not (tmp_path / "lake").exists()


def test_a_dataset_that_is_there_goes_on_as_it_was_begun(served: Served, tmp_path: Path) -> None:
    """One file serves backfill and sync; what it says as it is anyhow keeps nothing from beginning."""
    file = tmp_path / "harvester.toml"
    file.write_text('redact-urls = true\nrate = "none"\n')
    lake = ["--lake", str(tmp_path / "lake"), *served.options, "--config", str(file)]
    assert main(["backfill", *RANGE, *lake]) == 0
    assert main(["sync", *lake]) == 0
    file.write_text('redact-urls = false\npartition = "day"\nrecords = true\nrate = "none"\n')
    lake[1] = str(tmp_path / "other")
    assert main(["sync", *lake, "--from", "2024-01-01", "--dataset", "calls"]) == 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "the lake holds nothing of 'calls' yet: say --from when, or begin with backfill"),
        (["--name", "sales", "--from", "2024-01-01"], "say with --dataset what it is to be"),
        (["--from", "2024-01-01", "--every", "0s"], "--every must be at least a second"),
        (["--from", "2024-01-01", "--every", "soon"], "--every 'soon' is not a duration"),
        (["--from", "2024-01-01", "--look-back", "-1h"], "--look-back '-1h' is not a duration"),
        (["--from", "2024-01-01", "--health-file", "/none/x"], "cannot write --health-file /none/x"),
    ],
)
def test_what_cannot_be_done_is_said(
    served: Served,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    sentence: str,
) -> None:
    """Usage, with a sentence, before anything is asked."""
    asked = served.requests
    assert main(["sync", "--lake", str(tmp_path / "lake"), *served.options, *arguments]) == 2
    assert sentence in capsys.readouterr().err
    assert served.requests == asked


def test_a_hashed_lake_needs_its_key(
    served: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The ledger has a fingerprint of it alone."""
    key = tmp_path / "numbers.key"
    key.touch(mode=0o600)
    key.write_text("0123456789abcdef" * 4)
    lake = ["--lake", str(tmp_path / "lake"), *served.options, "--rate", "none"]
    assert main(["backfill", *RANGE, *lake, "--hash-numbers", str(key)]) == 0
    assert main(["sync", *lake]) == 2
    assert "are hashed: give its --hash-numbers KEYFILE" in capsys.readouterr().err
    assert main(["sync", *lake, "--hash-numbers", str(key)]) == 0


def test_a_service_ends_well_at_a_signal(served: Served, tmp_path: Path) -> None:
    """SIGTERM while it waits ends it at once, with 143; the health file says that it ended."""
    health = tmp_path / "health.json"
    command = [sys.executable, "-m", "harvester", "sync", "--lake", str(tmp_path / "lake"), *served.options]
    command += ["--rate", "none", "--from", "2024-01-01", "--dataset", "calls", "--every", "1h"]
    with subprocess.Popen([*command, "--health-file", str(health), "--quiet"]) as process:  # noqa: S603  (our own program)
        try:
            for _ in range(600):
                if health.exists() and json.loads(health.read_text())["state"] == "ok":
                    break
                time.sleep(0.1)
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 143
        finally:
            process.kill()
    assert json.loads(health.read_text())["state"] == "ended"


def test_a_dataset_that_covers_nothing_does_not_hold_up_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a role was refused is named and left out, unless it is all that is meant; --from begins it."""
    with served_process(tmp_path, "--sessions", "300", "--to", "2024-01-04", "--role", "Support") as it:
        lake = ["--lake", str(tmp_path / "lake"), *it.options, "--rate", "none"]
        assert main(["backfill", *RANGE, *lake, "--dataset", "all"]) == 4
        capsys.readouterr()
        assert main(["sync", *lake]) == 0
        told = capsys.readouterr()
        assert [line.partition(":")[0] for line in told.out.splitlines()] == ["calls"]
        assert told.err.count("left out, for the lake covers nothing of it yet") == 3
        assert all(f"dataset={name}" in told.err for name in ("acd", "audit", "transactions"))
        assert main(["sync", *lake, "--dataset", "acd"]) == 2
        assert "the lake holds nothing of 'acd' yet: say --from when" in capsys.readouterr().err
        assert main(["sync", *lake, "--from", "2024-01-01"]) == 4
