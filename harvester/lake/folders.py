"""Names that last: a new one is safe from a power cut only when the folder it stands in is synced."""

import os
from collections.abc import Iterable
from pathlib import Path

from harvester.errors import LakeError


def make_folders(root: Path, folders: Iterable[Path], *, private: Iterable[Path] = ()) -> None:
    """Create what is not there of ``folders``, all below ``root``, and make it durable.

    What exists is synced too: a run that was killed may have made it and not got so far.

    Args:
        root: Where the names begin that are to last.
        folders: For whom the umask says.
        private: For their owner alone; those that exist stay as somebody wanted them.

    Raises:
        OSError: The disk refuses it.
    """
    folders, private = tuple(folders), tuple(private)
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
    for folder in private:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    sync_folders(root, (*folders, *private))


def sync_folders(root: Path, folders: Iterable[Path]) -> None:
    """Make the names in ``folders``, all below ``root``, durable, and in every folder from there up to it.

    Raises:
        OSError: The disk refuses it.
    """
    changed = {root}
    for folder in folders:
        for place in (folder, *folder.parents):
            if place in changed:  # and so is all above it, up to the root
                break
            changed.add(place)
    for folder in sorted(changed):
        sync_folder(folder)


def sync_folder(folder: Path) -> None:
    """Make the names in ``folder`` durable.

    Raises:
        OSError: The disk refuses it.
    """
    _sync(folder, os.O_RDONLY | os.O_DIRECTORY)


def sync_file(path: Path) -> None:
    """Make the bytes of a file durable; its name is a matter of its folder.

    Raises:
        OSError: The disk refuses it.
    """
    _sync(path, os.O_RDONLY)


def _sync(path: Path, flags: int) -> None:
    handle = os.open(path, flags)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def unwritable(root: Path, error: OSError) -> LakeError:
    """What the disk's refusal means to who called for the lake ``root``."""
    return LakeError(f"{root} cannot be written ({error.strerror}); give a folder you own with --lake")
