"""How drafts become visible: decided, renamed, synced, written down; and what a crash in between leaves.

Order: draft durable → intent durable → rename → folders durable → published durable. A crash between any two
leaves either the old file or the new one, and the next start tells which by its hash.

The files of flat tables are decided on together. Their renames are several steps, and a crash may come in
between; but all drafts are durable by then, so the next start carries out the rest.
"""

import errno
import hashlib
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from operator import or_
from pathlib import Path

from harvester.errors import LakeError
from harvester.lake.catalog import Catalog
from harvester.lake.entries import Intent
from harvester.lake.folders import sync_folders
from harvester.lake.layout import Layout


@dataclass(slots=True)
class Published:
    """What a run has made visible so far."""

    partitions: int = 0
    rows: int = 0
    bytes: int = 0


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
        for draft, file in intent.moves:
            _rename(root / draft, root / file.path)
    _sync(root, intents)


def _rename(draft: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        draft.replace(target)
    except OSError as error:
        if error.errno == errno.EXDEV:
            raise LakeError(
                f"{target.parent} lies on another file system than {draft.parent}, so no file can"
                " replace another there in one step; move it, and run again"
            ) from error
        raise


def _sync(root: Path, intents: Iterable[Intent]) -> None:
    files = (file for intent in intents for file in intent.publication.files)
    sync_folders(root, ((root / file.path).parent for file in files))


def recover(layout: Layout, catalog: Catalog) -> None:
    """Finish or take back what a crash interrupted, then clear away its drafts.

    A file that has the decided hash is published; a draft that has it is renamed now; neither: the decision
    is taken back, and the partition stays as readers know it. Of the files of several tables all are shown,
    or none. Only if somebody harmed a draft between two renames is that impossible: then the partition counts
    as not harvested, and the next run over it reads and replaces all of it.

    The owner before may not be dead, only paused. It can write no ledger, and here its drafts are taken from
    it: a draft is gone before the file is looked at, so that a rename it still had in mind finds nothing, or
    came before the look. Drafts of a later owner are not touched: one that is fenced itself does no harm.

    Raises:
        OSError: The disk refuses it; nothing was deleted.
        LakeLockedError: Another owner has taken the lake over.
    """
    for intent, run in catalog.intents():
        _finish(layout.root, intent)
        shown = _shown(layout.root, intent)
        if all(shown):
            # The crash may have come after the rename and before its sync.
            _sync(layout.root, [intent])
            catalog.publish([intent.publication], run)
            continue
        if any(shown):
            catalog.retract(intent.publication.span)
        catalog.withdraw([intent])
    for draft in layout.drafts(until=catalog.epoch):
        draft.unlink(missing_ok=True)


def _finish(root: Path, intent: Intent) -> None:
    """Carry out the renames that are left, if all can be; else clear the drafts away."""
    sound = [_hash(root / draft) == file.sha256 for draft, file in intent.moves]
    can_all = all(map(or_, sound, _shown(root, intent)))
    for (draft, file), is_sound in zip(intent.moves, sound, strict=True):
        if can_all and is_sound:
            with suppress(FileNotFoundError):  # its owner woke up, and was quicker
                _rename(root / draft, root / file.path)
        else:
            (root / draft).unlink(missing_ok=True)


def _shown(root: Path, intent: Intent) -> list[bool]:
    """Whether each of its files is what was decided on, in the order of the renames."""
    return [_hash(root / file.path) == file.sha256 for _, file in intent.moves]


def _hash(path: Path) -> str | None:
    if not path.exists():
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
