"""Published rows that say of themselves that something is still to come."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harvester.datasets import AUDIT, CALLS
from harvester.lake.unfinished import unfinished
from harvester.records.schema import arrow_schema
from harvester.window import Window

ALL = (Window(0, 1_000),)


def written(path: Path, *rows: dict[str, Any], row_group: int = 100) -> Path:
    """A file with these rows, one a second."""
    schema = arrow_schema(CALLS)
    full = [
        {**dict.fromkeys(schema.names), "call_session_history_id": key, "start_date": key, **row}
        for key, row in enumerate(rows)
    ]
    pq.write_table(pa.Table.from_pylist(full, schema), path, row_group_size=row_group)
    return path


@pytest.mark.parametrize(
    ("row", "open_"),
    [
        ({}, False),
        ({"active": True}, True),
        ({"active": False}, False),
        ({"calls": []}, False),
        ({"calls": [{"cost": 0.0}]}, False),
        ({"calls": [{"cost": 0.5}, {"cost": None}]}, True),
        ({"records": [{"cost": 0.1}]}, False),
        ({"records": [{"cost": 0.1, "transcription_status": "Complete"}]}, False),
        ({"records": [{"cost": 0.1, "transcription_status": "Not required"}]}, False),
        ({"records": [{"cost": 0.1, "transcription_status": "In progress"}]}, True),
        ({"records": [{"cost": 0.1, "transcription_status": "What is this"}]}, True),
        ({"records": [{"transcription_status": "Complete"}]}, True),
        ({"other_resource_usage": [{"resource_type": "ASR"}]}, True),
    ],
    ids=str,
)
def test_a_row_shows_what_is_still_to_come(tmp_path: Path, row: dict[str, Any], open_: bool) -> None:  # noqa: FBT001
    """A cost that is missing, a transcript that is not done, a session that runs; nothing else."""
    done = {"active": False, "calls": [{"cost": 1.0}]}
    path = written(tmp_path / "file.parquet", done, row, done)
    assert unfinished([path], CALLS, ALL) == ([1] if open_ else [])


def test_only_what_is_due_is_looked_at(tmp_path: Path) -> None:
    """By row groups and by seconds; half-open."""
    path = written(tmp_path / "file.parquet", *10 * [{"active": True}], row_group=3)
    assert unfinished([path], CALLS, (Window(2, 4), Window(8, 9))) == [2, 3, 8]
    assert unfinished([path], CALLS, (Window(50, 60),)) == []


def test_a_history_without_signs_is_final(tmp_path: Path) -> None:
    """Nothing of its files is read."""
    assert unfinished([tmp_path / "none"], AUDIT, ALL) == []
