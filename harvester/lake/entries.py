"""What the ledger remembers, as values."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harvester.window import Window


@dataclass(frozen=True, slots=True)
class Publication:
    """A file that readers see, or are about to see.

    Attributes:
        span: The whole partition.
        path: The file, relative to the lake.
        rows: Its records.
        bytes: Its size.
        sha256: Its hash, hexadecimal.
        complete: False if a gap inside ``span`` was let through (``--allow-gaps``).
        covers: The seconds that become proven and published with it.
    """

    span: Window
    path: Path
    rows: int
    bytes: int
    sha256: str
    complete: bool
    covers: tuple[Window, ...] = ()


@dataclass(frozen=True, slots=True)
class Intent:
    """A publication between its decision and its rename; ``draft`` is absolute."""

    publication: Publication
    draft: Path


@dataclass(frozen=True, slots=True)
class ProvenWindow:
    """A window that was read and proven, and whose answers wait in the spool."""

    window: Window
    rows: int


@dataclass(frozen=True, slots=True)
class Suspect:
    """Published seconds that verify found wrong.

    Attributes:
        window: The seconds to be read anew.
        found_by: ``file`` (looking at the files) or ``count`` (asking the API again).
        reason: What is wrong.
    """

    window: Window
    found_by: str
    reason: str


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One run as the ledger remembers it; ``outcome`` is ``None`` while it runs and after a kill."""

    id: int
    window: Window
    started: float
    ended: float | None
    outcome: str | None
    summary: Mapping[str, Any]
