"""The table of the files of a lake: one Parquet file a day, replaced by a rename, beside the files.

::

    <lake>/recordings/date=2024-05-29/manifest.parquet          what readers see
    <lake>/recordings/date=2024-05-29/_files/…                  the files
    <lake>/_harvester/recordings/2024-05-29.jsonl               what is not in the manifest yet
    <lake>/_harvester/recordings/partial/…                      files being received

Readers that glob ``**/*.parquet`` see manifests alone, for no file ends so; those that take all of a folder
pass over names that begin with ``_``.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path, PurePosixPath
from typing import Any, Self
from urllib.parse import urlsplit

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from harvester import __version__
from harvester.lake.attachments import Identity
from harvester.lake.folders import make_folders, sync_folder, sync_folders
from harvester.lake.layout import Layout
from harvester.lake.writer import DraftWriter
from harvester.links import LOG, RECORD, TABLE, TRANSCRIPT

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

_USUAL = {RECORD: ".bin", LOG: ".log", TRANSCRIPT: ".txt"}

STORED, GONE, FAILED = "stored", "gone", "failed"
_NAME = "manifest.parquet"  # no dataset's: ``place_of`` must not take it for one


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What is known of one file; a row of the table, whose first column is named as the dataset's key.

    Attributes:
        key: Of the record that links to it.
        kind: ``record``, ``log`` or ``transcript``.
        record_id: The vendor's id of the recording that it is, or belongs to.
        url: Where it was, without user, query and fragment.
        status: ``stored``, ``gone`` (403, 404 or 410), or ``failed``.
        http_status: Of the last answer, if there was one.
        reason: Why it is not stored.
        path: Where it lies, relative to the lake.
        bytes: Its size.
        sha256: Its hash, hexadecimal.
        content_type: As the server said.
        fetched_at: When it was asked for last; Unix time.
        deleted_at: When the vendor was made to delete it; Unix time.
    """

    key: int
    kind: str
    record_id: int | None
    url: str
    status: str
    http_status: int | None = None
    reason: str | None = None
    path: str | None = None
    bytes: int | None = None
    sha256: str | None = None
    content_type: str | None = None
    fetched_at: int
    deleted_at: int | None = None

    @property
    def identity(self) -> Identity:
        """What tells it from others."""
        return Identity.of(self.key, self.kind, self.record_id, self.url)

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """An entry from the values of its fields; whatever else there is, is passed over."""
        known: dict[str, Any] = {item.name: values.get(item.name) for item in fields(cls)}
        return cls(**known)

    def as_values(self) -> dict[str, Any]:
        """Its fields by name."""
        return {item.name: getattr(self, item.name) for item in fields(self)}


Entries = dict[Identity, Entry]

_INSTANT = pa.timestamp("s", "UTC")
_TYPES = {
    "kind": pa.string(),
    "record_id": pa.int64(),
    "url": pa.string(),
    "status": pa.string(),
    "http_status": pa.int32(),
    "reason": pa.string(),
    "path": pa.string(),
    "bytes": pa.int64(),
    "sha256": pa.string(),
    "content_type": pa.string(),
    "fetched_at": _INSTANT,
    "deleted_at": _INSTANT,
}


@dataclass(frozen=True, slots=True)
class Shelf:
    """Where the files of one day and all that is known of them lie.

    Attributes:
        root: The lake.
        label: The day, as ``2024-05-29``.
        key: What the key is called in the table.
    """

    root: Path
    label: str
    key: str

    @property
    def layout(self) -> Layout:
        """Of the table."""
        return Layout(self.root, TABLE)

    @property
    def folder(self) -> Path:
        """The day's partition."""
        return self.layout.table / f"date={self.label}"

    @property
    def files(self) -> Path:
        """The day's files."""
        return self.folder / "_files"

    @property
    def partials(self) -> Path:
        """Files being received, of all days."""
        return partials(self.root)

    @property
    def journal(self) -> Path:
        """What is known and not in the manifest yet."""
        return self.layout.workshop / TABLE / f"{self.label}.jsonl"

    def make(self) -> None:
        """Create the folders, and make them durable.

        Raises:
            OSError: The disk refuses it.
        """
        make_folders(self.root, (self.files, self.partials, self.layout.tmp))

    def entries(self) -> Entries:
        """All that is known, of the manifest and of what a run that was killed left beside it.

        Raises:
            OSError: It cannot be read.
            pa.ArrowException: The manifest is damaged.
        """
        known: Entries = {}
        manifest = self.folder / _NAME
        if manifest.exists():
            with pq.ParquetFile(manifest, page_checksum_verification=True) as file:
                table = file.read()
            times = {
                name: table[name].cast(_INSTANT).cast(pa.int64()) for name in ("fetched_at", "deleted_at")
            }
            for name, column in times.items():
                table = table.set_column(table.schema.get_field_index(name), name, column)
            for row in table.to_pylist():
                entry = Entry.of({**row, "key": row[self.key]})
                known[entry.identity] = entry
        return known | {entry.identity: entry for entry in _journalled(self.journal)}

    @contextmanager
    def noting(self) -> Iterator["Notes"]:
        """Keep what becomes known, line by line, until it is in the manifest."""
        with self.journal.open("ab") as file:
            if file.tell():
                file.write(b"\n")  # behind what a crash may have torn; an empty line says nothing
            yield Notes(file)

    def publish(self, entries: Iterable[Entry], epoch: int) -> None:
        """Replace the manifest in one step.

        Args:
            entries: Its rows, in any order.
            epoch: Of the owner: its drafts are its own, and gone when another has taken the lake over.

        Raises:
            DraftError: The disk does not give back what was written.
            OSError: The disk refuses it.
        """
        rows = sorted(entries, key=lambda entry: (entry.key, entry.kind, entry.identity.mark))
        schema = pa.schema([pa.field(self.key, pa.int64(), nullable=False), *_TYPES.items()])
        values = [{self.key: entry.key, **entry.as_values()} for entry in rows]
        draft = DraftWriter(
            self.layout.tmp / f"manifest-{self.label}.{epoch}.draft", schema, sorted_by=(self.key, "kind")
        )
        try:
            draft.write(pa.RecordBatch.from_pylist(values, schema))
            done = draft.finish({"harvester.version": __version__, "harvester.table": TABLE})
        except BaseException:
            draft.abort()
            raise
        done.path.replace(self.folder / _NAME)
        sync_folders(self.root, (self.folder,))
        self.journal.unlink(missing_ok=True)

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

    def lies_there(self, entry: Entry) -> bool:
        """Whether a stored file is where it should be, and as large."""
        if entry.status != STORED or entry.path is None:
            return False
        try:
            return (self.root / entry.path).stat().st_size == entry.bytes
        except FileNotFoundError:
            return False


class Notes:
    """The journal of a day while it is written."""

    def __init__(self, file: Any) -> None:  # noqa: ANN401  (a binary file)
        self._file = file

    def keep(self, entry: Entry) -> None:
        """Write an entry down; durable when it returns.

        Raises:
            OSError: The disk refuses it.
        """
        self._file.write(orjson.dumps(entry.as_values(), option=orjson.OPT_APPEND_NEWLINE))
        self._file.flush()
        os.fsync(self._file.fileno())


def partials(root: Path) -> Path:
    """Where files are received; on the lake's own file system, so that a rename is atomic."""
    return Layout(root, TABLE).workshop / TABLE / "partial"


def suffix_of(kind: str, url: str, content_type: str) -> str:
    """The end of a file's name: as the URL has it, if that is a known one; else by media type or kind."""
    suffix = PurePosixPath(urlsplit(url).path).suffix.lower()
    return suffix if suffix in _SUFFIXES.values() else _SUFFIXES.get(content_type, _USUAL[kind])


def _journalled(path: Path) -> Iterator[Entry]:
    if not path.exists():
        return
    for line in path.read_bytes().splitlines():
        try:
            yield Entry.of(orjson.loads(line))
        except (orjson.JSONDecodeError, TypeError):  # torn by a crash: what it told is asked for again
            continue
