"""Which published rows say of themselves that something of them is still to come."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from harvester.datasets import Dataset, Sign
from harvester.lake.flat import joined
from harvester.records.flat import Flat
from harvester.window import Window


def unfinished(
    files: Sequence[Path], dataset: Dataset, within: Sequence[Window], *, flat: bool = False
) -> list[int]:
    """When the rows happened that are not final, Unix seconds, ascending.

    Args:
        files: Of a published partition, in the order of the tables.
        dataset: Says by which signs.
        within: Where to look; other rows are passed over.
        flat: Whether records were written as flat tables.

    Raises:
        OSError: A file cannot be read.
        pa.ArrowException: It is damaged.
        TablesApartError: Flat tables do not belong together.
    """
    known = {field.name: {nested.name for nested in field.fields} for field in dataset.fields}
    signs = [sign for sign in dataset.unfinished if sign.field in known.get(sign.within, ())]
    running = dataset.running if dataset.running in known else None
    if not signs and running is None:
        return []
    names = {dataset.time_field, *(sign.within for sign in signs), *([running] if running else ())}
    found: list[int] = []
    stream = joined(files, Flat.of(dataset)) if flat else _stored(files[0], dataset.time_field, names, within)
    for batch in stream:
        rows = {row for sign in signs for row in _rows(batch[sign.within], sign)}
        if running is not None:
            rows.update(pc.indices_nonzero(pc.fill_null(batch[running], fill_value=False)).to_pylist())
        seconds = batch[dataset.time_field].cast(pa.timestamp("s", "UTC")).cast(pa.int64())
        found += seconds.take(pa.array(sorted(rows), pa.int64())).to_pylist()
    return [second for second in found if any(second in window for window in within)]


def _rows(lists: pa.Array, sign: Sign) -> list[int]:
    """The rows that show a sign."""
    values = pc.struct_field(pc.list_flatten(lists), sign.field)
    shows = values.is_null()
    if sign.final:
        shows = pc.invert(pc.or_(shows, pc.is_in(values, pa.array(sign.final, pa.string()))))
    rows: list[int] = pc.list_parent_indices(lists).filter(shows).to_pylist()
    return rows


def _stored(path: Path, time: str, names: set[str], within: Sequence[Window]) -> Iterator[pa.RecordBatch]:
    """The rows of nested records, of the row groups that may lie in ``within``: they say where they lie."""
    with closing(pq.ParquetFile(path, page_checksum_verification=True)) as file:
        column, groups = file.metadata.schema.names.index(time), []
        for number in range(file.num_row_groups):
            limits = file.metadata.row_group(number).column(column).statistics
            span = Window(int(limits.min.timestamp()), int(limits.max.timestamp()) + 1)
            groups += [number] if any(map(span.meets, within)) else []
        if groups:
            yield from file.iter_batches(row_groups=groups, columns=sorted(names))
