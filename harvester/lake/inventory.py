"""Whether the files behind a history are what their table says: there, as long, byte for byte if wanted."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from harvester.datasets import DATASETS
from harvester.errors import LakeError
from harvester.lake.audit import Audit
from harvester.lake.layout import Layout
from harvester.lake.manifest import STORED, Entry
from harvester.lake.partial import Proof, proof_of
from harvester.lake.shelf import MANIFEST, Shelf
from harvester.lake.verify import Finding
from harvester.links import LINKS, TABLE

_KEYS = {DATASETS[name].key for name in LINKS}
_DAYS = ("date=*", "account_id=*/date=*")
_ANEW = "harvester recordings asks for it again"


@dataclass(frozen=True, slots=True)
class Inventory:
    """The files of a lake.

    Attributes:
        rows: Rows of the table.
        files: Those of them that are stored.
        bytes: Their size, as the table says.
        findings: What is not as it says.
    """

    rows: int
    files: int
    bytes: int
    findings: tuple[Finding, ...]


def inventory(root: Path, *, whole: bool, jobs: int) -> Inventory | None:
    """Look at every file that the table of a lake calls stored; nothing may run beside it.

    Args:
        root: The lake.
        whole: Read them, too; else only their size is looked at.
        jobs: Files to look at side by side.

    Returns:
        What there is; ``None`` if the lake has no such files.

    Raises:
        OSError: The disk refuses it.
    """
    audit = Audit.of(root)
    # Also those that are lost as a whole, if the vendor has no more what lay there.
    home = Layout(root, TABLE).folder()
    folders = {path for days in _DAYS for path in home.glob(days) if path.is_dir()}
    folders |= {root / Path(folder).parent for folder in audit.folders}
    if not folders:
        return None
    (key,) = _KEYS
    entries: list[Entry] = []
    findings: list[Finding] = []
    for folder in sorted(folders):
        manifest, shelf = folder / MANIFEST, Shelf.at(root, folder, key)
        try:
            listed = shelf.listed()
            shelf.recall(listed, audit)
            entries += listed.values()
            findings += _strays(shelf, audit)
        except LakeError as error:
            findings.append(
                Finding(manifest.relative_to(root), str(error).replace(f"{manifest} is", "the table is"))
            )
    stored = [entry for entry in entries if entry.status == STORED]
    # What the vendor has no more stays a finding, also when a run has called it lost.
    meant = [entry for entry in entries if entry.status == STORED or entry.deleted_at is not None]
    with ThreadPoolExecutor(jobs, thread_name_prefix="verify") as pool:
        findings += filter(None, pool.map(partial(_examined, root, whole=whole), meant))
    return Inventory(len(entries), len(stored), sum(entry.bytes or 0 for entry in stored), tuple(findings))


def _examined(root: Path, entry: Entry, *, whole: bool) -> Finding | None:
    path = Path(entry.path or "")
    try:
        size = (root / path).stat().st_size
        if size != entry.bytes:
            return _wrong(entry, f"the file has {size} bytes, had {entry.bytes}; {_ANEW}")
        if whole and proof_of(root / path) != Proof(entry.bytes, entry.sha256 or ""):
            return _wrong(entry, f"the file was changed; move it away, and {_ANEW}")
    except FileNotFoundError:
        return _wrong(entry, f"the file is not there; {_ANEW}")
    except OSError as error:
        return _wrong(entry, f"the file cannot be read: {error.strerror}")
    return None


def _wrong(entry: Entry, text: str) -> Finding:
    if entry.deleted_at is not None:
        text = f"{text.partition(';')[0]}; the vendor was made to delete it, and has it no more"
    return Finding(Path(entry.path or ""), text)


def _strays(shelf: Shelf, audit: Audit) -> Iterator[Finding]:
    """Files that neither the table names, nor what a run that was killed left for it, nor the audit."""
    known = {entry.path for entry in shelf.entries(audit).values()}
    lying: Sequence[Path] = sorted(shelf.files.iterdir()) if shelf.files.is_dir() else ()
    for path in lying:
        relative = path.relative_to(shelf.root)
        if str(relative) not in known:
            yield Finding(relative, "no table names this file; move it away", stray=True)
