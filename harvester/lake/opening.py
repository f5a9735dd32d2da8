"""The one way into a lake for whoever writes: its lock, its ledger, and whether there should be one."""

from collections.abc import Iterator
from contextlib import contextmanager

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
    # An empty file is what a crash in the first instant leaves.
    if layout.ledger.exists() and layout.ledger.stat().st_size:
        return True
    if has_files(layout.root):
        raise LedgerDamagedError(layout.ledger, "there is none, and the lake has published files")
    return False


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
    with owned(layout.lock, started=started):
        has_begun(layout)
        with Database.open(layout.ledger, started=started) as database:
            yield database
