import subprocess
from pathlib import Path

import pytest

from harvester.errors import LakeLockedError
from harvester.lake.lock import owned
from harvester.processes.coordinator import started


def test_a_worker_without_coordinator_ends_and_keeps_the_lake_until_then(tmp_path: Path) -> None:
    """P6: nobody enters a lake while a worker of its last owner may still be writing."""
    path = tmp_path / "lock"
    with owned(path, started=0.0) as lock:
        worker = started((lock,))
        process, books, line = worker.__enter__()
    with pytest.raises(LakeLockedError), owned(path, started=0.0):
        pass
    assert process.poll() is None
    books.close()  # as when the coordinator dies
    line.close()
    assert process.wait(60) == 1
    with owned(path, started=0.0):
        pass
    worker.__exit__(None, None, None)


def test_a_worker_is_gone_when_its_coordinator_goes_on(tmp_path: Path) -> None:
    """Whatever happens to the run, no process of it is left behind."""
    with owned(tmp_path / "lock", started=0.0) as lock, started((lock,)) as (process, _, _):
        assert process.poll() is None
    assert isinstance(process, subprocess.Popen)
    assert process.returncode == -9
