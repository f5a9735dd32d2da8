"""Disks as a power cut may leave them, made of a log of changes.

What was not synced may be there, or not, or in part; each file and each name on its own. The rules are the
weakest that file systems keep: a name is safe once its folder was synced, bytes once their file was, and a
rename is one step.
"""

import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.disk.log import Change

SECTOR = 512


@dataclass(slots=True)
class File:
    """Bytes without a name.

    Attributes:
        durable: What was synced.
        pending: Changes since, in order: where, and what; ``None`` for a new size.
    """

    durable: bytes = b""
    pending: list[tuple[int, bytes | None]] = field(default_factory=list)

    def after(self, random: Random | None) -> bytes:
        """Its bytes after a power cut; without chance, as if there had been none."""
        kept = self.pending
        if random is not None:
            kept = kept[: random.choice([0, len(kept), random.randint(0, len(kept))])]
        content = bytearray(self.durable)
        for number, (offset, data) in enumerate(kept, 1):
            if data is None:
                content[offset:] = bytes(max(0, offset - len(content)))
                continue
            last = number == len(kept) < len(self.pending)
            part = _torn(data, random) if random is not None and last else data
            content.extend(bytes(max(0, offset - len(content))))
            content[offset : offset + len(part)] = part
        return bytes(content)

    def sync(self) -> None:
        """All of it is safe."""
        self.durable, self.pending = self.after(None), []


@dataclass(slots=True)
class Naming:
    """A change of names that waits for a sync: some appear (as files or folders), some go."""

    folders: set[Path]
    added: dict[Path, "File | None"]
    removed: set[Path]


class Disk:
    """Files and names as they are, and as they are safe."""

    def __init__(self, root: Path) -> None:
        """An empty folder ``root``, whose own name is safe."""
        self._root = root
        self._names: dict[Path, File | None] = {root: None}
        self._durable: dict[Path, File | None] = {root: None}
        self._pending: list[Naming] = []

    def apply(self, change: Change) -> None:
        """One more change."""
        path = Path(change.path)
        match change.what:
            case "c":
                self._name({path: File()}, set())
            case "d" if path != self._root:
                self._name({path: None}, set())
            case "u":
                self._name({}, {path})
            case "r":
                self._name({Path(change.other): self._names[path]}, {path})
            case "w" | "t":
                self._file(path).pending.append((change.offset, change.data if change.what == "w" else None))
            case "s":
                self._sync(path)
            case _:
                assert change.what in "dfo", change  # the root, a call that failed, a look

    def after(self, seed: str, target: Path) -> None:
        """Put one possible disk into ``target``, in place of the root."""
        random = Random(seed)  # noqa: S311  (chance, not a secret)
        names = dict(self._durable)
        share = random.choice([0.0, 0.5, 1.0])
        for naming in self._pending:
            if random.random() < share:
                _take(names, naming)
        shutil.rmtree(target, ignore_errors=True)
        for path in sorted(names):
            # What lies in a folder whose name was lost is lost with it.
            if path != self._root and path.parent not in names:
                del names[path]
                continue
            place = target / path.relative_to(self._root)
            if (file := names[path]) is None:
                place.mkdir(parents=True)
            else:
                place.write_bytes(file.after(random))

    def settle(self) -> None:
        """Everything is synced."""
        self._durable, self._pending = dict(self._names), []
        for file in self._durable.values():
            if file is not None:
                file.sync()

    def _sync(self, path: Path) -> None:
        if (file := self._names[path]) is not None:
            file.sync()
            return
        for naming in self._pending:
            if path in naming.folders:
                _take(self._durable, naming)
        self._pending = [naming for naming in self._pending if path not in naming.folders]

    def _file(self, path: Path) -> File:
        file = self._names[path]
        assert file is not None
        return file

    def _name(self, added: dict[Path, "File | None"], removed: set[Path]) -> None:
        # A rename is one step, durable with the folder that it goes to.
        naming = Naming({path.parent for path in added or removed}, added, removed)
        _take(self._names, naming)
        self._pending.append(naming)


def cuts(root: Path, changes: Iterable[Change]) -> Iterator[tuple[int, Disk, list[str]]]:
    """The disk at every moment of the log: before each change, with the marks that came before."""
    disk, marks = Disk(root), list[str]()
    for number, change in enumerate(changes):
        if change.what == "m":
            marks.append(change.path)
            continue
        yield number, disk, marks
        disk.apply(change)
    yield number + 1, disk, marks


def _take(names: dict[Path, File | None], naming: Naming) -> None:
    for path in naming.removed:
        names.pop(path, None)
    names.update(naming.added)


def _torn(data: bytes, random: Random) -> bytes:
    """A part of a write: whole sectors of it, the rest not written or zeros."""
    end = SECTOR * random.randint(0, len(data) // SECTOR)
    return data[:end] + bytes(random.choice([0, len(data) - end]))
