"""The disk that fails on command: compiled once, and a warm process that runs on it."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.disk.bench import Server, warm


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is preloaded between the program and libc."""
    compiler = shutil.which("gcc")
    if sys.platform != "linux" or compiler is None:
        pytest.skip("the disk that fails on command needs Linux and gcc")
    target = tmp_path_factory.mktemp("disk") / "disk.so"
    source = Path(__file__).with_name("disk.c")
    command = [
        compiler,
        "-O2",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-shared",
        "-fPIC",
        "-o",
        str(target),
        str(source),
    ]
    subprocess.run(command, check=True)  # noqa: S603  (our own source)
    return target


@pytest.fixture(scope="session")
def server(library: Path) -> Iterator[Server]:
    """Runs the small backfill, as often as it takes."""
    with warm(library) as server:
        yield server
