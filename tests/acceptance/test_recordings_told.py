"""What ``harvester recordings`` says of itself: what it does not know, what it stops at, what is wrong."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from harvester.cli.main import main
from harvester.emulator import Emulator, Fault, Faults
from tests.acceptance.files import END, FILES, START, account, run_of
from tests.acceptance.harness import bench
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


@pytest.mark.parametrize(
    ("option", "value"), [("--storage", "ftp://files.example"), ("--also-from", "me@files.example")]
)
def test_a_place_of_files_is_called_by_its_option(
    command: list[str], capsys: pytest.CaptureFixture[str], option: str, value: str
) -> None:
    """What is not usable is named as the user named it; it is not the endpoint."""
    capsys.readouterr()
    assert main([*command, option, value]) == 2
    assert f"harvester: {option} must have the form https://host" in capsys.readouterr().err


async def test_a_day_that_is_cut_off_is_not_called_done(tmp_path: Path) -> None:
    """The run says that it goes on from there, and a day whose last files were under way is done."""
    async with bench(tmp_path, account()) as it:
        await it.harvest(START, END)
        it.emulator.files.faults = Faults((Fault("slow", share=1.0, seconds=10),))
        for concurrency, expected in ((2, "day cut off; run again to go on"), (FILES, "day done")):
            run = run_of(it, concurrency=concurrency)
            asyncio.get_running_loop().call_later(5, run.stop)
            with capture_logs() as logs:
                await run.run()
            assert [line["event"] for line in logs if "day" in line] == [expected]
            assert run.tally.days == (expected == "day done")
