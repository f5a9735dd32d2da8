"""What ``harvester recordings`` says of itself: what it does not know, what it stops at, what is wrong."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from harvester.cli.main import main
from harvester.emulator import Emulator
from tests.acceptance.files import FILES, account
from tests.acceptance.process import served_beside
from tests.keys import PRIVATE_KEY

HELD = ["--from", "2024-03-30", "--to", "2024-04-01"]


@pytest.fixture(name="emulator")
def _emulator() -> Emulator:
    return Emulator(account(), private_key=PRIVATE_KEY)


@pytest.fixture(name="command")
def _command(emulator: Emulator, tmp_path: Path) -> Iterator[list[str]]:
    """The command for a lake of two days, without a budget."""
    with served_beside(tmp_path, emulator) as it:
        lake = ["--lake", str(tmp_path / "lake"), *it.options, "--rate", "none"]
        assert main(["backfill", *HELD, *lake]) == 0
        yield ["recordings", *lake, "--file-rate", "none"]


def test_what_is_not_harvested_is_not_called_complete(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """It is said first, and by exit code 3: nobody knows which files there are."""
    capsys.readouterr()
    assert main([*command, "--from", "2023-01-01", "--to", "2023-01-02"]) == 3
    first, second, *_ = capsys.readouterr().out.splitlines()
    assert first.startswith("Part of the range is not harvested, so its files are not known")
    assert second == (
        "  [2023-01-01 00:00:00, 2023-01-02 00:00:00) is not harvested: harvester backfill comes first"
    )
    assert main([*command, "--from", "2024-03-29", "--to", "2024-04-01", "--json"]) == 3
    report = json.loads(capsys.readouterr().out)
    assert (report["outcome"], report["stored"]) == ("failures", FILES)
    assert report["unharvested"] == [{"from": "2024-03-29 00:00:00", "to": "2024-03-30 00:00:00"}]
    assert main([*command, *HELD]) == 0
