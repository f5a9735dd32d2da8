from collections.abc import Callable
from pathlib import Path

import pytest

from harvester.lake.blank import take_back
from harvester.lake.entries import Intent, ProvenWindow
from harvester.lake.ledger import Ledger, names
from harvester.window import Gap, Window
from tests.lake.history import Lake
from tests.lake.test_catalog import file_of

SPAN = Window(0, 100)


def _refused(lake: Lake) -> int:
    """What a run leaves that was refused with its first request; returns the run's number."""
    lake.ledger.claim(1, {"dataset": "calls"}, 0.0)
    Ledger(lake.database, "archive").claim(1, {"dataset": "calls"}, 0.0)
    run = lake.ledger.begin(SPAN, 0.0)
    lake.ledger.record(SPAN, waiting=[SPAN], run=run)
    lake.ledger.leave([Gap(SPAN, None, 0, "refused")], run)
    lake.ledger.end(run, 1.0, "gaps", {"windows": 0, "refused": "refused"})
    return run


def test_a_dataset_of_which_nothing_came_is_taken_back(lake: Lake) -> None:
    """Its rows go, and its empty folders; other datasets stay."""
    _refused(lake)
    assert take_back(lake.database, lake.layout)
    assert names(lake.database) == ["archive"]
    for table in ("dataset", "run", "window", "gap"):
        assert lake.database.one(f"SELECT 1 FROM {table} WHERE name = 'calls'") is None
    assert not any(folder.exists() for folder in (*lake.layout.folders, lake.layout.spool, lake.layout.tmp))
    lake.layout.make()
    _refused(lake)
    assert lake.ledger.gaps() == [Gap(SPAN, None, 0, "refused")]


def _publish(lake: Lake, run: int) -> None:
    lake.catalog.publish([file_of(0, 10)], run)


def _cover(lake: Lake, run: int) -> None:
    lake.catalog.publish([], run, empty=[SPAN])


def _uncover(lake: Lake, run: int) -> None:
    lake.catalog.publish([file_of(0, 10)], run, left=[SPAN])


def _intend(lake: Lake, run: int) -> None:
    lake.catalog.intend([Intent(file_of(0, 10), Path("draft"))], run)


def _prove(lake: Lake, run: int) -> None:
    lake.ledger.record(SPAN, proven=[ProvenWindow(SPAN, 0)], run=run)


def _miss(lake: Lake, run: int) -> None:
    lake.ledger.leave([Gap(SPAN, 2, 0, "lost")], run)


def _find(lake: Lake, run: int) -> None:
    lake.ledger.leave([Gap(SPAN, None, 1, "lost")], run)


def _see_only_what_runs(lake: Lake, _run: int) -> None:
    earlier = lake.ledger.begin(SPAN, 0.0)
    lake.ledger.end(earlier, 1.0, "complete", {"windows": 1})


def _receive(lake: Lake, _run: int) -> None:
    (lake.layout.spool / "0.spool").write_bytes(b"answers")


def _set_aside(lake: Lake, _run: int) -> None:
    (lake.layout.quarantine / "0.jsonl").write_bytes(b"{}")


def _keep(lake: Lake, _run: int) -> None:
    lake.layout.raw.mkdir(parents=True)
    (lake.layout.raw / "0.spool").write_bytes(b"answers")


@pytest.mark.parametrize(
    "deed",
    [
        _publish,
        _cover,
        _uncover,
        _intend,
        _prove,
        _miss,
        _find,
        _see_only_what_runs,
        _receive,
        _set_aside,
        _keep,
    ],
)
def test_one_of_which_anything_came_stays(lake: Lake, deed: Callable[[Lake, int], None]) -> None:
    """P1: what it misses stays known, whatever the API says of it today."""
    deed(lake, _refused(lake))
    gaps = lake.ledger.gaps()
    assert not take_back(lake.database, lake.layout)
    assert names(lake.database) == ["archive", "calls"]
    assert lake.ledger.gaps() == gaps
    assert lake.layout.spool.is_dir()
