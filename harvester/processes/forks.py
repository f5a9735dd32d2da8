"""Where worker processes come from: a server that loads the program once, and forks itself for each.

To load it takes a second of a core, in which 20,000 sessions could be harvested. The server is the standard
library's; whoever knows early that there will be workers has it load beside this process.
"""

import multiprocessing
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import forkserver, resource_tracker
from multiprocessing.process import BaseProcess

__all__ = ["Work", "exit_code", "prepare", "started"]

Work = Callable[[socket.socket, socket.socket], None]
"""What a worker does, with two ways to talk to its coordinator; a function of a module."""

_FORKS = multiprocessing.get_context("forkserver")
_WORKER = "harvester.processes.worker"
_PATIENCE = 10  # seconds for a process to be gone that was killed or has said good-bye


def prepare() -> None:
    """Begin to load what workers need, in a process of its own; it ends with this one, and by no signal."""
    _FORKS.set_forkserver_preload([_WORKER])
    resource_tracker.ensure_running()  # else the server starts it, which lets signals through again
    with _signals_withheld():
        forkserver.ensure_running()


@contextmanager
def started(work: Work, lock: int | None) -> Iterator[tuple[BaseProcess, socket.socket, socket.socket]]:
    """A worker's process and its two sockets; it is dead when the block is left.

    Args:
        work: What it does.
        lock: A file descriptor that it is to hold, too, as long as it lives.
    """
    prepare()
    (books, its_books), (line, its_line) = socket.socketpair(), socket.socketpair()
    with its_books, its_line:
        process = _FORKS.Process(target=work, args=(its_books, its_line))
        process.start()
    try:
        socket.send_fds(books, [b"lock"], [] if lock is None else [lock])
        yield process, books, line
    finally:
        process.kill()
        exit_code(process)
        books.close()
        line.close()


@contextmanager
def _signals_withheld() -> Iterator[None]:
    """What is started in this block has the signals withheld as long as it lives; here they come later.

    Whoever ends a group of processes (``timeout``, systemd) sends them to the server, too. Without it nobody
    would learn how the workers end, which go on until their windows are done.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def exit_code(process: BaseProcess) -> int:
    """How a process ended that has nothing more to do; it is given a little while to end."""
    process.join(_PATIENCE)
    if process.exitcode is None:
        process.kill()
        return -signal.SIGKILL
    return process.exitcode
