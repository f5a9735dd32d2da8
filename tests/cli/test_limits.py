from pathlib import Path

import pytest

from harvester import notation
from harvester.cli.main import main
from harvester.config import Job
from harvester.datasets import CALLS
from harvester.errors import ConfigError
from harvester.order import Order
from harvester.window import Window
from tests.cli.test_options import key_file

BACKFILL = ("backfill", "--from", "2024-01-01", "--to", "2024-01-02")
RATES = "must be from 0.00001 (one a day, about) to 1,000,000 requests per second, or 'none'"
SYNC = ("sync", "--from", "2024-01-01")
MANY = "must be at least 1, and 10,000 at most"
LONG = "is too long: 36500d at most"
RANGE = "is not in the range"

HOSTILE = [
    (BACKFILL, "concurrency", "1000000000", f"--concurrency {MANY}"),
    (BACKFILL, "concurrency", "9" * 5_000, "is not a valid integer"),
    (BACKFILL, "rate", "1e-300", f"--rate '1e-300' {RATES}"),
    (BACKFILL, "rate", "1e300", f"--rate '1e300' {RATES}"),
    (BACKFILL, "settle", "999999999d", f"--settle '999999999d' {LONG}"),
    (BACKFILL, "active-lag", "999999999d", f"--active-lag '999999999d' {LONG}"),
    (BACKFILL, "processes", "1000000000", f"1000000000 {RANGE} 1<=x<=256"),
    (BACKFILL, "accounts", "9" * 5_000, "neither 'all' nor ids joined by commas"),
    (SYNC, "look-back", "999999999d", f"--look-back '999999999d' {LONG}"),
    (SYNC, "look-back", "9" * 5_000, "is not a duration"),
    (SYNC, "every", "999999999d", f"--every '999999999d' {LONG}"),
    (SYNC, "settle", "999999999d", f"--settle '999999999d' {LONG}"),
    (SYNC, "concurrency", "10001", f"--concurrency {MANY}"),
    (("verify",), "jobs", "1000000000", f"1000000000 {RANGE} 1<=x<=256"),
    (("recover",), "jobs", "1000000000", f"1000000000 {RANGE} 1<=x<=256"),
    (("recordings",), "file-rate", "1e-300", f"--file-rate '1e-300' {RATES}"),
    (("recordings",), "rate", "1e-300", f"--rate '1e-300' {RATES}"),
    (("recordings",), "file-concurrency", "1000000000", f"--file-concurrency {MANY}"),
    (("emulator",), "children", "1000000000", f"1000000000 {RANGE} 0<=x<=1000"),
    (("emulator",), "latency", "inf", f"inf {RANGE} 0<=x<=86400"),
    (("emulator",), "report-seconds", "1e300", f"1e+300 {RANGE} 0<=x<=86400"),
]


@pytest.fixture(name="needed")
def _needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Where a lake would be, and a key that is read before some options are looked at; nobody to ask."""
    monkeypatch.setenv("HARVESTER_ENDPOINT", "http://127.0.0.1:9")
    return ["--lake", str(tmp_path / "lake"), "--credentials", str(key_file(tmp_path))]


def refusal(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """What a command says that refuses its options."""
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "Traceback" not in err
    return " ".join(err.split())


def places(command: tuple[str, ...], needed: list[str]) -> list[str]:
    """What a command needs before the option in question."""
    if command[0] == "emulator":
        return list(command)
    return [*command, *needed[: 2 if command[0] == "recover" else 4]]


@pytest.mark.parametrize("way", ["flag", "variable", "file"])
@pytest.mark.parametrize(("command", "option", "value", "sentence"), HOSTILE, ids=lambda it: str(it)[:24])
def test_a_figure_that_nobody_can_mean_is_refused(
    needed: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    *,
    command: tuple[str, ...],
    option: str,
    value: str,
    sentence: str,
    way: str,
) -> None:
    """Exit 2 and the bounds, before anything is made: by flag, by variable, or in the file."""
    arguments = places(command, needed)
    if way == "flag":
        arguments += [f"--{option}", value]
    elif way == "variable":
        monkeypatch.setenv(f"HARVESTER_{option.replace('-', '_').upper()}", value)
    else:
        path = tmp_path / "harvester.toml"
        path.write_text(f'{option} = "{value}"\n')
        arguments += ["--config", str(path)]
    assert sentence in refusal(arguments, capsys)
    assert not (tmp_path / "lake").exists()


@pytest.mark.parametrize("content", [f"concurrency = {'9' * 5_000}", f"name = {'[' * 5_000}"])
def test_a_file_without_measure_is_refused(
    needed: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str
) -> None:
    """Numbers of thousands of digits and brackets without end are no TOML that can be read."""
    path = tmp_path / "harvester.toml"
    path.write_text(content)
    said = refusal([*places(BACKFILL, needed), "--config", str(path)], capsys)
    assert f"--config {path} is not TOML" in said


@pytest.mark.parametrize(
    ("text", "seconds"), [("36500d", 3_153_600_000), ("876000h", 3_153_600_000), ("0", 0)]
)
def test_a_duration_of_a_century_is_taken(text: str, seconds: int) -> None:
    """What is longer is refused, in whatever unit."""
    assert notation.duration("--look-back", text) == seconds
    for longer in ("36501d", "876001h", "3153600001"):
        with pytest.raises(ConfigError, match=r"too long: 36500d at most$"):
            notation.duration("--look-back", longer)


@pytest.mark.parametrize(("rate", "concurrency"), [(0.00001, 10_000), (1e6, 1), (None, 10_000)])
def test_the_bounds_themselves_are_taken(rate: float | None, concurrency: int) -> None:
    """By a job and by an order of files."""
    lake, key = Path("lake"), Path("key.json")
    job = Job(
        dataset=CALLS,
        name="calls",
        window=Window(0, 1),
        lake=lake,
        credentials=key,
        rate=rate,
        concurrency=concurrency,
    )
    order = Order(lake=lake, name="calls", credentials=key, rate=rate, concurrency=concurrency)
    assert (job.rate, order.concurrency) == (rate, concurrency)
