import asyncio
import errno
import sys
from collections.abc import Callable

import click
import pytest

from harvester import __version__
from harvester.cli import main
from harvester.cli.config_file import COMMANDS
from harvester.errors import (
    ConfigError,
    LakeLockedError,
    RefusedError,
    UnavailableError,
    ZoneError,
)
from tests.keys import PEM

Run = Callable[[BaseException], int]


@pytest.fixture(name="run")
def _run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs the program with a command that fails."""

    def run(failure: BaseException) -> int:
        def fail() -> None:
            raise failure

        monkeypatch.setattr(main, "command_named", lambda name: click.Command(name, callback=fail))
        return main.main(["check"])

    return run


@pytest.mark.parametrize(
    ("failure", "code", "sentence"),
    [
        (ConfigError("no key file"), 2, "no key file"),
        (LakeLockedError("another run owns it"), 5, "another run owns it"),
        (ZoneError("another zone"), 4, "another zone"),
        (UnavailableError("gave up"), 1, "gave up"),
        (
            RefusedError(104, "Wrong role.", "Ask for another."),
            4,
            "the API refused the request with code 104: Wrong role. Ask for another.",
        ),
    ],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.parametrize("depth", [0, 1, 3])
def test_a_failure_is_one_sentence_and_a_code(
    run: Run, capsys: pytest.CaptureFixture[str], *, failure: Exception, code: int, sentence: str, depth: int
) -> None:
    """However many task groups wrapped it: no traceback, nothing on stdout."""
    for _ in range(depth):
        failure = ExceptionGroup("tasks", [failure])
    assert run(failure) == code
    assert capsys.readouterr() == ("", f"harvester: {sentence}\n")


@pytest.mark.parametrize(
    ("failure", "sentence"),
    [
        (
            OSError(errno.ENOSPC, "No space left on device", "/lake/x"),
            "the system refused /lake/x: No space left on device; run again to go on",
        ),
        (OSError(errno.EMFILE, "Too many open files"), "the system refused: Too many open files;"),
        (TimeoutError(), "the system refused: TimeoutError;"),
    ],
    ids=["file", "no file", "no reason"],
)
def test_the_system_s_refusals_name_the_file(
    run: Run, capsys: pytest.CaptureFixture[str], failure: OSError, sentence: str
) -> None:
    """An ``OSError`` says what happened to which file, as far as it knows."""
    assert run(ExceptionGroup("tasks", [failure])) == 1
    assert capsys.readouterr().err.startswith(f"harvester: {sentence}")


def test_a_defect_shows_its_traceback(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """What nobody foresaw is shown whole, and called by its name."""
    assert run(ExceptionGroup("tasks", [ZeroDivisionError("by none")])) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "Traceback" in err
    assert "ZeroDivisionError: by none" in err
    assert err.endswith("harvester: this is a defect of the program; what is published is intact\n")


def test_no_failure_shows_a_secret(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """P9: neither by an error's own text, nor by the local variables of where it was raised."""
    token, headers = (
        "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiIxIn0.c2lnbmF0dXJl-_x",
        {"Authorization": "Bearer canary-7"},
    )
    for failure in (
        ValueError(f"bad header: {token}"),
        ConfigError(f"no key file {PEM}"),
        OSError(errno.ENOENT, "No such file", f"/keys/{token}"),
        ExceptionGroup(f"tasks of {token}", [KeyError(PEM)]),
        click.UsageError(f"no such option {PEM}"),
    ):
        assert run(failure) in {1, 2}
    assert headers
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("(secret)") >= 5
    assert not any(part in err for part in ("eyJ", "MII", "PRIVATE", "canary-7", "headers ="))


@pytest.mark.parametrize("failure", [KeyboardInterrupt(), click.Abort()])
def test_an_interrupted_command_says_so(run: Run, failure: BaseException) -> None:
    """130 is what a shell expects after Ctrl-C."""
    assert run(failure) == 130


def test_an_interruption_while_a_failure_is_told_is_an_interruption(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C outside of any command counts, too."""

    def interrupted(**_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(main.harvester, "main", interrupted)
    assert main.main([]) == 130


@pytest.mark.parametrize("failure", [asyncio.CancelledError(), SystemExit(7)])
def test_what_is_no_failure_passes(run: Run, failure: BaseException) -> None:
    """Cancellations and exits are not turned into anything else."""
    with pytest.raises(type(failure)):
        run(failure)


def test_a_reader_that_went_away_ends_the_program(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """``harvester status | head`` ends with code 1, and nobody is told what is plain to see."""
    monkeypatch.setattr(sys, "stdout", sys.stdout)  # click replaces both of them
    monkeypatch.setattr(sys, "stderr", sys.stderr)
    with pytest.raises(SystemExit) as ended:
        run(BrokenPipeError(errno.EPIPE, "Broken pipe"))
    assert ended.value.code == 1


@pytest.mark.parametrize("value", [0, 3, None])
def test_a_command_s_exit_is_the_program_s(monkeypatch: pytest.MonkeyPatch, value: int | None) -> None:
    """Codes that commands give themselves come through; none is 0."""

    def leave() -> None:
        if value is not None:
            click.get_current_context().exit(value)

    monkeypatch.setattr(main, "command_named", lambda name: click.Command(name, callback=leave))
    assert main.main(["check"]) == (value or 0)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["migrate"], "No such command 'migrate'"),
        (["--fast"], "--fast"),
        (["backfill"], "Missing option '--from'"),
        (["status", "--lake", "x", "--rate", "5"], "No such option"),
        (["status", "--lake", "x", "more"], "unexpected extra argument"),
        (["backfill", "--partition", "week"], "'week' is not one of 'hour', 'day', 'month'"),
        (["backfill", "--concurrency", "many"], "'many' is not a valid integer"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_misuse_is_explained(capsys: pytest.CaptureFixture[str], arguments: list[str], sentence: str) -> None:
    """Code 2, how to use the command, and what was wrong."""
    assert main.main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "Usage: " in err
    assert sentence in err


def test_no_command_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever types the bare name sees the commands; it is a misuse all the same."""
    assert main.main([]) == 2
    err = capsys.readouterr().err
    assert all(f"\n  {name} " in err for name in COMMANDS)


def test_the_version_is_the_package_s(capsys: pytest.CaptureFixture[str]) -> None:
    """``--version`` names the program and its version."""
    assert main.main(["--version"]) == 0
    assert capsys.readouterr().out == f"harvester, version {__version__}\n"
