"""The judge of the small backfill: what a reader sees of its lake, by DuckDB alone."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb
import polars as pl

from harvester.window import as_text
from tests.disk.small import COLUMNS, GOOD, RUNS


@dataclass(frozen=True, slots=True)
class Seen:
    """What a reader sees.

    Attributes:
        lost: Sessions of the history that no row holds.
        doubled: Keys of more than one row.
        altered: Rows that no session equals.
        counts: Rows of each partition.
    """

    lost: int
    doubled: int
    altered: int
    counts: Mapping[str, int]


_COUNTS = Counter(f"{as_text(session.second):.13}" for session in GOOD.values())
_EARLY = Counter(f"{as_text(item.second):.13}" for item in GOOD.values() if item.second in RUNS[0])
_ROWS = {
    (item.key, as_text(item.second), item.application, item.rule, item.user): key
    for key, item in GOOD.items()
}
COMPLETE = Seen(0, 0, 0, dict(_COUNTS))
_database = duckdb.connect()


def look(lake: Path, database: duckdb.DuckDBPyConnection = _database) -> Seen:
    """Read the lake by DuckDB, as anyone may at any moment; fails on a torn file."""
    if not list(lake.glob("calls/**/*.parquet")):
        return Seen(len(GOOD), 0, 0, {})
    columns = ", ".join(COLUMNS)
    query = f"SELECT {columns} FROM read_parquet('{lake}/calls/**/*.parquet', hive_partitioning = false)"
    rows = database.execute(query).fetchall()
    keys = Counter(row[0] for row in rows)
    return Seen(
        lost=len(GOOD.keys() - keys.keys()),
        doubled=sum(times > 1 for times in keys.values()),
        altered=sum((row[0], str(row[1])[:19], *row[2:]) not in _ROWS for row in rows),
        counts=dict(Counter(f"{row[1]!s:.13}" for row in rows)),
    )


def look_by_polars(lake: Path) -> Mapping[str, int]:
    """Rows of each partition, as Polars counts them."""
    if not list(lake.glob("calls/**/*.parquet")):
        return {}
    hours = pl.scan_parquet(f"{lake}/calls/**/*.parquet", hive_partitioning=False).select(
        pl.col("start_date").dt.strftime("%Y-%m-%d %H")
    )
    return Counter(hours.collect()["start_date"].to_list())


def is_old_or_new(seen: Seen) -> bool:
    """Whether every partition is as the first run left it, or as the second does, or not there."""
    return not (seen.doubled or seen.altered) and are_old_or_new(seen.counts)


def are_old_or_new(counts: Mapping[str, int]) -> bool:
    """Whether these are the rows of partitions as either run leaves them."""
    return all(count in (_EARLY[partition], _COUNTS[partition]) for partition, count in counts.items())


def promised(marks: Iterable[str]) -> Mapping[str, int]:
    """Rows of the partitions that must be there, once these runs were reported complete."""
    ended = {mark for mark in marks if mark.startswith("complete")}
    if f"complete {RUNS[1].end}" in ended:
        return _COUNTS
    if f"complete {RUNS[0].end}" in ended:
        # The last of them is being replaced by the second run.
        return {name: count for name, count in _EARLY.items() if count == _COUNTS[name]}
    return {}
