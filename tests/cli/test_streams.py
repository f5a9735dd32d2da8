import errno
import io
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import structlog

from harvester.cli import main
from harvester.cli.options import options
from harvester.cli.streams import missable

PROGRAM = f"{sys.executable} -m harvester"


class Gone(io.StringIO):
    """A stream whose reader went away; nothing leaves what holds it."""

    def write(self, text: str) -> int:
        """Fail, as a pipe does; of no bytes only if they are text."""
        raise BrokenPipeError(errno.EPIPE, "Broken pipe") if text else TypeError

    def flush(self) -> None:
        """Fail likewise."""
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")


@pytest.fixture(name="pipe")
def _pipe() -> Iterator[int]:
    """The writing end of a pipe that nobody reads."""
    reading, writing = os.pipe()
    os.close(reading)
    yield writing
    os.close(writing)


def shell(line: str, stderr: int = subprocess.PIPE) -> subprocess.CompletedProcess[str]:
    """Run a line of the shell, with the streams buffered, as they are for users."""
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    return subprocess.run(  # noqa: S602  (our own words)
        line, shell=True, check=False, stdout=subprocess.PIPE, stderr=stderr, text=True, env=buffered
    )


@pytest.mark.real_time
@pytest.mark.parametrize("form", ["console", "json"])
@pytest.mark.parametrize("closed", ["2>&-", ">&-", "<&-", "<&- >&- 2>&-"])
def test_a_closed_stream_is_no_reason_to_fail(closed: str, form: str) -> None:
    """A command does its work without stdin, stdout or stderr, and says what it can."""
    ended = shell(f"{PROGRAM} datasets --log-format {form} {closed}")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ("transactions" in ended.stdout) == (">&- " not in f"{closed} ".replace("2>&- ", ""))


@pytest.mark.real_time
@pytest.mark.parametrize("closed", ["2>&-", "<&- >&- 2>&-"])
def test_without_stderr_a_failure_still_has_its_code(tmp_path: Path, closed: str) -> None:
    """P10: nobody reads the sentence, but the code is that of the failure."""
    assert shell(f"{PROGRAM} status --lake {tmp_path} {closed}").returncode == 2


@pytest.mark.real_time
def test_no_file_gets_the_number_of_a_closed_stream() -> None:
    """What a library writes to stderr must not land in the ledger."""
    code = "import os, sys; from harvester.cli.streams import standing as s; s().__enter__(); "
    code += "sys.exit(os.open('.', os.O_RDONLY) < 3)"
    assert shell(f'{sys.executable} -c "{code}" <&- >&- 2>&-').returncode == 0


@pytest.mark.real_time
def test_a_sentence_that_nobody_can_have_leaves_the_code_as_it_is(tmp_path: Path, pipe: int) -> None:
    """P10: the reader of stderr went away, and what Python still holds at its end does not count."""
    assert shell(f"{PROGRAM} status --lake {tmp_path}", pipe).returncode == 2


def test_lines_that_cannot_be_written_are_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a log line nor a sentence ends a command, and stderr is what it was when that is over."""

    @click.command()
    @options()
    def speak() -> None:
        structlog.get_logger().warning("nobody hears it")
        click.echo("nor this", err=True)
        click.get_current_context().exit(3)

    monkeypatch.setattr(main, "command_named", lambda _: speak)
    for form in ("console", "json"):
        monkeypatch.setattr(sys, "stderr", gone := Gone())
        assert main.main(["check", "--log-format", form]) == 3
        assert sys.stderr is gone


def test_stderr_that_can_be_written_again_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """A log on a full disk has a hole, and goes on when there is space."""

    class Full(io.StringIO):
        full = True

        def write(self, text: str) -> int:
            if self.full and text:
                raise OSError(errno.ENOSPC, "No space left on device")
            return super().write(text)

    def speak() -> None:
        click.echo("dropped", err=True)
        disk.full = False
        click.echo("kept", err=True)

    disk = Full()
    monkeypatch.setattr(sys, "stderr", disk)
    monkeypatch.setattr(main, "command_named", lambda name: click.Command(name, callback=speak))
    assert main.main(["check"]) == 0
    assert disk.getvalue().strip() == "kept"


def test_a_summary_that_nobody_can_have_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """P10: on stdout stands what was asked for."""
    monkeypatch.setattr(sys, "stdout", Gone())
    monkeypatch.setattr(sys, "stderr", sys.stderr)
    with pytest.raises(SystemExit) as ended:
        main.main(["datasets"])
    assert ended.value.code == 1


def test_only_a_reader_that_is_gone_can_be_missed() -> None:
    """A full disk is a failure of what stands on stdout, and an end of the process is one."""
    with pytest.raises(OSError, match="No space left"), missable():
        raise OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(SystemExit), missable():
        raise SystemExit(1)
