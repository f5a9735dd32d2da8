"""The one way into a lake for whoever writes: its lock, its ledger, and whether there should be one."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harvester.errors import LedgerDamagedError
from harvester.lake.database import Database
from harvester.lake.layout import Layout, has_files
from harvester.lake.lock import owned
from harvester.lake.soundness import refuse_remains


def has_begun(layout: Layout) -> bool:
    """Whether there is a ledger; false if nothing was harvested here yet.

    Raises:
        LedgerDamagedError: There is none beside published files: a new one would forget what they hold.
    """
    refuse_remains(layout.ledger)
    # In this order: a ledger comes before the first file, also if that happens just now.
    if _has_content(layout.ledger):
        return True
    if not has_files(layout.root):
        return False
    if not _has_content(layout.ledger):
        raise LedgerDamagedError(layout.ledger, "there is none, and the lake has published files")
    return True


@contextmanager
def entered(layout: Layout, *, started: float) -> Iterator[Database]:
    """Own the lake, and open its ledger for writing.

    Args:
        layout: The lake; its folders exist.
        started: Unix time.

    Raises:
        LakeLockedError: Another run owns the lake.
        LakeError: The ledger cannot be used, or is lost.
    """
    with owned(layout.lock, started=started) as lock:
        has_begun(layout)
        with Database.open(layout.ledger, started=started) as database:
            database.lock = lock
            yield database


def _has_content(ledger: Path) -> bool:
    """An empty file is what a crash in the first instant leaves."""
    return ledger.exists() and ledger.stat().st_size > 0
