"""The files that published records link to: recordings, logs, transcripts, one day at a time."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from harvester.datasets import Dataset
from harvester.lake.catalog import Catalog
from harvester.lake.linked import linked
from harvester.links import LOG, RECORD, Link
from harvester.window import Window

_DAY = 86_400
_RUNS = "its call was still running when the history was read"


@dataclass(frozen=True, slots=True)
class Identity:
    """What tells a file from all others of an account; also its name on disk, less the suffix.

    Attributes:
        key: Of the record that links to it.
        kind: ``record``, ``log`` or ``transcript``.
        mark: The recording's id; else what is left of the URL without its query, hashed. Empty for a log: a
            record has one, wherever it lies.
    """

    key: int
    kind: str
    mark: str

    @classmethod
    def of(cls, key: int, kind: str, record_id: int | None, url: str) -> "Identity":
        """The identity of a file, by the recording's id if it has one."""
        if record_id is not None:
            return cls(key, kind, str(record_id))
        digest = "" if kind == LOG else hashlib.sha256(plain(url).encode()).hexdigest()[:12]
        return cls(key, kind, digest)

    def __str__(self) -> str:
        return f"{self.key}-{self.kind}" + (f"-{self.mark}" if self.mark else "")


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file behind a URL of a record.

    Attributes:
        identity: What tells it from others.
        record_id: The vendor's id of the recording that it is, or belongs to.
        url: As the history names it; it may be signed.
        is_final: Whether the vendor had finished it when the record was read.
        runs: Whether the record was still running then, so that more may come of it.
        by_number: Whether the URL wants ``record_id`` as a parameter.
        listed: Whether the vendor's list of recordings names it, and with it whatever belongs to it.
    """

    identity: Identity
    record_id: int | None
    url: str = field(repr=False)
    is_final: bool = True
    runs: bool = False
    by_number: bool = False
    listed: bool = False


@dataclass(frozen=True, slots=True)
class Day:
    """What one day of a dataset links to.

    Attributes:
        start: Its first second, Unix time.
        attachments: Each file once, in the order of the records.
        unfinished: Why more is still to come of a recording, by its id: whatever is still to be made of it
            would not be made when it is deleted.
    """

    start: int
    attachments: Sequence[Attachment]
    unfinished: Mapping[int, str]

    @property
    def label(self) -> str:
        """The day, as ``2024-05-29``."""
        return f"{datetime.fromtimestamp(self.start, UTC):%Y-%m-%d}"


def plain(url: str) -> str:
    """A URL without what may be secret in it: user, query and fragment."""
    try:
        parts = urlsplit(url)
    except ValueError:  # no URL at all; nobody will ask for it, but it has to be listed
        return url.partition("?")[0].rpartition("@")[2]
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def days(
    root: Path, catalog: Catalog, dataset: Dataset, links: Sequence[Link], asked: Window, *, flat: bool
) -> Iterator[Day]:
    """The days of ``asked`` that have published files, oldest first; read when they are come to.

    Args:
        root: The lake.
        catalog: Which files there are.
        dataset: Whose.
        links: What to look for.
        asked: The seconds meant.
        flat: Whether records were written as flat tables.

    Raises:
        OSError: A file cannot be read.
        LakeError: A file is damaged, or flat tables do not belong together.
    """
    starts = {
        start
        for file in catalog.published(asked)
        if (share := file.span.overlap(asked))
        for start in range(share.start // _DAY * _DAY, share.end, _DAY)
    }
    for start in sorted(starts):
        window = Window(start, start + _DAY).overlap(asked)
        if window is not None:
            files = catalog.published(window)
            records = (linked(root, file, dataset, links, window, flat=flat) for file in files)
            yield _day(start, chain.from_iterable(records), dataset, links)


def _day(start: int, records: Iterable[Mapping[str, Any]], dataset: Dataset, links: Sequence[Link]) -> Day:
    found: dict[Identity, Attachment] = {}
    unfinished: dict[int, str] = {}
    for record in records:
        runs = bool(dataset.running and record[dataset.running])
        for link in links:
            for part in (record[link.within] or ()) if link.within else (record,):
                number = part[link.number] if link.number else _number(part[link.field])
                missing = _missing(part, link)
                if number is not None and (runs or missing):
                    unfinished[number] = missing or _RUNS
                if part[link.field]:
                    item = _attachment(record[dataset.key], link, number, part[link.field])
                    found.setdefault(item.identity, replace(item, is_final=not missing, runs=runs))
    return Day(start, list(found.values()), unfinished)


def _missing(part: Mapping[str, Any], link: Link) -> str:
    """What is still to come of a file; empty if nothing is."""
    if link.progress is None:
        return ""
    if part[link.progress] not in link.final:
        return f"its {link.kind} is not finished, and would never be"
    if part[link.progress] in link.promised and not part[link.field]:
        return f"its {link.kind} is finished, and where it is, is not said yet"
    return ""


def _attachment(key: int, link: Link, number: int | None, url: str) -> Attachment:
    return Attachment(
        Identity.of(key, link.kind, number, url),
        number,
        url,
        by_number=link.by_number,
        listed=link.kind == RECORD and link.number is not None and number is not None,
    )


def _number(url: str | None) -> int | None:
    """The recording's id in a URL, if it names one."""
    try:
        texts = parse_qs(urlsplit(url or "").query).get("record_id", [])
    except ValueError:  # no URL at all
        return None
    text = texts[0] if len(texts) == 1 else ""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else None  # noqa: PLR2004  (64 bits)
