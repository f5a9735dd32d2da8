"""Plants one bug into a copy of the tree, and runs the tests that must notice."""

import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.mutants.mutant import ROOT, Mutant, copied

LIMIT = 300  # seconds; a test that hangs has not noticed anything
_WHOLE = 3_600  # seconds for all tests of the table, one after the other
_OURS = ("COV", "PYTEST")  # of the environment: a run of its own, also below one that is measured
_NOTICED = re.compile(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a mutant.

    Attributes:
        mutant: The bug.
        caught_by: The test that failed; empty if it survived.
        output: What pytest printed.
        seconds: How long it took.
    """

    mutant: Mutant
    caught_by: str
    output: str
    seconds: float


def tried(mutant: Mutant | None, tests: tuple[str, ...], limit: int = LIMIT) -> tuple[int | None, str]:
    """Run tests in a copy of the tree with the bug in it, or without any, for ``limit`` seconds at most.

    Returns:
        Pytest's exit code, ``None`` if it had to be stopped; and what it printed.

    Raises:
        StaleError: The code has moved on.
    """
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        root = copied(Path(folder))
        for file, text in (mutant.texts() if mutant else {}).items():
            (root / file).write_text(text)
        environment = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
        options = ("-x", "-q", "-p", "no:cacheprovider", "--tb=line", "--basetemp", f"{root}/pytest")
        try:
            done = subprocess.run(  # noqa: S603  (our own tests)
                [sys.executable, "-m", "pytest", *options, *tests],
                cwd=root,
                env={**environment, "PYTHONPATH": str(root)},
                capture_output=True,
                text=True,
                check=False,
                timeout=limit,
            )
        except subprocess.TimeoutExpired:
            return None, f"stopped after {limit} s"
        return done.returncode, done.stdout + done.stderr


def judged(mutant: Mutant) -> Verdict:
    """Whether the tests notice it: by a test that fails, not by code that cannot be read or a lack of tests.

    Raises:
        StaleError: The code has moved on.
    """
    started = time.perf_counter()
    code, output = tried(mutant, mutant.caught_by)
    found = _NOTICED.search(output)
    caught_by = found[1] if code == pytest.ExitCode.TESTS_FAILED and found else ""
    return Verdict(mutant, caught_by, output, time.perf_counter() - started)


def unable(tests: tuple[str, ...]) -> str:
    """Why the tests could not notice anything: what they print when no bug is planted; empty if they pass."""
    code, output = tried(None, tests, _WHOLE)
    return "" if code == pytest.ExitCode.OK else output


def missing(test: str) -> str:
    """What of a test's name is not in the tree; empty if it is there."""
    file, _, name = test.partition("::")
    path = ROOT / file
    if not path.is_file():
        return file
    function = name.partition("[")[0]
    return "" if re.search(rf"^(?:async )?def {function}\(", path.read_text(), re.MULTILINE) else name
