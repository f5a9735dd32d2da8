"""What a dataset is to the lake."""

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

from harvester.lake.layout import Granularity
from harvester.lake.rows import TimeColumn


@dataclass(frozen=True, slots=True)
class Table:
    """What every file of a dataset has in common.

    Attributes:
        schema: Its columns.
        time: The column that rows are sorted and partitioned by.
        key: The column that breaks ties.
        granularity: How long a partition is.
        metadata: Goes into every footer.
    """

    schema: pa.Schema
    time: TimeColumn
    key: str
    granularity: Granularity
    metadata: Mapping[str, str]
