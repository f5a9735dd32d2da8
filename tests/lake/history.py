"""A tiny dataset with a known history, and a lake as a run has it open."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pyarrow as pa
from hypothesis import settings

from harvester.lake.catalog import Catalog
from harvester.lake.database import Database
from harvester.lake.entries import ProvenWindow
from harvester.lake.layout import Granularity, Layout
from harvester.lake.ledger import Ledger
from harvester.lake.rows import TimeColumn
from harvester.lake.sink import Sink
from harvester.lake.spool import Spool
from harvester.lake.table import Table
from harvester.window import Window, shares

Row = tuple[int, int, str | None]

STEADY = settings(deadline=None, derandomize=True)  # the same examples every time, and no clock

HOUR = 3_600
MONDAY = 1_716_768_000  # 2024-05-27 00:00:00 UTC
SCHEMA = pa.schema(
    [
        pa.field("key", pa.int64(), nullable=False),
        pa.field("start_date", pa.timestamp("s", "UTC"), nullable=False),
        pa.field("text", pa.string()),
    ]
)
TIME = TimeColumn("start_date")
TABLE = Table(SCHEMA, TIME, "key", Granularity.DAY, {"harvester.dataset": "calls"})


def hours(start: int, end: int) -> Window:
    """The span between two hours, counted from Monday's midnight."""
    return Window(MONDAY + start * HOUR, MONDAY + end * HOUR)


ALL = hours(0, 96)
MONDAYS_FILE = "date=2024-05-27/calls-2024-05-27.parquet"
TUESDAYS_FILE = "date=2024-05-28/calls-2024-05-28.parquet"
THURSDAYS_FILE = "date=2024-05-30/calls-2024-05-30.parquet"


def rows_at(seconds: Sequence[int], first_key: int = 0) -> list[Row]:
    """One record a second given; keys count up from ``first_key``."""
    return [
        (key, second, None if key % 5 == 0 else f"record {key}")
        for key, second in enumerate(seconds, first_key)
    ]


# Two records every 40 minutes, until 20:00 on Monday; a like Tuesday; nothing on Wednesday; a like Thursday.
HISTORY = rows_at(
    [
        MONDAY + day * 24 * HOUR + tick * 2_400
        for day, ticks in ((0, 30), (1, 36), (3, 36))
        for tick in range(ticks)
        for _ in range(2)
    ]
)


def rows_of(*windows: Window) -> list[Row]:
    """The history's records inside ``windows``, in order."""
    return [row for row in HISTORY if any(row[1] in window for window in windows)]


def batches(rows: Sequence[Row], size: int = 7) -> list[pa.RecordBatch]:
    """Records as Arrow, ``size`` a batch."""
    names = SCHEMA.names
    return [
        pa.RecordBatch.from_pylist(
            [dict(zip(names, row, strict=True)) for row in rows[at : at + size]], SCHEMA
        )
        for at in range(0, len(rows), size)
    ]


class Lake:
    """A lake whose ledger is open.

    Attributes:
        table: What its files have in common.
        history: What its account holds.
        replayed: The windows whose answers were decoded again, in order.
    """

    table = TABLE

    def __init__(self, layout: Layout, database: Database, thread: Executor) -> None:
        self.layout = layout
        self.database = database
        self.ledger = Ledger(database, layout.name)
        self.catalog = Catalog(database, layout.name)
        self.spool = Spool(layout.spool)
        self.history: Sequence[Row] = HISTORY
        self.replayed: list[Window] = []
        self._thread = thread

    def answer(self, window: Window) -> list[pa.RecordBatch]:
        """The records of a window."""
        return batches([row for row in self.history if row[1] in window])

    def sink(self, *todo: Window, memory: int = 1 << 30) -> Sink:
        """The sink of a new run that is to prove ``todo``."""
        return Sink(
            self.layout,
            self.table,
            self.catalog,
            self.spool,
            todo=todo,
            replay=self._replay,
            run=self.ledger.begin(Window(todo[0].start, todo[-1].end), 0.0),
            thread=self._thread,
            memory=memory,
        )

    async def give(self, sink: Sink, *windows: Window, leave: Sequence[Window] = ()) -> None:
        """Prove windows and hand them over, in this order, as the pipeline does; records run in ``leave``."""
        for window in windows:
            found = self.answer(window)
            self.spool.file(window.start).append("question", "identity", b"answer")
            proven = ProvenWindow(window, sum(batch.num_rows for batch in found))
            self.ledger.record(window, proven=[proven], run=1)
            await sink.take(window, found, leave=[part for part in leave if part.meets(window)])

    async def harvest(self, *windows: Window, todo: Sequence[Window] = (), memory: int = 1 << 30) -> Sink:
        """One whole run over ``todo``: by default, over ``windows``."""
        sink = self.sink(*(todo or windows), memory=memory)
        await self.give(sink, *windows)
        return sink

    def files(self) -> dict[str, bytes]:
        """What readers see, by its path below the dataset's folder."""
        table = self.layout.folder()
        return {str(path.relative_to(table)): path.read_bytes() for path in sorted(table.rglob("*.*"))}

    def drafts(self) -> list[Path]:
        """Files that are not finished."""
        return list(self.layout.tmp.iterdir())

    def rows(self) -> list[Row]:
        """What an independent reader finds, file by file, as stored."""
        if not self.files():
            return []
        query = """SELECT key, epoch(start_date)::BIGINT, text FROM read_parquet(?, hive_partitioning = false)
                   ORDER BY filename, file_row_number"""
        with duckdb.connect() as connection:
            return connection.execute(query, [f"{self.layout.folder()}/**/*.parquet"]).fetchall()

    def proven_rows(self) -> list[Row]:
        """What readers should find: the history of the covered seconds."""
        return [row for row in self.history if any(row[1] in window for window in self.catalog.coverage())]

    def _replay(self, window: Window) -> list[pa.RecordBatch]:
        assert window.start in self.spool.starts, f"the answers for {window} are gone"
        self.replayed.append(window)
        return self.answer(window)


@contextmanager
def opened(root: Path, kind: type[Lake] = Lake) -> Iterator[Lake]:
    """Open the lake at ``root`` for the length of the block, making it if it is not there."""
    layout = Layout(root, "calls", tuple(kind.table.flat.schemas) if kind.table.flat else ("",))
    layout.make()
    with Database.open(layout.ledger) as database, ThreadPoolExecutor(1) as thread:
        yield kind(layout, database, thread)


def covered(lake: Lake, span: Window) -> list[Window]:
    """The proven seconds of ``span``."""
    return shares(lake.catalog.coverage(), span)
