"""``harvester check`` and ``harvester plan``: they say no where a backfill would, and the same."""

import json
import shutil
import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from harvester.cli.main import main
from harvester.config import Job
from harvester.datasets import CALLS
from harvester.emulator import SyntheticAccount
from harvester.errors import UnavailableError
from harvester.examination import _clock, examine
from harvester.lake.lock import owned
from harvester.window import Window
from tests.acceptance.harness import DAY, SPRING, bench
from tests.acceptance.process import Served, served_process

RANGE = ["--from", "2024-01-01", "--to", "2024-01-03"]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """An emulator in its own process, for the whole module."""
    folder = tmp_path_factory.mktemp("emulator")
    with served_process(folder, "--sessions", "600", "--to", "2024-01-04") as it:
        yield it


@pytest.fixture(scope="module")
def lake(served: Served, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """A lake of calls, and how to ask for more of it."""
    options = ["--lake", str(tmp_path_factory.mktemp("lake")), *served.options, "--rate", "none"]
    assert main(["backfill", *RANGE, *options]) == 0
    return options


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        (["--partition", "month"], "partition is day there and month here"),
        (["--tables", "flat"], "tables is nested there and flat here"),
        (["--redact-urls"], "redact-urls is not set there and on here"),
        (["--no-records"], "records is on there and off here"),
        (["--accounts", "all"], "harvested without --accounts"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_what_the_lake_does_not_hold_is_told_before_a_backfill(
    lake: list[str], capsys: pytest.CaptureFixture[str], option: list[str], sentence: str
) -> None:
    """Another meaning of a dataset is refused by all three, by the same sentence and code."""
    assert main(["backfill", *RANGE, *lake, *option]) == 2
    assert sentence in capsys.readouterr().err
    assert main(["plan", *RANGE, *lake, *option]) == 2
    assert sentence in capsys.readouterr().err
    assert main(["check", *lake, *option]) == 2
    out = capsys.readouterr().out
    assert "✗ ledger" in out
    assert sentence in out


def test_another_account_s_key_is_told_before_a_backfill(
    served: Served, lake: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever the API thinks of it; plan asks for nothing."""
    path = tmp_path / "key.json"
    path.touch(mode=0o600)
    path.write_text(json.dumps(json.loads(served.credentials.read_text()) | {"account_id": 5}))
    options = [*lake, "--credentials", str(path)]
    asked = served.requests
    assert main(["plan", *RANGE, *options]) == 2
    assert "this lake holds account" in capsys.readouterr().err
    assert served.requests == asked
    assert main(["check", *options]) == 2
    assert "not 5; give another --lake" in capsys.readouterr().out


def test_a_lake_that_another_run_owns_is_told(lake: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Check ends with 5, as a backfill would; plan only reads. When the lake is free, so it is for check."""
    with owned(Path(lake[1]) / "_harvester" / "lock", started=time.time()):
        assert main(["check", *lake]) == 5
        assert "✗ lake           " in (told := capsys.readouterr().out)
        assert "is owned by another run (process " in told
        assert main(["plan", *RANGE, *lake]) == 0
    assert main(["check", *lake]) == 0


def test_what_a_backfill_only_warns_of_is_a_warning_of_check(
    served: Served, lake: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A key file that others can open ends neither, and has a mark of its own."""
    path = tmp_path / "key.json"
    path.write_bytes(served.credentials.read_bytes())
    path.chmod(0o644)
    options = [*lake, "--credentials", str(path)]
    assert main(["backfill", *RANGE, *options]) == 0
    capsys.readouterr()
    assert main(["check", *options]) == 0
    marks = [line[:10] for line in capsys.readouterr().out.splitlines() if line[0] != "✓"]
    assert marks == ["! key file"]
    assert main(["check", *options, "--json"]) == 0
    findings = json.loads(capsys.readouterr().out)["findings"]
    assert [item["subject"] for item in findings if item["warning"]] == ["key file"]
    assert all(item["ok"] for item in findings)


@pytest.mark.parametrize(("free", "doubtful"), [((1 << 30) - 1, True), (1 << 30, False)])
async def test_a_disk_that_may_be_too_small_is_doubtful(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, *, doubtful: bool
) -> None:
    """A backfill begins there too, and may need less."""
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: SimpleNamespace(free=free))
    async with bench(tmp_path, SyntheticAccount(10, SPRING - DAY, SPRING)) as it:
        found = {item.subject: item async for item in examine(it.backfill(SPRING - DAY, SPRING)._job)}
    assert (found["disk"].failure, found["disk"].doubtful) == (None, doubtful)


@pytest.mark.parametrize(
    ("skew", "begins", "mark"),
    [
        (30, -DAY, "✓"),
        (-30, -DAY, "✓"),
        (31, -DAY, "!"),
        (-31, -DAY, "!"),
        (-5_000, -DAY, "!"),
        (-5_000, 0, "✗"),
        (-31, 0, "!"),
    ],
)
def test_a_clock_ends_check_where_it_would_end_a_backfill(skew: int, begins: int, mark: str) -> None:
    """Only if seconds would be asked for that have not settled by the API's clock."""
    job = Job(
        dataset=CALLS,
        name="calls",
        window=Window(SPRING + begins - DAY, SPRING + begins),
        lake=Path("lake"),
        credentials=Path("key.json"),
        settle=3_600,
    )
    found = _clock(SimpleNamespace(skew=float(skew)), job, lambda: float(SPRING))
    assert ("✗" if found.failure else "!" if found.doubtful else "✓") == mark


async def test_an_endpoint_counts_as_found_when_it_has_answered(tmp_path: Path) -> None:
    """One that nobody listens at is one finding, with a remedy; what only an answer tells is not told."""
    async with bench(tmp_path, SyntheticAccount(10, SPRING - DAY, SPRING)) as it:
        job = it.backfill(SPRING - DAY, SPRING)._job
        assert [found.subject for found in [item async for item in examine(job)]] == [
            "key file",
            "lake",
            "disk",
            "endpoint",
            "token and role",
            "clock",
        ]
        with socket.create_server(("127.0.0.1", 0)) as server:
            nobody = f"http://127.0.0.1:{server.getsockname()[1]}"
        *_, last = found = [item async for item in examine(replace(job, endpoint=nobody))]
    assert [item.subject for item in found] == ["key file", "lake", "disk", "endpoint"]
    assert isinstance(last.failure, UnavailableError)
    assert last.text.startswith(f"{nobody}: GetCallHistory failed 8 times")
    assert last.text.endswith(
        "; see whether --endpoint is right, and whether this machine reaches it: network, --ca-file"
    )


def test_what_is_not_settled_is_not_called_held(
    served: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of a range within the settle lag, plan says what backfill says: it is too young; nothing is asked."""
    asked, lake = served.requests, ["--lake", str(tmp_path / "lake"), *served.options]
    young = [*RANGE, "--settle", "36500d"]
    for command in ("plan", "backfill"):
        assert main([command, *young, *lake]) == 0
        said = capsys.readouterr().out
        assert "Nothing to do: nothing of [2024-01-01" in said
        assert "is older than the settle lag yet" in said
    assert main(["plan", *young, *lake, "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert (plan["settled"], plan["todo"]) == (None, [])
    assert served.requests == asked


@pytest.mark.parametrize("below", [(), ("lake",)], ids=["itself", "above"])
def test_a_lake_that_is_a_file_is_refused(
    served: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str], below: tuple[str, ...]
) -> None:
    """Plan promises nothing that backfill cannot do: exit 2 from either, before anything is asked."""
    asked, lake = served.requests, (tmp_path / "file").joinpath(*below)
    (tmp_path / "file").touch()
    for command in ("plan", "backfill"):
        assert main([command, *RANGE, "--lake", str(lake), *served.options]) == 2
        assert f"{lake} cannot be written" in capsys.readouterr().err
    assert served.requests == asked
