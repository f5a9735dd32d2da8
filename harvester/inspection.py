"""What a lake holds, as its ledger tells; looks only, also beside a running harvest."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harvester.errors import LakeError
from harvester.lake.catalog import Catalog
from harvester.lake.database import Database
from harvester.lake.entries import RunRecord, Suspect
from harvester.lake.layout import Layout
from harvester.lake.ledger import Ledger, chosen
from harvester.lake.opening import has_begun
from harvester.window import Gap, Window, merged


@dataclass(frozen=True, slots=True)
class Holding:
    """One dataset of a lake.

    Attributes:
        name: Its folder.
        identity: What it was started with.
        coverage: The proven and published seconds: disjoint, oldest first.
        files: Published files.
        incomplete: Those of them with a gap that was let through.
        rows: Their records.
        bytes: Their size.
        waiting: Windows that were begun, or read, and are not published.
        gaps: What could not be proven.
        suspects: What verify found wrong and is not mended yet.
        runs: The last runs, newest first.
    """

    name: str
    identity: Mapping[str, Any]
    coverage: tuple[Window, ...]
    files: int
    incomplete: int
    rows: int
    bytes: int
    waiting: int
    gaps: list[Gap]
    suspects: list[Suspect]
    runs: list[RunRecord]


def holdings(lake: Path, *, name: str | None = None, runs: int = 5) -> list[Holding]:
    """Every dataset of a lake, or the one of this name, with its last ``runs`` runs.

    Raises:
        LakeError: There is no lake, or its ledger cannot be read, or it has no such dataset.
    """
    layout = Layout(lake, "")
    if not has_begun(layout):
        raise LakeError(f"{lake} is not a lake yet: harvester backfill makes one")
    with Database.open(layout.ledger, read_only=True) as database:
        held = chosen(database, name)
        return [_holding(database, item, runs) for item in held]


def damages(holding: Holding) -> Window | None:
    """The span from the first gap or suspect to the last; ``None`` if there is none."""
    windows = merged([*(gap.window for gap in holding.gaps), *(item.window for item in holding.suspects)])
    return Window(windows[0].start, windows[-1].end) if windows else None


def _holding(database: Database, name: str, runs: int) -> Holding:
    ledger, catalog = Ledger(database, name), Catalog(database, name)
    files = catalog.published()
    return Holding(
        name=name,
        identity=ledger.identity() or {},
        coverage=catalog.coverage(),
        files=sum(len(item.files) for item in files),
        incomplete=sum(len(item.files) for item in files if not item.complete),
        rows=sum(item.rows for item in files),
        bytes=sum(item.size for item in files),
        waiting=len(ledger.window_starts()),
        gaps=ledger.gaps(),
        suspects=ledger.suspects(),
        runs=ledger.runs(runs),
    )
