from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import pytest

from harvester.cli.config_file import COMMANDS, command_named
from harvester.errors import ConfigError

OTHERS = {"completion", "datasets", "schema"}  # those without a file's options
JOB = ["--from", "2024-05-29", "--to", "2024-05-30", "--lake", "lake"]
COMPLETE = """
from = 2024-05-29
to = "2024-05-30"
lake = "lake"
credentials = "key.json"
rate = 2.5
sessions = 7
"""


@pytest.fixture(name="file")
def _file(tmp_path: Path) -> Path:
    return tmp_path / "harvester.toml"


def parsed(command: str, *arguments: str | Path) -> dict[str, Any]:
    """What a command would run with."""
    return command_named(command).make_context(command, [str(one) for one in arguments]).params


@pytest.mark.parametrize(
    ("line", "name", "value"),
    [
        ("rate = 12", "rate", "12"),
        ("rate = 2.5", "rate", "2.5"),
        ('rate = "none"', "rate", "none"),
        ("concurrency = 3", "concurrency", 3),
        ("calls = false", "calls", False),
        ("no-calls = true", "calls", False),
        ("no-extended-info = false", "extended_info", True),
        ("keep-raw = true", "keep_raw", True),
        ('ca-file = "ca.pem"', "ca_file", Path("ca.pem")),
        ('partition = "month"', "partition", "month"),
        ("json = true", "as_json", True),
        ("quiet = true", "quiet", True),
        ('log-format = "json"', "log_format", "json"),
        ("user-id = [1, 2]", "user_id", (1, 2)),
        ("user-id = 57", "user_id", (57,)),
        ('remote-number = "7495"', "remote_number", ("7495",)),
        ('local-number = ["1", "2"]', "local_number", ("1", "2")),
    ],
)
def test_an_option_stands_under_its_long_name(file: Path, line: str, name: str, value: object) -> None:
    """TOML's own types serve: numbers, booleans, texts, and lists where an option may be repeated."""
    file.write_text(line)
    assert parsed("backfill", *JOB, "--config", file)[name] == value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("2024-05-29", "2024-05-29"),
        ("2024-05-29T10:00:00", "2024-05-29T10:00:00"),
        ("2024-05-29 10:00:00+02:00", "2024-05-29T10:00:00+02:00"),
        ('"2024-05-29"', "2024-05-29"),
    ],
)
def test_dates_may_be_toml_s_own(file: Path, value: str, text: str) -> None:
    """With or without quotes."""
    file.write_text(f"from = {value}\nto = {datetime(2025, 1, 1, tzinfo=UTC).isoformat()}\n")
    params = parsed("backfill", "--lake", "lake", "--config", file)
    assert (params["from_"], params["to"]) == (text, "2025-01-01T00:00:00+00:00")


def test_flags_stand_over_the_environment_over_the_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each place is asked only if those before it say nothing."""
    file.write_text("rate = 1\nconcurrency = 1\nsettle = 1\n")
    monkeypatch.setenv("HARVESTER_RATE", "2")
    monkeypatch.setenv("HARVESTER_CONCURRENCY", "2")
    params = parsed("backfill", *JOB, "--rate", "3", "--config", file)
    assert (params["rate"], params["concurrency"], params["settle"]) == ("3", 2, "1")
    assert params["partition"] == "day"


def test_the_environment_may_name_the_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As every other option."""
    file.write_text("rate = 1\n")
    monkeypatch.setenv("HARVESTER_CONFIG", str(file))
    assert parsed("backfill", *JOB)["rate"] == "1"


@pytest.mark.parametrize("command", [name for name in COMMANDS if name not in OTHERS])
def test_one_file_serves_all_commands(file: Path, command: str) -> None:
    """A command takes the keys it knows, and passes over those that only others know."""
    file.write_text(COMPLETE)
    params = parsed(command, "--config", file)
    values = {"lake": Path("lake"), "from_": "2024-05-29", "rate": "2.5", "sessions": 7}
    known = values.keys() & params.keys()
    assert known
    assert {name: params[name] for name in known} == {name: values[name] for name in known}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("speed = 3\nlanes = 2\n", "has unknown keys: lanes, speed; use the long option names"),
        ("from_ = 2024-05-29\n", "has unknown keys: from_; use the long option names"),
        ("no-rate = true\n", "has unknown keys: no-rate; use the long option names"),
        ("no-calls = true\ncalls = false\n", "says both calls and no-calls: leave one out"),
        ('config = "other.toml"\n', "has unknown keys: config; use the long option names"),
        ("[backfill]\nrate = 3\n", "has unknown keys: backfill; use the long option names"),
        ("rate = \n", "is not TOML: Invalid value (at line 1, column 8)"),
        ("rate 3\n", "is not TOML: Expected '=' after a key"),
    ],
)
def test_a_file_that_says_nothing_is_refused(file: Path, content: str, sentence: str) -> None:
    """A misspelt key is not passed over: the run would not be the one that was meant."""
    file.write_text(content)
    with pytest.raises(ConfigError) as refused:
        parsed("backfill", *JOB, "--config", file)
    assert str(refused.value).startswith(f"--config {file} {sentence}")


def test_a_file_that_is_no_text_is_refused(file: Path) -> None:
    """Bytes that are not UTF-8 are a sentence, not a traceback."""
    file.write_bytes(b'name = "\xff"')
    with pytest.raises(ConfigError, match="is not TOML"):
        parsed("backfill", *JOB, "--config", file)


@pytest.mark.parametrize(
    "line", ['lake = ["a", "b"]', "rate = [3]", "allow-gaps = [true]", "rate = {most = 3}", "user-id = [[1]]"]
)
def test_one_value_is_no_list_and_no_table(file: Path, line: str) -> None:
    """An option that cannot be repeated takes one value; the sentence names it."""
    file.write_text(line)
    with pytest.raises(ConfigError) as refused:
        parsed("backfill", "--config", file)
    key = line.split(maxsplit=1)[0]
    assert str(refused.value) == f"--config {file}: {key} takes one value, and holds a list or a table"


@pytest.mark.parametrize(
    "line", ['partition = "week"', 'concurrency = "many"', 'quiet = "loud"', 'user-id = ["x"]']
)
def test_a_wrong_value_is_a_misuse(file: Path, line: str) -> None:
    """Values of the file are checked like flags."""
    file.write_text(line)
    with pytest.raises(click.BadParameter):
        parsed("backfill", *JOB, "--config", file)


@pytest.mark.parametrize("value", ["true", "false", "7", "2024-05-29"])
@pytest.mark.parametrize(
    ("command", "key"),
    [
        ("backfill", "lake"),
        ("backfill", "credentials"),
        ("backfill", "ca-file"),
        ("backfill", "hash-numbers"),
        ("sync", "health-file"),
        ("emulator", "folder"),
    ],
)
def test_a_path_is_text(file: Path, command: str, key: str, value: str) -> None:
    """Nothing else is a path; the sentence names file, key and what is wanted."""
    file.write_text(f"{key} = {value}\n")
    with pytest.raises(ConfigError) as refused:
        parsed(command, "--config", file)
    assert str(refused.value) == f"--config {file}: {key} takes a path in quotes"


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("concurrency = true", "a whole number"),
        ("concurrency = 2.5", "a whole number"),
        ("processes = false", "a whole number"),
        ("user-id = [7, true]", "a whole number"),
        ("remote-number = true", "text, a number or a date"),
        ("rate = true", "text, a number or a date"),
        ("partition = false", "text, a number or a date"),
        ("from = 10:00:00", "text, a number or a date"),
        ("quiet = 3", "true or false"),
        ("no-calls = 1", "true or false"),
    ],
)
def test_a_value_of_another_type_is_refused(file: Path, line: str, wanted: str) -> None:
    """Taken as text, ``true`` would be a number to look for, or 1."""
    file.write_text(line)
    with pytest.raises(ConfigError) as refused:
        parsed("backfill", *JOB, "--config", file)
    assert str(refused.value) == f"--config {file}: {line.split(maxsplit=1)[0]} takes {wanted}"


def test_a_switch_s_negative_name_takes_a_boolean(file: Path) -> None:
    """Any other value could be meant in two ways."""
    file.write_text('no-calls = "calls"\n')
    with pytest.raises(ConfigError, match=r"^--config \S+: no-calls takes true or false$"):
        parsed("backfill", *JOB, "--config", file)


@pytest.mark.parametrize(
    ("value", "calls"), [("1", False), ("true", False), ("yes", False), ("0", True), ("", None)]
)
def test_the_environment_may_say_a_switch_by_its_negative_name(
    monkeypatch: pytest.MonkeyPatch, value: str, *, calls: bool | None
) -> None:
    """As the command line may; a flag stands over it."""
    monkeypatch.setenv("HARVESTER_NO_CALLS", value)
    assert parsed("backfill", *JOB)["calls"] is calls
    assert parsed("backfill", *JOB, "--calls")["calls"] is True


def test_an_environment_that_says_a_switch_twice_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """By both names, even if they agree; and what is no boolean is a misuse."""
    monkeypatch.setenv("HARVESTER_NO_CALLS", "1")
    monkeypatch.setenv("HARVESTER_CALLS", "0")
    with pytest.raises(ConfigError, match=r"^HARVESTER_CALLS and HARVESTER_NO_CALLS are set both: leave one"):
        parsed("backfill", *JOB)
    monkeypatch.delenv("HARVESTER_CALLS")
    monkeypatch.setenv("HARVESTER_NO_CALLS", "calls")
    with pytest.raises(click.BadParameter, match="'calls' is not a valid boolean"):
        parsed("backfill", *JOB)


@pytest.mark.parametrize("place", ["missing.toml", "."])
def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, place: str) -> None:
    """The sentence says why, in the system's words."""
    with pytest.raises(ConfigError, match=r"^cannot read --config .*: (No such file|Is a directory)"):
        parsed("backfill", *JOB, "--config", tmp_path / place)


def test_positional_arguments_do_not_stand_in_the_file(file: Path) -> None:
    """They have no long name."""
    file.write_text('shell = "zsh"\n')
    with pytest.raises(ConfigError, match="unknown keys: shell"):
        parsed("status", "--lake", "lake", "--config", file)
