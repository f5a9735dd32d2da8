from dataclasses import replace
from pathlib import Path
from signal import SIGTERM

import pytest

from harvester.api.pacing import Pace
from harvester.cli import several
from harvester.cli.exit_codes import ExitCode
from harvester.cli.supervise import supervise
from harvester.config import Job
from harvester.datasets import CALLS
from harvester.errors import LakeLockedError, first_failure
from harvester.window import Window
from tests.cli.test_supervise import Deed, Screen, Work, fail, kill

JOB = Job(dataset=CALLS, name="one", window=Window(0, 1), lake=Path("lake"), credentials=Path("key"))
JOBS = [JOB, replace(JOB, name="two"), replace(JOB, name="three")]


async def _code(*deeds: Deed) -> tuple[int, list[str]]:
    """The exit code of three jobs, the first of which does ``deeds``, and those that were begun."""
    begun: list[str] = []

    async def work(job: Job, _pace: Pace) -> int:
        begun.append(job.name)
        _, signals = await supervise(Work(*deeds if job is JOB else ()), Screen())
        return ExitCode.SIGNAL + signals[0] if signals else ExitCode.COMPLETE

    return await several._in_turn(JOBS, work, lambda failure: isinstance(failure, LakeLockedError)), begun


async def test_a_failure_is_the_jobs_own(capsys: pytest.CaptureFixture[str]) -> None:
    """The others are done, and it is told, and in the exit code."""
    assert await _code(fail) == (ExitCode.UNEXPECTED, ["one", "two", "three"])
    assert "No space left" in capsys.readouterr().err


async def test_a_signal_ends_all_jobs() -> None:
    """None of the others is begun."""
    assert await _code(kill(SIGTERM)) == (ExitCode.SIGNAL + SIGTERM, ["one"])


async def test_a_signal_ends_all_jobs_also_if_one_fails_after_it(capsys: pytest.CaptureFixture[str]) -> None:
    """The failure is told, and does not make the signal forgotten."""
    assert await _code(kill(SIGTERM), fail) == (ExitCode.SIGNAL + SIGTERM, ["one"])
    assert "No space left" in capsys.readouterr().err


async def test_what_is_everybodys_ends_all_jobs() -> None:
    """It is raised, and told once by whoever explains failures."""

    def locked() -> None:
        raise LakeLockedError("another run owns the lake")

    with pytest.raises(ExceptionGroup) as failure:
        await _code(locked)
    assert isinstance(first_failure(failure.value), LakeLockedError)
