"""A new ledger for a lake that lost its own: from the published files, and what they prove themselves."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from harvester.errors import LakeError, LedgerDamagedError
from harvester.lake.catalog import Catalog
from harvester.lake.database import Database, to_json
from harvester.lake.folders import sync_folder, unwritable
from harvester.lake.inquest import Evidence, inspect
from harvester.lake.layout import Layout, drafts_among, place_of
from harvester.lake.ledger import Ledger
from harvester.lake.lock import owned
from harvester.lake.opening import has_begun
from harvester.lake.verify import Expected, Finding
from harvester.window import Gap, Window, merged, shares, subtract

_ASIDE = "before-recover-"
_PARTS = ("", "-wal", "-shm", "-journal")  # of a SQLite file


@dataclass(frozen=True, slots=True)
class Recovered:
    """A dataset as the new ledger has it.

    Attributes:
        name: Its folder.
        files: Files taken.
        rows: Their rows.
        bytes: Their size.
        coverage: The seconds they prove: disjoint, oldest first. Seconds proven to be empty have no file.
    """

    name: str
    files: int
    rows: int
    bytes: int
    coverage: tuple[Window, ...]


@dataclass(frozen=True, slots=True)
class Recovery:
    """What became of a lake.

    Attributes:
        datasets: What was taken.
        aside: Files that were not, untouched in their place, and why; the next backfill replaces them.
        kept: Where the old ledger and spool lie now; ``None`` if there were none.
        answers: Spools that were set aside, now or by an earlier recovery, and hold answers: as received,
            whatever the lake hides.
    """

    datasets: tuple[Recovered, ...]
    aside: tuple[Finding, ...]
    kept: Path | None
    answers: tuple[Path, ...]


def rebuild(
    root: Path, *, now: float, jobs: int = 1, step: Callable[[int, int], None] = lambda _done, _of: None
) -> Recovery:
    """Make a new ledger from the published files; the old one is set aside.

    The order makes every crash harmless: as soon as the old ledger is out of its place, every command but
    this one refuses the lake, until the new one is in it. And it ends an owner that is only paused: its
    ledger is not where it was, so it can decide nothing more; its drafts are removed before the files are
    looked at, so it can rename nothing more.

    Args:
        root: The lake.
        now: Unix time.
        jobs: Files to look at side by side.
        step: Is told how many files were looked at, and of how many.

    Raises:
        LakeError: There is nothing to recover, or nothing to recover from.
        LakeLockedError: Another run owns the lake.
        OSError: The disk refuses it.
    """
    layout = Layout(root, "")
    _assert_lost(layout)
    try:
        layout.workshop.mkdir(exist_ok=True)
    except OSError as error:
        raise unwritable(root, error) from error
    with owned(layout.lock, started=now):
        _assert_lost(layout)
        kept = _set_aside(layout, now)
        for draft, _ in drafts_among(layout.tmp.glob("**/*.draft")):
            draft.unlink(missing_ok=True)
        evidence, aside = _gather(root, jobs, step)
        draft = layout.ledger.with_name("ledger.rebuilt")
        datasets = _write(draft, evidence, now)
        draft.replace(layout.ledger)
        sync_folder(layout.workshop)
    spools = sorted(layout.workshop.glob(f"{_ASIDE}*/{layout.spool.name}"))
    answers = tuple(spool for spool in spools if any(path.is_file() for path in spool.rglob("*")))
    return Recovery(tuple(datasets), tuple(sorted(aside, key=lambda item: item.path)), kept, answers)


def _assert_lost(layout: Layout) -> None:
    try:
        if not has_begun(layout):
            raise LakeError(
                f"{layout.root} has neither a ledger nor published files: harvester backfill makes a lake"
            )
        with Database.open(layout.ledger, read_only=True):
            pass
    except LedgerDamagedError:
        return
    raise LakeError(
        f"the ledger of {layout.root} is sound: nothing to recover; harvester verify looks at the files"
    )


def _set_aside(layout: Layout, now: float) -> Path | None:
    """Move away what is left of the old ledger, and the spool, whose windows nobody knows any more."""
    parts = [layout.ledger.with_name(layout.ledger.name + part) for part in _PARTS]
    found = [path for path in (*parts, layout.spool) if path.exists()]
    if not found:
        return None
    name = f"{_ASIDE}{datetime.fromtimestamp(now, UTC):%Y%m%dT%H%M%S}"
    folder, number = layout.workshop / name, 1
    while folder.exists():
        number += 1
        folder = layout.workshop / f"{name}-{number}"
    folder.mkdir()
    # The file before its write-ahead log: without that it would open, and tell of an earlier time.
    for path in found:
        path.replace(folder / path.name)
        sync_folder(layout.workshop)
    sync_folder(folder)
    return folder


def _gather(root: Path, jobs: int, step: Callable[[int, int], None]) -> tuple[list[Evidence], list[Finding]]:
    """Look at every Parquet file of every dataset; returns those that prove something, and the others."""
    folders = {path.relative_to(root).parts[0] for path in root.glob("*/*=*/**/*.parquet")}
    paths = sorted(
        path.relative_to(root) for folder in folders for path in (root / folder).rglob("*.parquet")
    )
    own = {path.parts[0] for path in paths if place_of(path)}
    paths = [path for path in paths if path.parts[0] in own]
    evidence: list[Evidence] = []
    aside: list[Finding] = []
    with ThreadPoolExecutor(jobs, thread_name_prefix="recover") as pool:
        for done, item in enumerate(pool.map(lambda path: inspect(root, path), paths), start=1):
            if isinstance(item, Finding):
                aside.append(item)
            elif item is not None:
                evidence.append(item)
            step(done, len(paths))
    evidence, others = _of_one_lake(evidence)
    doubled = list(_doubled(root, evidence))
    twice = {finding.path for finding in doubled}
    evidence = [item for item in evidence if item.file.path not in twice]
    aside += [*others, *doubled]
    seen = {finding.path for finding in aside} | {part.path for item in evidence for part in item.file.files}
    rest = [
        Finding(path, "its records were not taken, or are not there") for path in paths if path not in seen
    ]
    return evidence, [*aside, *rest]


def _of_one_lake(evidence: Sequence[Evidence]) -> tuple[list[Evidence], list[Finding]]:
    """Sort out files of another account, or with another identity, than most files beside them."""
    accounts = Counter(item.footer.account_id for item in evidence)
    identities: dict[str, Counter[str]] = {}
    for item in evidence:
        identities.setdefault(item.name, Counter())[to_json(item.footer.identity)] += 1
    taken: list[Evidence] = []
    aside: list[Finding] = []
    for item in evidence:
        if item.footer.account_id != accounts.most_common(1)[0][0]:
            text = f"it is of account {item.footer.account_id}, most files of the lake are not"
        elif (own := to_json(item.footer.identity)) != identities[item.name].most_common(1)[0][0]:
            text = f"it was harvested with other options than most files beside it: {own}"
        else:
            taken.append(item)
            continue
        aside.append(Finding(item.file.path, text))
    return taken, aside


def _doubled(root: Path, evidence: Sequence[Evidence]) -> Iterable[Finding]:
    for name in sorted({item.name for item in evidence}):
        own = [item for item in evidence if item.name == name]
        dataset = own[0].footer.dataset
        yield from Expected(root, dataset.time_field, dataset.key, {}).doubled([item.file for item in own])


def _write(path: Path, evidence: Sequence[Evidence], now: float) -> list[Recovered]:
    for part in _PARTS:  # of an attempt that did not come to its end
        path.with_name(path.name + part).unlink(missing_ok=True)
    # Runs go on being numbered from where the files are, so that no two of them share a number.
    number = max((item.footer.run for item in evidence), default=0)
    with Database.open(path, started=now) as database:
        return [
            _dataset(database, name, [item for item in evidence if item.name == name], number + count, now)
            for count, name in enumerate(sorted({item.name for item in evidence}), start=1)
        ]


def _dataset(
    database: Database, name: str, evidence: Sequence[Evidence], number: int, now: float
) -> Recovered:
    ledger, catalog = Ledger(database, name), Catalog(database, name)
    footer = evidence[0].footer
    ledger.claim(footer.account_id, footer.identity, now)
    coverage = merged(window for item in evidence for window in item.file.covers)
    span = Window(coverage[0].start, coverage[-1].end)
    run = ledger.begin(span, now, number=number)
    files = [item.file for item in evidence]
    catalog.publish(files, run)
    for file in files:
        if not file.complete:
            # What lies before the first and after the last second of all may never have been asked for.
            gaps = [gap for part in shares([file.span], span) for gap in subtract(part, file.covers)]
            reason = "not in a file that is marked incomplete; the ledger that knew why was lost"
            for gap in gaps:
                ledger.record(gap, gaps=[Gap(gap, None, 0, reason)], run=run)
    ledger.end(run, now, "recovered", {})
    number_of_files = sum(len(file.files) for file in files)
    sizes = sum(file.rows for file in files), sum(file.size for file in files)
    return Recovered(name, number_of_files, *sizes, catalog.coverage())
