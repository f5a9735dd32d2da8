"""Published records, reduced to what their links need: of nested files, or put together from flat tables."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from harvester.datasets import Dataset
from harvester.errors import LakeError
from harvester.lake.entries import Publication
from harvester.lake.rows import TimeColumn
from harvester.links import Link
from harvester.records.flat import Flat
from harvester.window import Window

_ROWS = 8_192  # records as Python objects at a time
_REMEDY = "harvester verify, then harvester repair"


def linked(
    root: Path, file: Publication, dataset: Dataset, links: Sequence[Link], window: Window, *, flat: bool
) -> Iterator[Mapping[str, Any]]:
    """The records of ``window`` in a published partition, oldest first.

    They have the fields of ``links``, and the one that says whether they are still running.

    Raises:
        OSError: A file cannot be read.
        LakeError: A file is damaged, or flat tables do not belong together.
    """
    if flat:
        yield from _joined(root, file, dataset, links, window)
        return
    fields = [
        f"{link.within}.list.element.{name}" if link.within else name
        for link in links
        for name in _fields(link)
    ]
    fields += _running(dataset)
    yield from _rows(root / file.path, dataset, fields, window)


def _joined(
    root: Path, file: Publication, dataset: Dataset, links: Sequence[Link], window: Window
) -> Iterator[Mapping[str, Any]]:
    """Records with the lists that hold links, a window of which is held."""
    lists = {
        table.column: (table.count, root / part.path, _within(links, table.column))
        for table, part in zip(Flat.of(dataset).lists.values(), file.parts, strict=True)
    }
    lists = {column: item for column, item in lists.items() if item[2]}
    held = {column: _by_key(path, dataset, names, window) for column, (_, path, names) in lists.items()}
    own = [*_within(links, None), *_running(dataset), *(count for count, _, _ in lists.values())]
    for record in _rows(root / file.path, dataset, own, window):
        parts = {column: held[column].pop(record[dataset.key], []) for column in lists}
        for column, (count, path, _) in lists.items():
            if len(parts[column]) != (record[count] or 0):
                raise LakeError(f"{path} does not belong to {root / file.path}: {_REMEDY}")
        yield {**record, **parts}


def _by_key(
    path: Path, dataset: Dataset, names: Sequence[str], window: Window
) -> dict[int, list[Mapping[str, Any]]]:
    """Elements of a list by the key of their record, each in its place: so they lie in the file."""
    found: dict[int, list[Mapping[str, Any]]] = {}
    for row in _rows(path, dataset, names, window):
        found.setdefault(row[dataset.key], []).append(row)
    return found


def _rows(path: Path, dataset: Dataset, fields: Sequence[str], window: Window) -> Iterator[Mapping[str, Any]]:
    columns = list(dict.fromkeys((dataset.key, dataset.time_field, *fields)))
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            groups = _groups(file, dataset.time_field, window)
            batches = file.iter_batches(_ROWS, row_groups=groups, columns=columns)
            for batch in TimeColumn(dataset.time_field).cut(batches, window):
                yield from batch.to_pylist()
    except FileNotFoundError as error:
        raise LakeError(f"{path} is not there: {_REMEDY}") from error
    except (OSError, pa.ArrowException) as error:
        if getattr(error, "errno", None):  # of the system; Arrow calls some damage an OSError, too
            raise
        raise LakeError(f"{path} is damaged: {_REMEDY}") from error


def _groups(file: pq.ParquetFile, time: str, window: Window) -> list[int]:
    """The row groups that may have rows of ``window``: a month is looked at once for each of its days."""
    place = file.schema.names.index(time)  # among all leaves, those of lists too
    found = []
    for number in range(file.num_row_groups):
        known = file.metadata.row_group(number).column(place).statistics
        if known is None or (known.min.timestamp() < window.end and known.max.timestamp() >= window.start):
            found.append(number)
    return found


def _within(links: Sequence[Link], column: str | None) -> list[str]:
    """The fields that links need of a list, or of the record itself."""
    return [name for link in links if link.within == column for name in _fields(link)]


def _running(dataset: Dataset) -> list[str]:
    """The field that says whether a record is still running, if there is one."""
    return [] if dataset.running is None else [dataset.running]


def _fields(link: Link) -> tuple[str, ...]:
    return tuple(filter(None, (link.field, link.number, link.progress)))
