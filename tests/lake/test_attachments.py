from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harvester.datasets import CALLS
from harvester.errors import LakeError
from harvester.lake.attachments import Identity, plain
from harvester.lake.entries import Publication
from harvester.lake.linked import linked
from harvester.links import LINKS
from harvester.records.schema import arrow_schema
from harvester.window import Window


def _found(path: Path, window: Window) -> list[Mapping[str, Any]]:
    file = Publication(Window(0, 3000), Path(path.name), 0, 0, "", complete=True)
    return list(linked(path.parent, file, CALLS, LINKS["calls"], window, flat=False))


def test_of_a_long_file_only_what_is_needed_is_read(tmp_path: Path) -> None:
    """Row groups of other days are passed over; rows on both bounds are right."""
    schema = arrow_schema(CALLS)
    seconds = range(0, 1000, 10)
    rows = [{"call_session_history_id": at, "start_date": at, "log_file_url": "x"} for at in seconds]
    batch = pa.RecordBatch.from_pylist(rows, schema)
    pq.write_table(pa.Table.from_batches([batch]), tmp_path / "a.parquet", row_group_size=7)
    for window in (Window(0, 1), Window(60, 71), Window(69, 70), Window(0, 2000), Window(2000, 3000)):
        found = _found(tmp_path / "a.parquet", window)
        assert [row["call_session_history_id"] for row in found] == [at for at in seconds if at in window]


def test_a_damaged_file_is_said(tmp_path: Path) -> None:
    """With what mends it."""
    (tmp_path / "a.parquet").write_bytes(b"PAR1" + bytes(100) + b"PAR1")
    with pytest.raises(LakeError, match=r"a\.parquet is damaged: harvester verify, then harvester repair"):
        _found(tmp_path / "a.parquet", Window(0, 1))
    with pytest.raises(LakeError, match=r"b\.parquet is not there"):
        _found(tmp_path / "b.parquet", Window(0, 1))


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://host/a/b.mp3?sign=1#x", "https://host/a/b.mp3"),
        ("https://user:word@host:1/a", "https://host:1/a"),
        ("https://[::1/a?sign=1", "https://[::1/a"),
        ("", "://"),
    ],
)
def test_a_url_is_listed_without_its_secrets(url: str, shown: str) -> None:
    """Also one that is none: it is listed as failed."""
    assert plain(url) == shown


def test_files_are_told_apart_by_number_or_by_place() -> None:
    """A signature that is new makes no new file; another path does."""
    one = Identity.of(1, "record", None, "https://host/a?sign=1")
    assert one == Identity.of(1, "record", None, "https://host/a?sign=2")
    assert one != Identity.of(1, "record", None, "https://host/b?sign=1")
    assert str(Identity.of(1, "record", 7, "https://host/../../a")) == "1-record-7"
    assert "/" not in str(Identity.of(1, "record", None, "https://host/../../a"))


def test_a_call_has_one_log() -> None:
    """Wherever it lies."""
    one = Identity.of(1, "log", None, "https://host/a")
    assert one == Identity.of(1, "log", None, "https://other/b")
    assert one != Identity.of(2, "log", None, "https://host/a")
    assert str(one) == "1-log"
