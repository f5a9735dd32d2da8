"""Worker processes: how they begin, and that none is left behind."""

import os
import signal
import socket
from pathlib import Path

import pytest

from harvester.errors import LakeLockedError
from harvester.lake.lock import owned
from harvester.processes.forks import exit_code, started
from harvester.processes.worker import work

pytestmark = pytest.mark.real_time


def _silent(books: socket.socket, line: socket.socket) -> None:
    """A worker that has nothing to do."""
    books.close()
    line.close()


def _patient(books: socket.socket, line: socket.socket) -> None:
    """A worker that tells who forked it, and works until it is told to end."""
    books.sendall(str(os.getppid()).encode())
    line.recv(1)


def test_a_worker_without_coordinator_ends_and_keeps_the_lake_until_then(tmp_path: Path) -> None:
    """P6: nobody enters a lake while a worker of its last owner may still be writing."""
    path = tmp_path / "lock"
    with owned(path, started=0.0) as lock:
        worker = started(work, lock)
        process, books, line = worker.__enter__()
    with pytest.raises(LakeLockedError), owned(path, started=0.0):
        pass
    assert process.is_alive()
    books.close()  # as when the coordinator dies
    line.close()
    assert exit_code(process) == 1
    with owned(path, started=0.0):
        pass
    worker.__exit__(None, None, None)


def test_a_worker_is_gone_when_its_coordinator_goes_on(tmp_path: Path) -> None:
    """Whatever happens to the run, no process of it is left behind."""
    with owned(tmp_path / "lock", started=0.0) as lock, started(work, lock) as (process, _, _):
        assert process.is_alive()
    assert process.exitcode == -9


def test_one_that_has_done_its_work_ends_well() -> None:
    """Its exit code is its own, not that of the signal that ends those which are left."""
    with started(_silent, None) as (process, _, _):
        assert exit_code(process) == 0
    assert process.exitcode == 0


def test_the_server_of_forks_outlives_a_signal_to_its_group() -> None:
    """A worker that finishes its windows after it is not taken for one that has failed."""
    with started(_patient, None) as (process, books, line):
        server = int(books.recv(32))
        os.kill(server, signal.SIGTERM)
        with started(_silent, None) as (other, _, _):  # by now the server has had the signal
            assert exit_code(other) == 0
        assert process.is_alive()
        line.sendall(b".")
        assert exit_code(process) == 0
