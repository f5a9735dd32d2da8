"""How drafts become visible: decided, renamed, synced, written down; and what a crash in between leaves.

Order: draft durable → intent durable → rename → folders durable → published durable. A crash between any two
leaves either the old file or the new one, and the next start tells which by its hash.
"""

import errno
import hashlib
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from harvester.errors import LakeError
from harvester.lake.catalog import Catalog
from harvester.lake.entries import Intent
from harvester.lake.folders import sync_folders
from harvester.lake.layout import Layout


def show(root: Path, intents: Iterable[Intent]) -> None:
    """Rename drafts over the files that readers see, and make the renames durable.

    Args:
        root: The lake.
        intents: What the ledger has decided to publish.

    Raises:
        LakeError: A folder lies on another file system; nothing was copied.
        OSError: The disk refuses it; the next start finds out which renames happened.
    """
    intents = tuple(intents)
    for intent in intents:
        target = root / intent.publication.path
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            intent.draft.replace(target)
        except OSError as error:
            if error.errno == errno.EXDEV:
                raise LakeError(
                    f"{target.parent} lies on another file system than {intent.draft.parent}, so no file can"
                    " replace another there in one step; move it, and run again"
                ) from error
            raise
    _sync(root, intents)


def _sync(root: Path, intents: Iterable[Intent]) -> None:
    sync_folders(root, ((root / intent.publication.path).parent for intent in intents))


def recover(layout: Layout, catalog: Catalog) -> None:
    """Finish or take back what a crash interrupted, then clear away its drafts.

    A file that has the decided hash is published; a draft that has it is renamed now; neither: the decision
    is taken back, and the partition stays as readers know it.

    The owner before may not be dead, only paused. It can write no ledger, and here its drafts are taken from
    it: a draft is gone before the file is looked at, so that a rename it still had in mind finds nothing, or
    came before the look. Drafts of a later owner are not touched: one that is fenced itself does no harm.

    Raises:
        OSError: The disk refuses it; nothing was deleted.
        LakeLockedError: Another owner has taken the lake over.
    """
    for intent, run in catalog.intents():
        target, wanted = layout.root / intent.publication.path, intent.publication.sha256
        if _hash(intent.draft) == wanted:
            with suppress(FileNotFoundError):  # its owner woke up, and was quicker
                show(layout.root, [intent])
        else:
            intent.draft.unlink(missing_ok=True)
        if _hash(target) == wanted:
            # The crash may have come after the rename and before its sync.
            _sync(layout.root, [intent])
            catalog.publish([intent.publication], run)
        else:
            catalog.withdraw([intent])
    for draft in layout.drafts(until=catalog.epoch):
        draft.unlink(missing_ok=True)


def _hash(path: Path) -> str | None:
    if not path.exists():
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
