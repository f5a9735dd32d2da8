"""What a dataset is to the lake."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from harvester import __version__
from harvester.config import Job
from harvester.lake.database import to_json
from harvester.lake.flat import FlatWriter, joined
from harvester.lake.layout import Granularity
from harvester.lake.rows import TimeColumn, stored
from harvester.lake.writer import DraftWriter, Writer
from harvester.records.flat import Flat
from harvester.records.schema import SCHEMA_VERSION, arrow_schema


@dataclass(frozen=True, slots=True)
class Table:
    """What every file of a dataset has in common.

    Attributes:
        schema: The columns of its records.
        time: The column that rows are sorted and partitioned by.
        key: The column that breaks ties.
        granularity: How long a partition is.
        metadata: Goes into every footer.
        flat: The tables that its records become; ``None`` if they are one, with nested lists.
    """

    schema: pa.Schema
    time: TimeColumn
    key: str
    granularity: Granularity
    metadata: Mapping[str, str]
    flat: Flat | None = None

    def begin(self, drafts: Sequence[Path]) -> Writer:
        """Start the drafts of a partition's files, in the order of the tables.

        Raises:
            OSError: The disk refuses it.
        """
        if self.flat is not None:
            return FlatWriter(drafts, self.flat)
        return DraftWriter(drafts[0], self.schema, sorted_by=(self.time.name, self.key))

    def read(self, files: Sequence[Path]) -> Iterator[pa.RecordBatch]:
        """The records of a partition's published files, given in the order of the tables.

        Raises:
            OSError: A file cannot be read, or its checksums are wrong.
            pa.ArrowException: A file is damaged.
            TablesApartError: The files do not belong together.
        """
        return stored(files[0], self.schema) if self.flat is None else joined(files, self.flat)


def table_of(job: Job, account_id: int) -> Table:
    """The dataset that a job harvests, of this account."""
    return Table(
        schema=arrow_schema(job.dataset),
        time=TimeColumn(job.dataset.time_field),
        key=job.dataset.key,
        granularity=Granularity(job.partition),
        metadata={
            "harvester.version": __version__,
            "harvester.dataset": job.dataset.name,
            "harvester.schema_version": str(SCHEMA_VERSION),
            "harvester.account_id": str(account_id),
            "harvester.identity": to_json(job.identity),
        },
        flat=Flat.of(job.dataset) if job.tables == "flat" else None,
    )
