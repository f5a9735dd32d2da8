from collections.abc import Callable, Iterable
from functools import partial
from itertools import permutations
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harvester.lake.assembly import Assembly, HarvestedPiece, PublishedPiece
from harvester.lake.layout import Granularity, partition_at
from harvester.lake.rows import stored
from harvester.lake.writer import Draft, DraftError, DraftWriter, Writer
from harvester.window import Window
from tests.lake.history import MONDAY, SCHEMA, TIME, Row, batches, hours, rows_of

SORTED_BY = ("start_date", "key")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the partition's draft is written."""
    return tmp_path / "calls.draft"


def begin(path: Path) -> Callable[[], Writer]:
    """Begins its draft."""
    return partial(DraftWriter, path, SCHEMA, sorted_by=SORTED_BY)


def assembly(*needed: Window, published: Iterable[PublishedPiece] = ()) -> Assembly:
    """Monday's file on its way."""
    return Assembly(partition_at(Granularity.DAY, MONDAY), needed, published)


def piece(start: int, end: int, replayed: list[Window] | None = None) -> HarvestedPiece:
    """The history of some hours; notes when it is replayed."""
    window = hours(start, end)

    def replay() -> list[pa.RecordBatch]:
        assert replayed is not None
        replayed.append(window)
        return batches(rows_of(window))

    return HarvestedPiece(window, batches(rows_of(window)), replay)


def size(window: Window) -> int:
    """How much memory the history of a window takes."""
    return sum(batch.nbytes for batch in batches(rows_of(window)))


def rows_in(draft: Draft) -> list[Row]:
    """A finished draft's rows, as stored."""
    columns = pq.read_table(draft.path).cast(SCHEMA)
    seconds = columns["start_date"].cast(pa.int64())
    return list(
        zip(columns["key"].to_pylist(), seconds.to_pylist(), columns["text"].to_pylist(), strict=True)
    )


@pytest.mark.parametrize("order", list(permutations([(0, 4), (4, 5), (9, 12)])))
def test_pieces_are_written_in_time_order(path: Path, tmp_path: Path, order: list[tuple[int, int]]) -> None:
    """Whatever their order of arrival, around what the published file holds already."""
    file = tmp_path / "calls.parquet"
    writer = DraftWriter(file, SCHEMA, sorted_by=SORTED_BY)
    for batch in batches(rows_of(hours(0, 24))):
        writer.write(batch)
    writer.finish({})
    kept = [
        PublishedPiece(hours(*span), TIME, read)
        for read, span in ((tuple, (20, 24)), (partial(stored, file, SCHEMA), (6, 8)))
    ]
    partition = assembly(hours(0, 12), hours(20, 24), published=kept)
    for span in order:
        partition.add(piece(*span))
        partition.write_ready(begin(path))
    assert partition.missing == (hours(5, 6), hours(8, 9))
    assert partition.covers == (hours(0, 5), hours(6, 8), hours(9, 12), hours(20, 24))
    draft = partition.finish(begin(path), {})
    assert rows_in(draft) == rows_of(hours(0, 5), hours(6, 8), hours(9, 12))


def test_only_what_nothing_older_is_missing_for_is_written(path: Path, row_group: int) -> None:
    """Its memory is given back; the rest is held until its turn. Seconds nobody needs hold nothing back."""
    partition = assembly(hours(2, 10), hours(12, 20))
    for span in ((4, 8), (12, 14)):
        partition.add(piece(*span))
    before = [partition.has_row_group]
    partition.write_ready(begin(path))
    assert partition.held_bytes == size(hours(4, 8)) + size(hours(12, 14))
    partition.add(first := piece(2, 4))
    before.append(partition.has_row_group)
    partition.write_ready(begin(path))
    assert (partition.held_bytes, first.bytes) == (size(hours(12, 14)), 0)
    before.append(partition.has_row_group)
    assert before == [False, True, False]
    partition.add(piece(8, 10))
    partition.write_ready(begin(path))
    assert (partition.held_bytes, partition.missing) == (0, (hours(14, 20),))
    assert path.stat().st_size > row_group
    partition.abort()
    assert not path.exists()


def test_dropped_pieces_are_replayed_when_their_turn_comes(path: Path, row_group: int) -> None:
    """Once each, and not before; until then they take no memory and fill no row group."""
    replayed: list[Window] = []
    partition = assembly(hours(0, 20))
    partition.add(piece(10, 20, replayed))
    partition.add(piece(0, 10, replayed))
    assert partition.has_row_group
    partition.drop()
    assert (partition.held_bytes, partition.has_row_group, replayed) == (0, False, [])
    draft = partition.finish(begin(path), {})
    assert replayed == [hours(0, 10), hours(10, 20)]
    assert rows_in(draft) == rows_of(hours(0, 20))
    assert pq.read_metadata(path).row_group(0).num_rows == row_group


@pytest.mark.parametrize(("start", "end"), [(0, 1), (0, 3)], ids=["fewer", "more"])
def test_a_replay_must_give_the_rows_that_were_proven(start: int, end: int) -> None:
    """P1: not fewer, and not more; else nothing of it is written."""
    kept = HarvestedPiece(
        hours(0, 2), batches(rows_of(hours(0, 2))), lambda: batches(rows_of(hours(start, end)))
    )
    kept.drop()
    with pytest.raises(DraftError, match=r"no longer holds the 6 rows of \[2024-05-27 00:00:00"):
        next(kept.batches())


def test_a_draft_that_fails_is_thrown_away(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether it was begun or not, and whether it failed on the way or at its very end."""
    partition = assembly(hours(0, 2))
    partition.abort()
    partition.add(piece(0, 2))

    def full(_: DraftWriter, __: object) -> Draft:
        raise DraftError("full")

    monkeypatch.setattr(DraftWriter, "finish", full)
    with pytest.raises(DraftError, match="full"):
        partition.finish(begin(path), {})
    assert path.exists()
    partition.abort()
    assert not path.exists()
