import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harvester.lake.writer import Draft, DraftError, DraftWriter
from tests.lake.history import HISTORY, SCHEMA, batches


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a draft is written."""
    return tmp_path / "calls.draft"


def started(path: Path) -> DraftWriter:
    """An empty draft."""
    return DraftWriter(path, SCHEMA, sorted_by=("start_date", "key"))


def written(path: Path, rows: int, size: int = 7, metadata: Mapping[str, str] | None = None) -> Draft:
    """A draft of the history's first ``rows`` records, given ``size`` a batch."""
    writer = started(path)
    for batch in batches(HISTORY[:rows], size):
        writer.write(batch)
    return writer.finish(metadata or {})


@pytest.mark.parametrize("size", [1, 3, 9, 10, 11, 30, 45])
@pytest.mark.parametrize(
    ("rows", "groups"), [(0, []), (9, [9]), (10, [10]), (30, [10, 10, 10]), (45, [10, 10, 10, 10, 5])]
)
def test_row_groups_are_cut_by_rows_alone(
    path: Path, row_group: int, rows: int, groups: list[int], size: int
) -> None:
    """Exactly ``ROW_GROUP`` each but the last, and the same bytes, however the batches arrive."""
    draft = written(path, rows, size)
    footer = pq.read_metadata(path)
    assert [footer.row_group(at).num_rows for at in range(footer.num_row_groups)] == groups
    assert draft.sha256 == written(path, rows, row_group).sha256


def test_a_draft_says_what_it_is(path: Path) -> None:
    """Its rows, size and hash are the file's; what it covers and how it is sorted stands in the footer."""
    draft = written(path, 20, metadata={"harvester.run": "7"})
    content = path.read_bytes()
    footer = pq.read_metadata(path)
    assert draft == Draft(path, 20, len(content), hashlib.sha256(content).hexdigest())
    assert footer.metadata[b"harvester.run"] == b"7"
    for place in range(footer.num_columns):
        column = footer.row_group(0).column(place)
        assert column.compression == "ZSTD"
        assert column.is_stats_set
    assert footer.row_group(0).column(0).statistics.max == HISTORY[19][0]
    assert [column.column_index for column in footer.row_group(0).sorting_columns] == [1, 0]
    assert (
        pq.read_table(path).cast(SCHEMA).to_pylist()
        == pa.Table.from_batches(batches(HISTORY[:20])).to_pylist()
    )


def test_no_flipped_byte_is_read_back_as_data(path: Path) -> None:
    """P3: page checksums are there; a damaged page is an error, never another value."""
    written(path, 20)
    whole, rows = path.read_bytes(), pq.read_table(path)
    footer_length = int.from_bytes(whole[-8:-4], "little")
    found = 0
    for place in range(4, len(whole) - footer_length - 8):
        path.write_bytes(bytes([*whole[:place], whole[place] ^ 0x10, *whole[place + 1 :]]))
        try:
            with pq.ParquetFile(path, page_checksum_verification=True) as file:
                assert file.read().equals(rows), place
        except (OSError, pa.ArrowException):
            found += 1
    assert found > 100


def test_what_is_not_yet_on_disk_is_counted(path: Path, row_group: int) -> None:
    """A full row group is on disk at once; less than one waits."""
    writer = started(path)
    first, *others = batches(HISTORY[: row_group + 3], row_group)
    writer.write(first)
    assert (writer.rows, writer.waiting_bytes) == (row_group, 0)
    assert path.stat().st_size > first.num_rows
    for batch in others:
        writer.write(batch)
    assert writer.rows == row_group + 3
    assert writer.waiting_bytes == sum(batch.nbytes for batch in others)
    writer.abort()


@pytest.mark.parametrize("finished", [False, True])
def test_an_aborted_draft_is_gone(path: Path, row_group: int, *, finished: bool) -> None:
    """Also one whose disk refused the end of it, and one that is gone already."""
    writer = started(path)
    writer.write(batches(HISTORY[:15], 15 * row_group)[0])
    if finished:
        writer.finish({})
    for _ in range(2):
        writer.abort()
        assert not path.exists()


def test_a_draft_starts_over_what_a_dead_run_left(path: Path) -> None:
    """Nothing of it stays."""
    path.write_bytes(b"half a file" * 1_000)
    assert written(path, 3).rows == 3
    assert pq.read_metadata(path).num_rows == 3


def test_a_full_disk_is_noticed_when_an_abort_closes(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Closing what is thrown away may fail; it is thrown away all the same."""
    writer = started(path)

    def full() -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(writer._writer, "close", full)
    writer.abort()
    assert not path.exists()


def test_a_draft_that_is_not_what_was_written_is_no_draft(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """P1: the footer is read back; rows that the file does not hold are not taken for published."""
    writer = started(path)
    for batch in batches(HISTORY[:20]):
        writer.write(batch)
    lost = writer._writer.write_table
    monkeypatch.setattr(
        writer._writer, "write_table", lambda table, row_group_size: lost(table[1:], row_group_size)
    )
    with pytest.raises(DraftError, match=r"calls\.draft holds 19 rows, 20 were written"):
        writer.finish({})


def test_bytes_that_the_disk_changed_are_no_draft(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """P3: rows and footer are right, and one byte of a page is not what was written: it is not published."""
    writer = started(path)
    for batch in batches(HISTORY[:20]):
        writer.write(batch)
    sync = os.fsync

    def flip(handle: int) -> None:
        content = bytearray(path.read_bytes())
        content[20] ^= 1
        path.write_bytes(content)
        sync(handle)

    monkeypatch.setattr(os, "fsync", flip)
    with pytest.raises(DraftError, match="bytes that are not the"):
        writer.finish({})
    writer.abort()
    assert not path.exists()
