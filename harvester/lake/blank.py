"""A dataset of which nothing has ever come, taken back: as if nobody had asked for it."""

from contextlib import suppress
from pathlib import Path

from harvester.lake.catalog import Catalog
from harvester.lake.database import Database
from harvester.lake.layout import Layout
from harvester.lake.ledger import Ledger

_TABLES = ("gap", "window", "suspect", "run", "dataset")  # gaps before the runs that they name
_RUNS = 1_000  # are looked at: more are not remembered


def take_back(database: Database, layout: Layout) -> bool:
    """Have the lake forget a dataset of which nothing has ever come; returns whether that is so.

    Its empty folders go, too. Killed in between it leaves some, which harm nobody.

    Args:
        database: Of the lake, owned by this process.
        layout: The dataset's.
    """
    if not _is_blank(database, layout):
        return False
    with database.transaction():
        for table in _TABLES:
            database.write(f"DELETE FROM {table} WHERE name = ?", layout.name)  # noqa: S608  (constants)
    for folder in (layout.spool, layout.tmp, layout.quarantine, *layout.folders):
        with suppress(OSError):
            folder.rmdir()
    return True


def _is_blank(database: Database, layout: Layout) -> bool:
    """Whether neither ledger nor disk knows of an answer."""
    ledger, catalog = Ledger(database, layout.name), Catalog(database, layout.name)
    if catalog.coverage() or catalog.published() or catalog.intents() or ledger.proven_windows():
        return False
    # What a run has proven may be nowhere by now: its records were still running.
    is_read = any(gap.expected is not None or gap.received for gap in ledger.gaps())
    if is_read or any(run.summary.get("windows") for run in ledger.runs(_RUNS)):
        return False
    return not any(map(_holds_anything, (layout.spool, layout.quarantine, layout.raw, *layout.folders)))


def _holds_anything(folder: Path) -> bool:
    return folder.is_dir() and any(folder.iterdir())
