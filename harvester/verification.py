"""Whether a lake is what its ledger says, and whether the API still counts the same."""

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

from harvester.account import apart
from harvester.api.connection import connected
from harvester.api.credentials import Credentials
from harvester.api.pacing import Pace
from harvester.api.persistence import Meter
from harvester.api.question import Bounds
from harvester.api.reader import MIXED
from harvester.config import Job
from harvester.datasets import DATASETS
from harvester.errors import LakeError
from harvester.lake.catalog import Catalog
from harvester.lake.database import Database, to_json
from harvester.lake.entries import Publication, Suspect
from harvester.lake.inventory import inventory
from harvester.lake.layout import Layout
from harvester.lake.ledger import Ledger, chosen, names
from harvester.lake.opening import entered, has_begun
from harvester.lake.publish import recover
from harvester.lake.quarantine import quarantined
from harvester.lake.verify import Expected, Finding, strays
from harvester.links import TABLE
from harvester.records.flat import Flat
from harvester.recount import Count, Held, recount
from harvester.refused import refusals
from harvester.window import Gap, Window, merged, subtract
from harvester.work import clear_away


@dataclass(frozen=True, slots=True)
class Verification:
    """What was found in one dataset.

    Attributes:
        name: The dataset; ``recordings`` for the files behind calls.
        files: Published files.
        rows: Their rows.
        bytes: Their size.
        findings: Files that are not what was published, or stored; files that nobody published.
        gaps: Seconds that could not be proven when they were harvested.
        counts: What the API counts now; empty if it was not asked.
        requests: Requests sent.
        refused: Why the API would not count the child account; empty if it did, or was not asked.
    """

    name: str
    files: int
    rows: int
    bytes: int
    findings: tuple[Finding, ...]
    gaps: tuple[Gap, ...]
    counts: tuple[Count, ...] = ()
    requests: int = 0
    refused: str = ""

    @property
    def differing(self) -> tuple[Count, ...]:
        """Where the API counts something else than the lake holds."""
        return tuple(count for count in self.counts if not count.agrees)

    @property
    def is_sound(self) -> bool:
        """Whether nothing is wrong and nothing is missing."""
        return not (self.findings or self.gaps or self.differing or self.refused)


Step = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verify:
    """One verification of a lake; owns it meanwhile.

    Attributes:
        lake: Its folder.
        name: The only dataset to look at; all if it is ``None``.
        jobs: Files to look at side by side.
        whole_files: Read the recordings, logs and transcripts, too; else only their size is looked at.
        job: Makes the job that asks the API, from a dataset's identity and range; ``None`` not to ask.
        credentials: To ask with.
        pace: Shared by all that is asked; each dataset's own budget if ``None``.
        step: Is told how it goes: what is being done, how much of it is done, and of how much.
        now: Gives Unix time.
        random: Spreads retries; seeded by the system if ``None``.
    """

    lake: Path
    name: str | None = None
    jobs: int = 1
    whole_files: bool = False
    job: Callable[[str, Mapping[str, Any], Window], Job] | None = None
    credentials: Credentials | None = None
    pace: Pace | None = None
    step: Step = lambda _what, _done, _of: None
    now: Callable[[], float] = time.time
    random: Random | None = None

    async def run(self) -> list[Verification]:
        """Look at every published file; ask the API for every published second again, if wanted.

        Raises:
            LakeError: There is no lake, or its ledger cannot be used, or it has no such dataset, or it is not
                of the account that the API would be asked about.
            LakeLockedError: Another run owns the lake.
            HarvestError: The API refuses, or cannot be reached.
        """
        layout = Layout(self.lake, "")
        if not has_begun(layout):
            raise LakeError(f"{self.lake} is not a lake yet: harvester backfill makes one")
        with entered(layout, started=self.now()) as database:
            if self.job is not None and self.credentials is not None:
                # Another account's counts would all differ, and be kept as what repair is to read anew.
                Ledger(database, "").check_account(self.credentials.account_id)
            results = [await self._dataset(database, name) for name in chosen(database, self.name)]
            return [*results, *(() if self.name else await self._files())]

    async def _files(self) -> list[Verification]:
        """The files behind the calls of all datasets, if there are some: they lie in one folder."""
        found = await asyncio.to_thread(inventory, self.lake, whole=self.whole_files, jobs=self.jobs)
        if found is None:
            return []
        return [Verification(TABLE, found.files, found.rows, found.bytes, found.findings, ())]

    async def _dataset(self, database: Database, name: str) -> Verification:
        ledger, catalog = Ledger(database, name), Catalog(database, name)
        expected = _expected(self.lake, ledger)
        layout = Layout(self.lake, name, expected.tables)
        recover(layout, catalog)  # what a crash left in the middle is no finding
        coverage, files = catalog.coverage(), catalog.covering()
        findings = await asyncio.to_thread(self._look, expected, files)
        findings += await asyncio.to_thread(self._strays, layout, files, names(database))
        ledger.accuse("file", _suspects("file", ((item.windows, item.text) for item in findings)), self.now())
        result = Verification(
            name=name,
            files=sum(len(file.files) for file in files),
            rows=sum(file.rows for file in files),
            bytes=sum(file.size for file in files),
            findings=tuple(findings),
            gaps=tuple(ledger.gaps()),
        )
        if self.job is None or self.credentials is None or not coverage:
            return result
        sound = _sound(files, findings)
        spans = _spans(coverage, files, sound)
        job = self.job(name, ledger.identity() or {}, Window(coverage[0].start, coverage[-1].end))
        facts, meter = ledger.facts(), Meter()
        bounds = Bounds(facts)
        with refusals(job) as refused:
            counts = await recount(
                job,
                connected(job, self.credentials, meter, now=self.now, random=self.random, pace=self.pace),
                spans,
                Held(expected, sound, quarantined(layout.quarantine)),
                bounds,
                step=lambda done: self.step("counts", done, len(spans)),
                mixed=facts.get(MIXED) is True,
                parent=None if job.account is None or job.is_child else job.account.id,
            )
        if refused:
            return replace(result, refused=refused[0])
        ledger.learn(bounds.facts)
        result = replace(result, counts=tuple(counts), requests=meter.requests)
        texts = (((count.window,), count.text) for count in result.differing)
        ledger.accuse("count", _suspects("count", texts), self.now())
        # What is suspect no more may have been read in part by a run that was killed: nobody needs that.
        catalog.forget_published()
        clear_away(job, layout, ledger, catalog)
        return result

    def _look(self, expected: Expected, files: Sequence[Publication]) -> list[Finding]:
        """Every file, side by side: hashing and decoding leave the interpreter alone."""
        findings: list[Finding] = []
        with ThreadPoolExecutor(self.jobs, thread_name_prefix="verify") as pool:
            for done, finding in enumerate(pool.map(expected.examine, files), start=1):
                findings += [finding] if finding else []
                self.step("files", done, len(files))
        return [*findings, *expected.doubled(_sound(files, findings))]

    def _strays(self, layout: Layout, files: Sequence[Publication], held: Iterable[str]) -> list[Finding]:
        """What nobody published; the first of several accounts looks beside all their folders, too."""
        own = apart(layout.name)[0]
        beside = [name for name in held if name != layout.name and apart(name)[0] == own]
        folders = layout.folders if min([layout.name, *beside]) != layout.name else layout.homes
        others = [folder for name in beside for folder in replace(layout, name=name).folders]
        return list(strays(self.lake, folders, files, others))


def _sound(files: Iterable[Publication], findings: Iterable[Finding]) -> list[Publication]:
    """Those of which no file is damaged."""
    damaged = {finding.path for finding in findings}
    return [file for file in files if damaged.isdisjoint(part.path for part in file.files)]


def _expected(lake: Path, ledger: Ledger) -> Expected:
    identity = ledger.identity() or {}
    dataset = DATASETS.get(identity.get("dataset", ""))
    if dataset is None:
        raise LakeError(
            f"this version knows no dataset {identity.get('dataset')!r}, of which the ledger tells"
        )
    metadata = {
        "harvester.dataset": dataset.name,
        "harvester.account_id": str(ledger.account()),
        "harvester.identity": to_json(identity),
    }
    flat = Flat.of(dataset) if identity.get("tables") == "flat" else None
    return Expected(lake, dataset.time_field, dataset.key, metadata, flat)


def _spans(
    coverage: Sequence[Window], files: Sequence[Publication], sound: Sequence[Publication]
) -> list[Window]:
    """What to ask for: the covered share of each sound file, and all that is covered and has no file."""
    empty = (rest for window in coverage for rest in subtract(window, [file.span for file in files]))
    return sorted([*(cover for file in sound for cover in file.covers), *merged(empty)])


def _suspects(found_by: str, found: Iterable[tuple[Sequence[Window], str]]) -> Iterator[Suspect]:
    for windows, text in found:
        for window in windows:
            yield Suspect(window, found_by, text)
