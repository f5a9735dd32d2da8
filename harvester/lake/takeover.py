"""Files of a child account that an earlier version kept among its parent's, moved to where they belong."""

from dataclasses import replace
from pathlib import PurePosixPath

from harvester.lake.attachments import Day, plain
from harvester.lake.audit import Audit
from harvester.lake.database import Database
from harvester.lake.manifest import STORED
from harvester.lake.notes import journalled
from harvester.lake.shelf import Shelf

__all__ = ["take_over"]


def take_over(day: Day, shelf: Shelf, shared: Shelf, audit: Audit, database: Database) -> None:
    """Move the child's files of a day from ``shared`` to ``shelf``; a file is the child's by its URL.

    A kill at any moment leaves each file on one of the two, and the next run goes on from there. What lies on
    both stays: a dataset of the parent means it too. So does what was deleted, for the audit says where.

    Args:
        day: What the child's records link to.
        shelf: The child's own.
        shared: That of the lake's account.
        audit: What was deleted.
        database: The ledger, which knows who owns the lake.

    Raises:
        DraftError: The disk does not give back what was written.
        LakeError: A table is damaged.
        LakeLockedError: Another owner has taken the lake over.
        OSError: The disk refuses it.
    """
    wanted = {(item.identity, plain(item.url)) for item in day.attachments}
    # Not by identity alone: earlier versions may have listed a log of each account.
    listed = {(one.identity, one.url): one for one in (*shared.rows(), *journalled(shared.journal))}
    held = {identity for identity, entry in shelf.entries(audit).items() if shelf.lies_there(entry)}
    theirs = {
        whose: entry
        for whose, entry in listed.items()
        if whose in wanted and entry.status == STORED and entry.deleted_at is None
        if not (shared.lies_there(entry) and whose[0] in held)
    }
    if not theirs:
        return
    shelf.make()
    with shelf.noting() as notes:
        for entry in theirs.values():
            if not shared.lies_there(entry):
                continue  # moved by a run that was killed, or lost: no row must promise it
            old = shared.root / (entry.path or "")
            target = shelf.files / PurePosixPath(old).name
            database.check_owned()
            # In this order: a file under its final name is one of which everything is known.
            notes.keep(replace(entry, path=str(target.relative_to(shelf.root))))
            shelf.show(old, target)
    shared.publish([entry for whose, entry in listed.items() if whose not in theirs], database)
