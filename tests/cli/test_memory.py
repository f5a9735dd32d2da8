"""Where the command's memory comes from."""

import subprocess
import sys

import pytest


@pytest.mark.real_time
def test_arrow_takes_memory_as_c_does() -> None:
    """All of Arrow, Parquet's pages too, uses C's allocator: its own keeps 30 MiB of what is free."""
    code = "import harvester.cli.main, pyarrow; print(pyarrow.default_memory_pool().backend_name)"
    command = [sys.executable, "-c", code]
    told = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603  (this interpreter)
    assert told.stdout == "system\n"
