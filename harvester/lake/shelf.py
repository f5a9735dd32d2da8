"""Where the files of a day lie, whole or on their way, and what is known of them.

::

    <lake>/recordings/date=2024-05-29/manifest.parquet          what readers see
    <lake>/recordings/date=2024-05-29/_files/…                  the files
    <lake>/_harvester/recordings/2024-05-29.jsonl               what is not in the manifest yet
    <lake>/_harvester/recordings/partial/…                      files being received

Where accounts are kept apart, each has a folder ``account_id=4714488`` below both ``recordings``, as has a
child whose calls alone were harvested by filter: keys and numbers are unique within an account only.

Readers that glob ``**/*.parquet`` see manifests alone, for no file ends so; those that take all of a folder
pass over names that begin with ``_``.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Self
from urllib.parse import urlsplit

from harvester.account import apart
from harvester.lake.attachments import Identity
from harvester.lake.audit import Audit
from harvester.lake.database import Database
from harvester.lake.folders import make_folders, sync_folder, sync_folders
from harvester.lake.layout import Layout
from harvester.lake.manifest import FAILED, STORED, Entries, Entry, read, write
from harvester.lake.notes import Notes, journalled
from harvester.lake.partial import Proof, proof_of
from harvester.links import LOG, RECORD, TABLE, TRANSCRIPT

MANIFEST = "manifest.parquet"  # no dataset's: ``place_of`` must not take it for one
_LOST = "lost; the vendor was made to delete it, and has it no more"
_SUFFIXES = {
    "audio/mpeg": ".mp3",
    "audio/mp3": ".mp3",
    "audio/flac": ".flac",
    "audio/ogg": ".ogg",
    "audio/wav": ".wav",
    "audio/x-wav": ".wav",
    "video/mp4": ".mp4",
    "video/webm": ".webm",
    "text/plain": ".txt",
    "application/json": ".json",
    "text/x-log": ".log",
}

_MARKS = re.compile(rf"-?[0-9]+-(?:{RECORD}|{LOG}|{TRANSCRIPT})(?:-[0-9a-f]+)?\.marks")  # of an ``Identity``
_USUAL = {RECORD: ".bin", LOG: ".log", TRANSCRIPT: ".txt"}


@dataclass(frozen=True, slots=True)
class Shelf:
    """Where the files of one day and all that is known of them lie.

    Attributes:
        root: The lake.
        label: The day, as ``2024-05-29``.
        key: What the key is called in the table.
        name: Of the table in the lake; of an account that is kept apart, ``recordings/account_id=123``.
    """

    root: Path
    label: str
    key: str
    name: str = TABLE

    @classmethod
    def at(cls, root: Path, folder: Path, key: str) -> Self:
        """The shelf of a day's partition."""
        place = folder.relative_to(root)
        return cls(root, place.name.partition("=")[2], key, str(place.parent))

    @property
    def layout(self) -> Layout:
        """Of the table."""
        return Layout(self.root, self.name)

    @property
    def account_id(self) -> int | None:
        """Whose the files are, if accounts are kept apart."""
        return apart(self.name)[1]

    @property
    def folder(self) -> Path:
        """The day's partition."""
        return self.layout.folder() / f"date={self.label}"

    @property
    def files(self) -> Path:
        """The day's files."""
        return self.folder / "_files"

    @property
    def partials(self) -> Path:
        """Files being received, of all days; on the lake's file system, so that a rename is atomic."""
        return self.layout.workshop / self.name / "partial"

    @property
    def journal(self) -> Path:
        """What is known and not in the manifest yet."""
        return self.layout.workshop / self.name / f"{self.label}.jsonl"

    def make(self) -> None:
        """Create the folders, and make them durable.

        Raises:
            OSError: The disk refuses it.
        """
        make_folders(self.root, (self.files, self.partials, self.layout.tmp))

    def rows(self) -> Sequence[Entry]:
        """The rows of the manifest, in the order of ``listed``.

        Raises:
            OSError: It cannot be read.
            LakeError: It is damaged.
        """
        manifest = self.folder / MANIFEST
        return read(manifest, self.key) if manifest.exists() else []

    def listed(self) -> Entries:
        """What the manifest says.

        Raises:
            OSError: It cannot be read.
            LakeError: It is damaged.
        """
        return {entry.identity: entry for entry in self.rows()}

    def entries(self, audit: Audit) -> Entries:
        """All that is known: of the manifest, of what a run that was killed left beside it, of ``audit``.

        Raises:
            OSError: It cannot be read.
            LakeError: The manifest is damaged.
        """
        known = self.listed() | {entry.identity: entry for entry in journalled(self.journal)}
        self.recall(known, audit)
        return known

    def recall(self, known: Entries, audit: Audit) -> None:
        """Tell what is known which of the files the vendor has no more.

        Raises:
            OSError: The audit cannot be read.
        """
        audit.recall(known, str(self.files.relative_to(self.root)), self.account_id)

    @contextmanager
    def noting(self) -> Iterator["Notes"]:
        """Keep what becomes known, line by line, until it is in the manifest."""
        with self.journal.open("ab") as file:
            if file.tell():
                file.write(b"\n")  # behind what a crash may have torn; an empty line says nothing
            sync_folder(self.journal.parent)
            yield Notes(file)

    def publish(self, entries: Iterable[Entry], database: Database) -> None:
        """Replace the manifest in one step.

        Args:
            entries: Its rows, in any order.
            database: The ledger. Drafts are named by its epoch, and who takes the lake over removes those of
                earlier ones: after the look at the owner, a rename does nothing or comes in time.

        Raises:
            DraftError: The disk does not give back what was written.
            LakeLockedError: Another owner has taken the lake over.
            OSError: The disk refuses it.
        """
        self.make()  # the day's folder may have been lost, and what lay in it be known from the audit
        path = self.layout.tmp / f"manifest-{self.label}.{database.epoch}.draft"
        draft = write(path, entries, self.key)
        database.check_owned()
        draft.replace(self.folder / MANIFEST)
        sync_folders(self.root, (self.folder,))
        self.journal.unlink(missing_ok=True)
        sync_folder(self.journal.parent)

    def path(self, identity: Identity, suffix: str) -> Path:
        """Where a file lies for good; made of numbers and words of this program, so no URL can steer it."""
        return self.files / f"{identity}{suffix}"

    def show(self, partial: Path, target: Path) -> None:
        """Give a whole file its final name.

        Raises:
            OSError: The disk refuses it.
        """
        partial.replace(target)
        sync_folder(target.parent)

    def drop(self, old: Entry, new: Entry) -> None:
        """Remove a file that another has taken the place of, if that has another name.

        Raises:
            OSError: The disk refuses it.
        """
        if old.path is not None and old.path != new.path:
            (self.files / PurePosixPath(old.path).name).unlink(missing_ok=True)

    def lies_there(self, entry: Entry) -> bool:
        """Whether a stored file is where it should be, and as large."""
        if entry.status != STORED or entry.path is None:
            return False
        try:
            return (self.root / entry.path).stat().st_size == entry.bytes
        except FileNotFoundError:
            return False

    def only_copy(self, entry: Entry) -> Entry:
        """What has become of a file that the vendor has no more: it is lost, or there, or there again.

        Raises:
            OSError: It cannot be read.
        """
        stored = replace(entry, status=STORED, reason=None)
        if not self.lies_there(stored):
            return replace(entry, status=FAILED, reason=_LOST)
        if entry.status == STORED:
            return entry
        # Somebody put a file back, and its size alone does not tell that it is the one.
        same = proof_of(self.root / (entry.path or "")) == Proof(entry.bytes or 0, entry.sha256 or "")
        return stored if same else replace(entry, status=FAILED, reason=_LOST)


def tidy(root: Path) -> None:
    """Remove marks whose file has its final name: a kill came between the two.

    Raises:
        OSError: The disk refuses it.
    """
    for marks in (Layout(root, TABLE).workshop / TABLE).glob("**/partial/*.marks"):
        if _MARKS.fullmatch(marks.name) and marks.is_file() and not marks.with_suffix("").exists():
            marks.unlink()


def suffix_of(kind: str, url: str, content_type: str) -> str:
    """The end of a file's name: as the URL has it, if that is a known one; else by media type or kind."""
    suffix = PurePosixPath(urlsplit(url).path).suffix.lower()
    return suffix if suffix in _SUFFIXES.values() else _SUFFIXES.get(content_type, _USUAL[kind])
