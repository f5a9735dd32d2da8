"""What a Parquet file proves when there is no ledger to ask: all is read, and only what is sound believed."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from harvester.lake.entries import Publication
from harvester.lake.footer import Footer, FooterError
from harvester.lake.layout import Place, place_of
from harvester.lake.verify import Expected, Finding
from harvester.records.schema import arrow_schema
from harvester.window import subtract

_MAGIC = b"PAR1"


@dataclass(frozen=True, slots=True)
class Evidence:
    """A sound file: its dataset's name in the lake, what it holds, and what it says of itself."""

    name: str
    file: Publication
    footer: Footer


def inspect(root: Path, path: Path) -> Evidence | Finding:
    """Read a file of a dataset whole, with its page checksums: there is no hash left to compare it with.

    Args:
        root: The lake.
        path: The file, relative to the lake.

    Returns:
        What it proves, or why it proves nothing.
    """
    place = place_of(path)
    if place is None:
        return Finding(path, "no partition has its file there; move it away")
    try:
        footer, file = _read(root, path, place)
    except (OSError, pa.ArrowException, ValueError, KeyError) as error:
        return Finding(path, f"it is not sound: {' '.join(str(error).split())}")
    wrong = Expected(root, footer.dataset.time_field, footer.dataset.key, {}).examine(file)
    return wrong or Evidence(place.name, file, footer)


def _read(root: Path, path: Path, place: Place) -> tuple[Footer, Publication]:
    with pq.ParquetFile(root / path, page_checksum_verification=True) as parquet:
        footer = Footer.of(parquet.metadata.metadata or {})
        if footer.identity["partition"] != place.granularity.value:
            raise FooterError(f"it was cut by {footer.identity['partition']}, its path says otherwise")
        if not footer.covers or any(subtract(window, [place.partition.span]) for window in footer.covers):
            raise FooterError("it claims to cover what does not belong to its partition")
        # Its rows will be joined with new ones, which have this schema.
        parquet.schema_arrow.empty_table().cast(arrow_schema(footer.dataset))
        rows = sum(batch.num_rows for batch in parquet.iter_batches())
        if rows != parquet.metadata.num_rows:
            raise FooterError(f"it has {rows} rows, and says {parquet.metadata.num_rows}")
    with (root / path).open("rb") as content:
        if content.read(len(_MAGIC)) != _MAGIC:  # Arrow looks at the end alone, other readers refuse it
            raise FooterError("it does not begin as a Parquet file")
        content.seek(0)
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    size = (root / path).stat().st_size
    return footer, Publication(
        place.partition.span, path, rows, size, digest, complete=footer.complete, covers=footer.covers
    )
