"""``harvester repair`` over a lake of several datasets: each is repaired, or told, alone."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from harvester.cli.exit_codes import ExitCode
from harvester.cli.main import main
from harvester.inspection import holdings
from harvester.lake.lock import owned
from tests.acceptance.process import Served, served_process

DAYS = ("--from", "2024-01-01", "--to", "2024-01-03")
NAMES = ("alpha", "beta")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """An emulator in its own process, for the whole module."""
    with served_process(tmp_path_factory.mktemp("emulator"), "--sessions", "60", "--to", "2024-01-03") as it:
        yield it


def command(served: Served, folder: Path, *words: str) -> list[str]:
    """A command over the lake, at the emulator, without a budget."""
    return [*words, "--lake", str(folder / "lake"), *served.options, "--rate", "none", "--quiet"]


def hashed(folder: Path, name: str) -> tuple[str, str]:
    """The option with the key by which the numbers of one dataset are hashed."""
    key = folder / f"{name}.key"
    if not key.exists():
        key.touch(mode=0o600)
        key.write_text(f"{name:*<40}")
    return "--hash-numbers", str(key)


@pytest.fixture
def damaged(served: Served, tmp_path: Path) -> Path:
    """The folder of a lake with two datasets, each hashed with its own key, and each with a damaged file."""
    for name in NAMES:
        order = command(served, tmp_path, "backfill", *DAYS, "--name", name, *hashed(tmp_path, name))
        assert main(order) == ExitCode.COMPLETE
        path = next((tmp_path / "lake" / name).rglob("*.parquet"))
        path.write_bytes(path.read_bytes() + b"x")
    assert main(["verify", "--lake", str(tmp_path / "lake"), "--quiet"]) == ExitCode.GAPS
    return tmp_path


def suspects(folder: Path) -> dict[str, int]:
    """How many files of each dataset wait to be repaired."""
    return {item.name: len(item.suspects) for item in holdings(folder / "lake")}


def test_a_dataset_that_cannot_be_repaired_leaves_the_others_to_be(
    served: Served, damaged: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its failure is told under its name, and is the exit code; with what it needs it is repaired as well."""
    assert main(command(served, damaged, "repair", *hashed(damaged, "beta"))) == ExitCode.USAGE
    told = capsys.readouterr().err
    assert (
        told.index("alpha:") < told.index("'alpha' of this lake was started otherwise") < told.index("beta:")
    )
    assert suspects(damaged) == {"alpha": 1, "beta": 0}
    assert main(command(served, damaged, "repair", *hashed(damaged, "alpha"))) == ExitCode.COMPLETE
    assert suspects(damaged) == {"alpha": 0, "beta": 0}
    assert main(["verify", "--lake", str(damaged / "lake"), "--quiet"]) == ExitCode.COMPLETE


def test_a_lake_that_another_run_owns_ends_repair_at_once(
    served: Served, damaged: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is told once: no dataset of it can be repaired now."""
    with owned(damaged / "lake" / "_harvester" / "lock", started=0.0):
        assert main(command(served, damaged, "repair", *hashed(damaged, "beta"))) == ExitCode.LOCKED
    told = capsys.readouterr().err
    assert "beta:" not in told
    assert told.count("harvester:") == 1


def test_nothing_to_repair_is_json_too(
    served: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever parses stdout finds an object; the sentence is on stderr."""
    assert main(command(served, tmp_path, "backfill", *DAYS)) == ExitCode.COMPLETE
    capsys.readouterr()
    assert main(command(served, tmp_path, "repair", "--json")) == ExitCode.COMPLETE
    out, err = capsys.readouterr()
    nothing = {"lake": str(tmp_path / "lake"), "outcome": "complete", "requests": 0, "gaps": []}
    assert json.loads(out) == nothing
    assert err.startswith("Nothing to repair")
