"""What a Parquet file proves when there is no ledger to ask: all is read, and only what is sound believed."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from harvester.account import apart
from harvester.lake.entries import Part, Publication
from harvester.lake.footer import Footer, FooterError
from harvester.lake.layout import Layout, Place, place_of
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


def inspect(root: Path, path: Path) -> Evidence | Finding | None:
    """Read a file of a dataset whole, with its page checksums: there is no hash left to compare it with.

    Of flat tables, the others are read with that of the records.

    Args:
        root: The lake.
        path: The file, relative to the lake.

    Returns:
        What it proves, or why it proves nothing; ``None`` if that is for its records to say.
    """
    place = place_of(path)
    if place is None:
        return Finding(path, "no partition has its file there; move it away")
    try:
        footer, part = _read(root, path, place)
        if footer.flat is not None and footer.table != footer.flat.main:
            return None
        others = tuple(_others(root, place, footer))
    except (OSError, pa.ArrowException, ValueError, KeyError) as error:
        return Finding(path, f"it is not sound: {' '.join(str(error).split())}")
    file = Publication(
        place.partition.span,
        path,
        part.rows,
        part.bytes,
        part.sha256,
        complete=footer.complete,
        covers=footer.covers,
        parts=others,
    )
    wrong = Expected(root, footer.dataset.time_field, footer.dataset.key, {}, footer.flat).examine(file)
    return wrong or Evidence(place.name, file, footer)


def _others(root: Path, place: Place, footer: Footer) -> Iterator[Part]:
    """The files of the other tables, if they were published with that of the records."""
    for table in footer.flat.lists if footer.flat else ():
        path = Layout(Path(), place.name).file(place.partition, table)
        try:
            found, part = _read(root, path, replace(place, table=table))
        except FileNotFoundError as error:
            raise FooterError(f"{path} is not there") from error
        except (OSError, pa.ArrowException, ValueError, KeyError) as error:
            raise FooterError(f"{path} is not sound: {error}") from error
        if replace(found, table=footer.table) != footer:
            raise FooterError(f"{path} was not published with it")
        yield part


def _read(root: Path, path: Path, place: Place) -> tuple[Footer, Part]:
    with pq.ParquetFile(root / path, page_checksum_verification=True) as parquet:
        footer = Footer.of(parquet.metadata.metadata or {})
        if footer.identity["partition"] != place.granularity.value:
            raise FooterError(f"it was cut by {footer.identity['partition']}, its path says otherwise")
        account_id = apart(place.name)[1]
        if footer.identity.get("account_id") != account_id:
            raise FooterError(
                f"it is of account {footer.identity.get('account_id')}, its path says otherwise"
            )
        if footer.table != place.table:
            raise FooterError(f"it is of the table {footer.table!r}, its path says otherwise")
        if not footer.covers or any(subtract(window, [place.partition.span]) for window in footer.covers):
            raise FooterError("it claims to cover what does not belong to its partition")
        # Its rows will be joined with new ones, which have this schema.
        schema = footer.flat.schemas[footer.table] if footer.flat else arrow_schema(footer.dataset)
        parquet.schema_arrow.empty_table().cast(schema)
        rows = sum(batch.num_rows for batch in parquet.iter_batches())
        if rows != parquet.metadata.num_rows:
            raise FooterError(f"it has {rows} rows, and says {parquet.metadata.num_rows}")
    with (root / path).open("rb") as content:
        if content.read(len(_MAGIC)) != _MAGIC:  # Arrow looks at the end alone, other readers refuse it
            raise FooterError("it does not begin as a Parquet file")
        content.seek(0)
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    return footer, Part(path, rows, (root / path).stat().st_size, digest)
