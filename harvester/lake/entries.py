"""What the ledger remembers, as values."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harvester.window import Window


@dataclass(frozen=True, slots=True)
class Part:
    """One file of a publication: its path relative to the lake, its rows, its size and its SHA-256."""

    path: Path
    rows: int
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Publication:
    """A file that readers see, or are about to see; with flat tables, the file of the records' table.

    Attributes:
        span: The whole partition.
        path: The file, relative to the lake.
        rows: Its records.
        bytes: Its size.
        sha256: Its hash, hexadecimal.
        complete: False if a gap inside ``span`` was let through (``--allow-gaps``).
        covers: The seconds that become proven and published with it.
        parts: The files of the other tables, in the order of the tables; none if records are nested.
    """

    span: Window
    path: Path
    rows: int
    bytes: int
    sha256: str
    complete: bool
    covers: tuple[Window, ...] = ()
    parts: tuple[Part, ...] = ()

    @property
    def files(self) -> tuple[Part, ...]:
        """All its files, that of the records first."""
        return Part(self.path, self.rows, self.bytes, self.sha256), *self.parts

    @property
    def size(self) -> int:
        """Bytes of all its files."""
        return sum(file.bytes for file in self.files)


@dataclass(frozen=True, slots=True)
class Intent:
    """A publication between its decision and its renames; drafts are relative to the lake, too."""

    publication: Publication
    draft: Path
    drafts: tuple[Path, ...] = ()

    @property
    def moves(self) -> tuple[tuple[Path, Part], ...]:
        """Each draft and the file that it becomes, in the order of the renames.

        The records come last: whoever sees a new record finds its rows in the other tables.
        """
        return tuple(zip((self.draft, *self.drafts), self.publication.files, strict=True))[::-1]


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
