"""``harvester recordings`` as a user starts it, and as a kill ends it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from harvester.cli.main import main
from harvester.emulator import Behaviour, Emulator, Fault, Faults
from tests.acceptance.files import FILES, account, audit, rows
from tests.acceptance.process import Served, served_beside
from tests.keys import PRIVATE_KEY

SIZE = 1_000_000
STEP = 64 << 10
PATIENCE = 60.0  # seconds a process is waited for; never needed when all is well

KILLING = """
import os, signal, sys
from harvester.lake import partial, shelf
owner = {"Notes": shelf.Notes, "Partial": partial.Partial, "Shelf": shelf.Shelf}[sys.argv[1]]
name, moment, real, calls = sys.argv[2], sys.argv[3], getattr(owner, sys.argv[2]), 0

def deadly(*arguments, **settings):
    global calls
    calls += 1
    if calls == 2 and moment == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    result = real(*arguments, **settings)
    if calls == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return result

setattr(owner, name, deadly)
from harvester.cli.main import main
main(sys.argv[4:])
"""


@pytest.fixture(name="emulator")
def _emulator() -> Emulator:
    return Emulator(account(), private_key=PRIVATE_KEY)


@pytest.fixture(name="served")
def _served(emulator: Emulator, tmp_path: Path) -> Iterator[Served]:
    """A lake with six calls, and their files beside it."""
    with served_beside(tmp_path, emulator) as it:
        days = ["--from", "2024-03-30", "--to", "2024-04-01"]
        assert main(["backfill", *days, "--lake", str(tmp_path / "lake"), *it.options, "--rate", "none"]) == 0
        yield it


def options(served: Served, folder: Path, *more: str) -> list[str]:
    """The command, without a budget."""
    lake = ["--lake", str(folder / "lake"), *served.options]
    return ["recordings", *lake, "--file-rate", "none", "--rate", "none", *more]


def until(condition: Callable[[], bool]) -> None:
    """Wait for another process."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def sizes(folder: Path) -> list[int]:
    """The sizes in bytes of what lies in a folder while another process moves files out of it."""
    found = []
    for path in folder.glob("*"):
        with suppress(FileNotFoundError):
            found.append(path.stat().st_size)
    return found


def test_the_way_of_a_user(
    served: Served, emulator: Emulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Download, again, say what could be deleted, delete: each says what it did."""
    command = options(served, tmp_path)
    capsys.readouterr()
    assert main(command) == 0
    out = capsys.readouterr().out
    assert "All there is, is there" in out
    assert f"stored   {FILES} files" in out
    assert main([*command, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["outcome"], report["held"], report["requests"]) == ("complete", FILES, 0)
    assert main([*command, "--delete-after"]) == 0
    assert "6 recordings" in (out := capsys.readouterr().out)
    assert "none was: --yes deletes them" in out
    assert emulator.files.removed == set()
    assert main([*command, "--delete-after", "--yes"]) == 0
    assert "deleted  6 recordings" in capsys.readouterr().out
    assert len(audit(tmp_path / "lake")) == 12


def test_failures_and_gone_files_by_exit_code(
    served: Served, emulator: Emulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is gone is no failure; what could not be had is exit 3, with its name and reason."""
    emulator.behaviour = Behaviour(log_days=30)
    capsys.readouterr()
    assert main(options(served, tmp_path, "--what", "logs")) == 0
    assert "gone     6 files" in capsys.readouterr().out
    emulator.behaviour = Behaviour(ranges=False)
    moved = Fault("redirect", share=1.0, when=lambda asked: "leg" in asked["path"])
    emulator.files.faults = Faults((moved,))
    assert main(options(served, tmp_path)) == 3
    assert "1-record-101: redirected to 127.0.0.2" in (out := capsys.readouterr().out)
    assert "failed   6 files" in out


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (["--what", "records,films"], "--what knows no 'films', only records,logs,transcripts"),
        (["--yes"], "--yes confirms --delete-after"),
        (["--from", "2024-01-01"], "--from and --to belong together"),
        (["--name", "other"], "the lake holds no dataset 'other'"),
        (["--file-rate", "0"], "--file-rate '0' must be from 0.00001"),
        (["--storage", "http://files.example"], "tokens for files.example must travel encrypted"),
    ],
)
def test_what_cannot_be_meant_is_exit_2(
    served: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str], sentence: str
) -> None:
    """Before anything is asked, in one sentence."""
    assert main(options(served, tmp_path, *more)) == 2
    assert sentence in capsys.readouterr().err


def test_hidden_urls_are_said(
    served: Served, emulator: Emulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A lake that was told to keep no URLs cannot know where files are: exit 2, and the remedy."""
    lake = str(tmp_path / "hidden")
    days = ["--from", "2024-03-30", "--to", "2024-04-01"]
    assert main(["backfill", *days, "--lake", lake, *served.options, "--rate", "none", "--redact-urls"]) == 0
    assert main(["recordings", "--lake", lake, *served.options]) == 2
    assert "harvested with --redact-urls" in capsys.readouterr().err
    assert emulator.files.asked == []


def test_the_folder_is_no_datasets(
    served: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No dataset may be named as the table of files is."""
    days = ["--from", "2024-03-30", "--to", "2024-04-01", "--lake", str(tmp_path / "lake")]
    assert main(["backfill", *days, *served.options, "--name", "recordings"]) == 2
    assert "--name 'recordings' is not usable" in capsys.readouterr().err


def test_other_commands_leave_the_files_alone(
    served: Served, emulator: Emulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Verify finds no stray, recover takes no manifest for a dataset, and nothing is asked again then."""
    lake = tmp_path / "lake"
    assert main(options(served, tmp_path)) == 0
    assert main(["verify", "--lake", str(lake)]) == 0
    for path in (lake / "_harvester").glob("ledger.sqlite*"):
        path.unlink()
    assert main(["recover", "--lake", str(lake)]) == 0
    capsys.readouterr()
    asked = len(emulator.files.asked)
    assert main(options(served, tmp_path)) == 0
    assert (len(emulator.files.asked), len(rows(lake))) == (asked, FILES)


@pytest.mark.large
def test_killed_in_the_middle_it_goes_on(served: Served, emulator: Emulator, tmp_path: Path) -> None:
    """P5: after SIGKILL what was stored is not asked for, and of what was cut off less than 64 KiB again."""
    emulator.behaviour = Behaviour(file_bytes=SIZE)
    emulator.files.faults = Faults((Fault("stalled_body", requests=range(7, 99)),))
    command = [sys.executable, "-m", "harvester", *options(served, tmp_path, "--file-concurrency", "3")]
    partials = tmp_path / "lake" / "_harvester" / "recordings" / "partial"
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:  # noqa: S603  (our own program)
        until(lambda: sizes(partials).count(SIZE // 2) == 3)
        process.send_signal(signal.SIGKILL)
    assert len(emulator.files.asked) == 9
    assert rows_of(tmp_path) == 0  # no manifest yet, and no reader sees a part
    emulator.files.faults = Faults()
    assert main(options(served, tmp_path)) == 0
    assert len(rows(tmp_path / "lake", "*", "status = 'stored'")) == FILES
    later = emulator.files.asked[9:]
    assert len(later) == FILES - 6
    ranges = [asked.first for asked in later if asked.range]
    assert len(ranges) == 3
    assert all(SIZE // 2 - STEP < first <= SIZE // 2 for first in ranges)
    twice = sum(asked.sent for asked in emulator.files.asked) - FILES * SIZE
    assert 0 <= twice < 3 * STEP


@pytest.mark.large
@pytest.mark.parametrize(
    ("place", "again"),
    [
        (("Partial", "finish", "before"), 1),  # too small for a mark, and not closed
        (("Partial", "finish", "after"), 0),
        (("Notes", "keep", "after"), 0),
        (("Shelf", "show", "after"), 0),
        (("Shelf", "publish", "before"), 0),
        (("Shelf", "publish", "after"), 0),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_killed_at_any_step(
    served: Served, emulator: Emulator, tmp_path: Path, place: tuple[str, str, str], again: int
) -> None:
    """Each file is stored once, whole and listed, wherever the kill came; what was whole is not asked for."""
    command = options(served, tmp_path, "--file-concurrency", "1")
    killed = subprocess.run(  # noqa: S603  (our own program)
        [sys.executable, "-c", KILLING, *place, *command], check=False, capture_output=True
    )
    assert killed.returncode == -signal.SIGKILL
    assert main(command) == 0
    assert len(rows(tmp_path / "lake", "*", "status = 'stored'")) == FILES
    assert len(emulator.files.asked) == FILES + again
    left = [path for path in (tmp_path / "lake" / "_harvester" / "recordings").rglob("*") if path.is_file()]
    assert left == []


@pytest.mark.large
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_well(served: Served, emulator: Emulator, tmp_path: Path, number: int) -> None:
    """The files under way are finished and listed; the exit code says which signal it was."""
    emulator.files.faults = Faults((Fault("slow", requests=range(3, 99), seconds=1),))
    command = [sys.executable, "-m", "harvester", *options(served, tmp_path, "--file-concurrency", "1")]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:  # noqa: S603  (our own program)
        until(lambda: len(emulator.files.arrivals) == 3)
        os.kill(process.pid, number)
    assert process.returncode == 128 + number
    assert len(rows(tmp_path / "lake")) == 3


def rows_of(folder: Path) -> int:
    """How many manifests readers see."""
    return len(list((folder / "lake" / "recordings").rglob("*.parquet")))
