"""``verify`` looks at recordings, logs and transcripts, too: at what the table of them says."""

import json
from pathlib import Path

import pytest

from harvester.cli.main import main
from harvester.emulator import Emulator
from harvester.verification import Verification, Verify
from tests.acceptance.files import END, FILES, START, account, check_stored, collect
from tests.acceptance.harness import Bench, bench
from tests.acceptance.process import served_beside
from tests.keys import PRIVATE_KEY


async def _verified(it: Bench, *, whole: bool = False, name: str | None = None) -> dict[str, Verification]:
    verify = Verify(lake=it.folder / "lake", name=name, whole_files=whole, now=it.now)
    return {result.name: result for result in await verify.run()}


def _first(lake: Path) -> Path:
    return min(lake.glob("recordings/date=*/_files/*"))


async def test_stored_files_are_counted(tmp_path: Path) -> None:
    """All that are stored, with their size; none if the lake has none, or one dataset alone is meant."""
    async with bench(tmp_path, account()) as it:
        await it.harvest(START, END)
        assert set(await _verified(it)) == {"calls"}
        stored = await collect(it)
        files = (await _verified(it, whole=True))["recordings"]
        assert files.is_sound
        assert (files.files, files.rows, files.bytes) == (FILES, FILES, stored.tally.stored_bytes)
        assert set(await _verified(it, name="calls")) == {"calls"}


@pytest.mark.parametrize(
    ("harm", "whole", "text"),
    [
        ("gone", False, "the file is not there; harvester recordings asks for it again"),
        ("shorter", False, "the file has 3 bytes, had"),
        ("changed", True, "the file was changed; move it away, and harvester recordings asks for it again"),
    ],
)
async def test_a_file_that_is_not_as_it_was_is_named(
    tmp_path: Path, harm: str, *, whole: bool, text: str
) -> None:
    """With what mends it; that it is there and as long is seen without reading it."""
    async with bench(tmp_path, account()) as it:
        await it.harvest(START, END)
        await collect(it)
        path = _first(tmp_path / "lake")
        content = path.read_bytes()
        path.unlink()
        if harm != "gone":
            path.write_bytes(b"abc" if harm == "shorter" else content[:-1] + bytes([content[-1] ^ 1]))
        (finding,) = (await _verified(it, whole=whole))["recordings"].findings
        assert tmp_path / "lake" / finding.path == path
        assert finding.text.startswith(text)
        assert (await _verified(it))["recordings"].is_sound is (harm == "changed"), "it is not read unasked"
        path.unlink(missing_ok=True)
        assert (await collect(it)).tally.stored == 1
        assert (await _verified(it, whole=True))["recordings"].is_sound
        assert check_stored(it) == FILES


async def test_what_the_vendor_has_no_more_is_said(tmp_path: Path) -> None:
    """Nobody can fetch a recording again that was deleted after it had been stored."""
    async with bench(tmp_path, account()) as it:
        await it.harvest(START, END)
        assert (await collect(it, delete=True, confirmed=True)).tally.deleted == 6
        (path, *_) = sorted((tmp_path / "lake").glob("recordings/*/_files/*-record-100.*"))
        path.unlink()
        (finding,) = (await _verified(it))["recordings"].findings
        assert finding.text == "the file is not there; the vendor was made to delete it, and has it no more"


async def test_files_that_no_table_names_are_named(tmp_path: Path) -> None:
    """They are not touched; and a table that is damaged is a finding, not the end."""
    async with bench(tmp_path, account()) as it:
        await it.harvest(START, END)
        await collect(it)
        stray = _first(tmp_path / "lake").with_name("stray.mp3")
        stray.write_bytes(b"")
        (tmp_path / "lake" / "recordings" / "date=2024-03-31" / "manifest.parquet").write_bytes(b"PAR1")
        found = {str(item.path): item.text for item in (await _verified(it))["recordings"].findings}
        assert found == {
            "recordings/date=2024-03-30/_files/stray.mp3": "no table names this file; move it away",
            "recordings/date=2024-03-31/manifest.parquet": "the table is damaged; move it away, and the files"
            " of that day are asked for again",
        }
        assert stray.exists()


def test_the_command_says_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 3, a line for each finding, and one object among the datasets in JSON."""
    lake = ["--lake", str(tmp_path / "lake")]
    with served_beside(tmp_path, Emulator(account(), private_key=PRIVATE_KEY)) as served:
        days = ["--from", "2024-03-30", "--to", "2024-04-01"]
        assert main(["backfill", *lake, *days, *served.options, "--rate", "none", "--quiet"]) == 0
        assert main(["recordings", *lake, *served.options, "--file-rate", "none", "--quiet"]) == 0
    _first(tmp_path / "lake").unlink()
    capsys.readouterr()
    assert main(["verify", *lake, "--files", "--quiet"]) == 3
    assert "recordings: 21 files, 21 rows" in capsys.readouterr().out
    assert main(["verify", *lake, "--files", "--quiet", "--json"]) == 3
    calls, files = json.loads(capsys.readouterr().out)["datasets"]
    assert (calls["sound"], files["name"], files["sound"]) == (True, "recordings", False)
    assert len(files["findings"]) == 1
