"""Where everything lies in a lake, and which span of time each Parquet file holds."""

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from pathlib import Path

from harvester.account import apart
from harvester.errors import LakeError
from harvester.lake.folders import make_folders, sync_folder, unwritable
from harvester.window import Window


class Granularity(Enum):
    """How long a partition is; fixed for a dataset by its first run."""

    HOUR = "hour"
    DAY = "day"
    MONTH = "month"


@dataclass(frozen=True, slots=True, order=True)
class Partition:
    """The unit of publishing: one span of the records' own time, one Parquet file.

    Attributes:
        span: The hour, day or month, UTC.
        label: Its name in files, as ``2024-05-29T13``, ``2024-05-29`` or ``2024-05``.
        folder: Hive-style folder below the dataset. Made of typed dates only, so no record can steer a path.
    """

    span: Window
    label: str
    folder: str


def partition_at(granularity: Granularity, second: int) -> Partition:
    """The partition that holds ``second`` (Unix time)."""
    hour = datetime.fromtimestamp(second, UTC).replace(minute=0, second=0)
    match granularity:
        case Granularity.HOUR:
            end = hour + timedelta(hours=1)
            return _partition(hour, end, f"{hour:%Y-%m-%dT%H}", f"date={hour:%Y-%m-%d}/hour={hour:%H}")
        case Granularity.DAY:
            day = hour.replace(hour=0)
            end = day + timedelta(days=1)
            return _partition(day, end, f"{day:%Y-%m-%d}", f"date={day:%Y-%m-%d}")
        case Granularity.MONTH:  # pragma: no branch  (there is no other)
            month = hour.replace(day=1, hour=0)
            end = (month + timedelta(days=31)).replace(day=1)
            return _partition(month, end, f"{month:%Y-%m}", f"month={month:%Y-%m}")


def _partition(start: datetime, end: datetime, label: str, folder: str) -> Partition:
    return Partition(Window(int(start.timestamp()), int(end.timestamp())), label, folder)


def partitions(granularity: Granularity, window: Window) -> Iterator[Partition]:
    """The partitions that share a second with ``window``, oldest first."""
    second = window.start
    while second < window.end:
        partition = partition_at(granularity, second)
        yield partition
        second = partition.span.end


@dataclass(frozen=True, slots=True)
class Place:
    """What a published file's path says: of which dataset, how cut, which partition, which table if any."""

    name: str
    granularity: Granularity
    partition: Partition
    table: str


_LABELS = {
    Granularity.HOUR: "%Y-%m-%dT%H",
    Granularity.DAY: "%Y-%m-%d",
    Granularity.MONTH: "%Y-%m",
}

# As ``Layout.draft`` and ``Shelf.publish`` call them; those before there were epochs have none.
_DRAFT = re.compile(r"[a-z][a-z0-9_.]*-[0-9T-]+(?:\.([0-9]+))?\.draft")


def place_of(path: Path) -> Place | None:
    """Read a path relative to the lake; ``None`` if no dataset puts a file there."""
    found = re.fullmatch(r"([a-z][a-z0-9_]*)(?:\.([a-z_]+))?-([0-9T-]+)\.parquet", path.name)
    if found is None:
        return None
    for granularity, form in _LABELS.items():
        try:
            second = int(datetime.strptime(found[3], form).replace(tzinfo=UTC).timestamp())
        except ValueError:
            continue
        of_account = "/".join([found[1], *path.parts[1:2]])
        name = found[1] if apart(of_account)[1] is None else of_account
        place = Place(name, granularity, partition_at(granularity, second), found[2] or "")
        if Layout(Path(), place.name).file(place.partition, place.table) == path:
            return place
    return None


def has_files(root: Path) -> bool:
    """Whether a dataset's file lies in the lake, whatever the ledger says."""
    patterns = ("date=*/*.parquet", "date=*/hour=*/*.parquet", "month=*/*.parquet")
    folders = ("*", "*/account_id=*")
    paths = (path for above in folders for below in patterns for path in root.glob(f"{above}/{below}"))
    return any(place_of(path.relative_to(root)) for path in paths)


def drafts_among(paths: Iterable[Path]) -> Iterator[tuple[Path, int | None]]:
    """Those that are drafts of this program, each with its owner's epoch; what lies beside is not touched."""
    for path in paths:
        if (found := _DRAFT.fullmatch(path.name)) and path.is_file():
            yield path, int(found[1]) if found[1] else None


@dataclass(frozen=True, slots=True)
class Layout:
    """The paths of one dataset in one lake. Readers look below its folders only.

    Attributes:
        root: The lake.
        name: The dataset's name in this lake; of an account that is kept apart, ``calls/account_id=123``.
        tables: The tables of its records, the first of the records themselves. One without a name, if records
            are nested.
    """

    root: Path
    name: str
    tables: tuple[str, ...] = ("",)

    def folder(self, table: str = "") -> Path:
        """Published Parquet files and nothing else: readers glob even ``_x/`` folders and dotfiles.

        One a table. No dataset has a dot in its name, so none is called as the table of another.
        """
        return self.root / self._called(table) / self._whose

    @property
    def folders(self) -> tuple[Path, ...]:
        """The folders of all tables, in their order."""
        return tuple(map(self.folder, self.tables))

    @property
    def homes(self) -> tuple[Path, ...]:
        """The folders that readers take a dataset for: those of all its accounts, if they are kept apart."""
        return tuple(self.root / self._called(table) for table in self.tables)

    @property
    def workshop(self) -> Path:
        """Everything that is not for readers."""
        return self.root / "_harvester"

    @property
    def ledger(self) -> Path:
        """The SQLite file of the whole lake."""
        return self.workshop / "ledger.sqlite"

    @property
    def lock(self) -> Path:
        """Held by the one owner of the lake."""
        return self.workshop / "lock"

    @property
    def spool(self) -> Path:
        """Answers as received, until their partition is published."""
        return self.workshop / "spool" / self.name

    @property
    def tmp(self) -> Path:
        """Files being written; on the lake's own file system, so that a rename is atomic."""
        return self.workshop / "tmp" / self.name

    @property
    def quarantine(self) -> Path:
        """Records that do not fit, with their bytes and the reason."""
        return self.workshop / "quarantine" / self.name

    @property
    def raw(self) -> Path:
        """Spool files kept as evidence (``--keep-raw``)."""
        return self.workshop / "raw" / self.name

    def file(self, partition: Partition, table: str = "") -> Path:
        """The published file of a partition, relative to the lake."""
        called = self._called(table)
        return Path(called, self._whose, partition.folder, f"{called}-{partition.label}.parquet")

    def files(self, partition: Partition) -> tuple[Path, ...]:
        """Those of all tables, in their order."""
        return tuple(self.file(partition, table) for table in self.tables)

    def draft(self, partition: Partition, epoch: int, table: str = "") -> Path:
        """The same file while it is written, by the owner of ``epoch``; no two owners share a draft.

        Never ends in ``.parquet``: readers glob by that.
        """
        return self.tmp / f"{self._called(table)}-{partition.label}.{epoch}.draft"

    def drafts_of(self, partition: Partition, epoch: int) -> tuple[Path, ...]:
        """Those of all tables, in their order."""
        return tuple(self.draft(partition, epoch, table) for table in self.tables)

    def drafts(self, *, until: int) -> Iterator[Path]:
        """What owners up to the epoch ``until`` have begun to write, and those before there were epochs."""
        for path, epoch in drafts_among(self.tmp.glob("*.draft")):
            if epoch is None or epoch <= until:
                yield path

    def make(self) -> None:
        """Create the folders, and make them durable.

        Raises:
            LakeError: The lake is not a writable folder, or lies on several file systems.
        """
        try:
            # Answers and records as they came are for their owner, whoever may read the tables.
            aside = (self.workshop / "spool", self.spool, self.workshop / "quarantine", self.quarantine)
            make_folders(self.root, (*self.folders, self.tmp), private=aside)
            with suppress(PermissionError):  # a folder of someone else's, whose names may be beyond our reach
                sync_folder(self.root.parent)
            probe = self.tmp / "probe"
            os.close(os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600))
            probe.unlink(missing_ok=True)  # another that starts at the same moment uses the same name
            device = self.tmp.stat().st_dev
            apart = [folder for folder in self.folders if folder.stat().st_dev != device]
        except OSError as error:
            raise unwritable(self.root, error) from error
        if apart:
            raise LakeError(
                f"{apart[0]} and {self.tmp} lie on different file systems, so no file can replace another"
                " in one step; let all of the lake lie on one"
            )

    def _called(self, table: str) -> str:
        name = self.name.partition("/")[0]
        return f"{name}.{table}" if table else name

    @property
    def _whose(self) -> str:
        """The folder of an account, if accounts are kept apart."""
        return self.name.partition("/")[2]
