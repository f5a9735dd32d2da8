"""The table of the files of a lake: one Parquet file a day, replaced as a whole."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

from harvester import __version__
from harvester.errors import LakeError
from harvester.lake.attachments import Identity
from harvester.lake.writer import DraftWriter
from harvester.links import TABLE

STORED, GONE, FAILED = "stored", "gone", "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What is known of one file; a row of the table, whose first column is named as the dataset's key.

    Attributes:
        key: Of the record that links to it.
        kind: ``record``, ``log`` or ``transcript``.
        record_id: The vendor's id of the recording that it is, or belongs to.
        url: Where it was, without user, query and fragment.
        status: ``stored``, ``gone`` (403, 404 or 410), or ``failed``; of what is lost and deleted that, too.
        http_status: Of the last answer, if there was one.
        reason: Why it is not stored, or why what is stored may not be all of it.
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


def read(path: Path, key: str) -> list[Entry]:
    """The rows of a manifest; of several of one file, as of a log that moved, the last one counts.

    Args:
        path: The file.
        key: What the key is called in it.

    Raises:
        OSError: It cannot be read.
        LakeError: It is damaged.
    """
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            table = file.read()
        for name, kind in _TYPES.items():
            if kind == _INSTANT:
                column = table[name].cast(_INSTANT).cast(pa.int64())
                table = table.set_column(table.schema.get_field_index(name), name, column)
        entries = [Entry.of({**row, "key": row[key]}) for row in table.to_pylist()]
    except (OSError, pa.ArrowException, KeyError) as error:
        if getattr(error, "errno", None):  # of the system; Arrow calls some damage an OSError, too
            raise
        raise LakeError(
            f"{path} is damaged; move it away, and the files of that day are asked for again"
        ) from error
    return sorted(entries, key=lambda entry: (entry.status == STORED, entry.fetched_at))


def write(path: Path, entries: Iterable[Entry], key: str) -> Path:
    """Write a manifest, durable and read back.

    Args:
        path: Where, until it is given its name.
        entries: Its rows, in any order.
        key: What the key is to be called.

    Raises:
        DraftError: The disk does not give back what was written.
        OSError: The disk refuses it.
    """
    rows = sorted(entries, key=lambda entry: (entry.key, entry.kind, entry.identity.mark))
    schema = pa.schema([pa.field(key, pa.int64(), nullable=False), *_TYPES.items()])
    values = [{key: entry.key, **entry.as_values()} for entry in rows]
    draft = DraftWriter(path, schema, sorted_by=(key, "kind"))
    try:
        draft.write(pa.RecordBatch.from_pylist(values, schema))
        return draft.finish({"harvester.version": __version__, "harvester.table": TABLE}).path
    except BaseException:
        draft.abort()
        raise
