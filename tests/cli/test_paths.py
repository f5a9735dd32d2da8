"""Paths that options take: what is meant by them, and what is refused."""

import os
from pathlib import Path

import pytest

from harvester.cli.config_file import COMMANDS, command_named
from harvester.cli.main import main
from harvester.cli.paths import LakePath, LocalPath
from tests.acceptance.process import served_process

RANGE = ["--from", "2024-01-01", "--to", "2024-01-02"]


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_path_of_every_command_follows_one_rule(command: str) -> None:
    """No option takes a path in a way of its own; that of a lake is stricter."""
    for parameter in command_named(command).params:
        if hasattr(parameter.type, "resolve_path"):
            assert isinstance(parameter.type, LocalPath)
            assert isinstance(parameter.type, LakePath) == (parameter.name == "lake")


@pytest.mark.parametrize("place", ["flag", "variable", "file"])
@pytest.mark.parametrize("option", ["lake", "credentials", "ca-file", "hash-numbers"])
def test_a_tilde_is_the_home_folder_wherever_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, option: str, place: str
) -> None:
    """A shell replaces it in a flag without quotes alone."""
    arguments = [*RANGE, *(["--lake", "lake"] if option != "lake" else [])]
    if place == "flag":
        arguments += [f"--{option}", "~/a/b"]
    elif place == "variable":
        monkeypatch.setenv(f"HARVESTER_{option.replace('-', '_').upper()}", "~/a/b")
    else:
        Path("home/options.toml").write_text(f'{option} = "~/a/b"\n')
        monkeypatch.setenv("HARVESTER_CONFIG", "~/options.toml")
    params = command_named("backfill").make_context("backfill", arguments).params
    assert params[option.replace("-", "_")] == tmp_path / "home/a/b"


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("lake", "lake"),
        ("./lake/../x y", "lake/../x y"),
        ("a~", "a~"),
        ("./~", "{here}/~"),
        ("./~lake", "{here}/~lake"),
        ("./a:b", "{here}/a:b"),
        ("./s3://a", "{here}/s3:/a"),
        ("12:30", "{here}/12:30"),
        ("/lakes/a:b", "/lakes/a:b"),
    ],
)
def test_what_arrow_could_misread_is_absolute(said: str, meant: str) -> None:
    """It expands a tilde, and takes what stands before a colon for a scheme; other paths stay as typed."""
    assert LakePath().convert(said, None, None) == Path(meant.format(here=Path.cwd()))


@pytest.mark.parametrize(
    ("lake", "sentence"),
    [
        ("s3://bucket/lake", "looks like the address of an object store"),
        ("gs://bucket/lake", "looks like the address of an object store"),
        ("file:lake", "looks like the address of an object store"),
        ("a:b", "./a:b if it is called so"),
        (os.fsdecode(b"l\xff"), "'l\\udcff' is not UTF-8"),
        ("~nobody-is-called-so/lake", "nobody's home folder is meant by"),
        ("", "'' is no path"),
    ],
)
@pytest.mark.parametrize("command", ["backfill", "check", "status"])
def test_a_lake_that_cannot_be_is_refused_before_anything_is_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str, lake: str, sentence: str
) -> None:
    """Exit code 2 and a sentence, by every command, without a key or an API."""
    arguments = RANGE if command == "backfill" else []
    assert main([command, *arguments, "--lake", lake]) == 2
    assert sentence in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["home"]


def test_a_lake_may_have_a_tilde_or_a_colon_in_its_name(tmp_path: Path) -> None:
    """It is harvested into the folder that is meant, verified, and read by status."""
    with served_process(tmp_path / "emulator", "--sessions", "60", "--to", "2024-01-02") as served:
        for lake, folder in (("~/lake", "home/lake"), ("./~/lake", "~/lake"), ("./a:b", "a:b")):
            where = ["--lake", lake]
            assert main(["backfill", *RANGE, *where, *served.options, "--rate", "none"]) == 0
            assert len(list((tmp_path / folder / "calls").rglob("*.parquet"))) == 1
            assert main(["verify", *where]) == 0
            assert main(["status", *where]) == 0
