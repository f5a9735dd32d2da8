"""One page: from the spool if it arrived before, else from the API and into the spool."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Protocol

from harvester.api.caps import CapError, Caps
from harvester.api.envelope import Answer
from harvester.api.inquiry import Api, Inquiry
from harvester.api.pages import Columns, ContradictionError, ReadPage, read_page
from harvester.api.protocol import Page, Quick, parse
from harvester.api.question import Question
from harvester.datasets import Dataset
from harvester.errors import RangeTooWideError, ZoneError, first_failure
from harvester.records.decode import Decoded, Decoder, Quarantined
from harvester.records.owner import Owner
from harvester.records.redaction import Redaction
from harvester.task_group import TaskGroup

_MOST_UNKNOWN = 1_000  # keys that are named in the report
UTC = {None, "Etc/GMT", "Etc/UTC", "GMT", "UTC"}
"""What the zone of an answer may be called; ``None`` if it is not said."""


class AnswerFile(Protocol):
    """Keeps the answers of one window."""

    def get(self, key: str) -> tuple[str, bytes] | None:
        """Encoding and body of a page."""
        ...

    def append(self, key: str, encoding: str, body: bytes) -> None:
        """Keep a page."""
        ...

    def answers(self) -> Iterator[tuple[str, bytes]]:
        """Encoding and body of every page."""
        ...

    def clear(self) -> None:
        """Forget every page."""
        ...


class PageSource:
    """Asks, keeps and decodes.

    Attributes:
        columns: What places a record of this dataset.
        caps: Most records of a page, and how far paging reaches.
        descends: Whether a question can be asked from its other end.
        narrowing: Fields that a question may still be narrowed by, one after the other.
        unknown: Keys that the schema does not know, and how often they came.
        mixed: Whether records of others than the owner came.
    """

    def __init__(
        self,
        dataset: Dataset,
        shared: Mapping[str, str],
        api: Api,
        redaction: Redaction | None = None,
        caps: Caps | None = None,
        *,
        owner: Owner | None = None,
        quick: Quick | None = None,
        check: Callable[[int], None] = lambda _end: None,
    ) -> None:
        """Prepare to ask.

        Args:
            dataset: What for.
            shared: Filters and switches that go with every question.
            api: Whom.
            redaction: Of all that leaves.
            caps: What is known of them.
            owner: Whose records are taken, if accounts are kept apart.
            quick: Reads kept answers that are as documented; ``api`` has its own way.
            check: Refuses an answer if the end of what was asked had not settled.
        """
        self.columns = Columns(dataset.time_field, dataset.key, dataset.running, owner)
        self.caps = caps or Caps(dataset)
        self.descends = dataset.descends
        self.narrowing = [
            field for field in dataset.narrowing if dataset.filters[field].parameter not in shared
        ]
        self.unknown: Counter[str] = Counter()
        self.mixed = False
        self._inquiry = Inquiry(dataset, shared, api, self.caps)
        self._most = dataset.page_size
        self._redaction = redaction
        self._decoder = Decoder(dataset, redaction)
        self._quick = quick
        self._check_settled = check

    @property
    def page_size(self) -> int:
        """Most records of a page."""
        return self.caps.page_size

    @property
    def reach(self) -> int:
        """Most records that paging reaches from one end."""
        return self.caps.reach

    @property
    def crossable(self) -> int:
        """Records that paging reaches from all ends there are; only with fewer do the ends overlap."""
        return self.reach * (2 if self.descends else 1)

    async def page(
        self,
        file: AnswerFile,
        question: Question,
        offset: int,
        *,
        urgent: bool = True,
    ) -> ReadPage:
        """The page at ``offset``.

        Args:
            file: Keeps its answer.
            question: What is asked.
            offset: Where it begins.
            urgent: Whether nothing else can be asked for this window meanwhile.

        Raises:
            CapError: The API serves less at a time; how much is known now.
            ContradictionError: It holds more than was asked for, or does not come, while other questions are
                answered.
            ZoneError: It speaks of another time zone.
            ClockError: This machine's clock is too far ahead.
            ForeignRecordsError: It holds records of others than the owner.
            HarvestError: The API refuses, or cannot be reached.
            OSError: The disk refuses the answer.
        """
        key = question.key(offset)
        kept = file.get(key)
        if kept is not None:
            page = self._read(self._parsed(*kept), question)
            page = replace(page, kept=True)
            self._check_owner(page)
        else:
            answer, news = await self._inquiry.ask(question, offset, urgent=urgent)
            check_zone(news)
            self._check_settled(question.end)
            page = self._read(news, question)
            self._check_owner(page)
            file.append(key, answer.encoding, answer.body)  # not before: the next run must ask anew
        if offset == 0 and self.caps.served(page):
            raise CapError
        return page

    async def pages(
        self,
        file: AnswerFile,
        question: Question,
        offsets: Iterable[int],
        instead: Mapping[int, Question] = MappingProxyType({}),
    ) -> list[ReadPage]:
        """The pages at ``offsets``, side by side.

        Args:
            file: Keeps their answers.
            question: What is asked.
            offsets: Where the pages begin.
            instead: By offset, another question to ask there.

        Raises:
            ContradictionError: As ``page``, if nothing else went wrong; also that it is a ``CapError``.
            RangeTooWideError: As ``page``.
            ExceptionGroup: Of what else ``page`` raises.
        """
        try:
            async with TaskGroup() as group:
                tasks = [
                    group.create_task(
                        self.page(file, instead.get(offset, question), offset, urgent=False),
                        name=f"page {offset}",
                    )
                    for offset in offsets
                ]
        except ExceptionGroup as failed:
            if wide := failed.subgroup(RangeTooWideError):
                raise first_failure(wide) from None  # asked narrower, whatever else happened happens again
            doubts, others = failed.split(ContradictionError)
            if doubts is None or others is not None:
                raise
            raise first_failure(doubts.subgroup(CapError) or doubts) from None
        return [task.result() for task in tasks]

    def replay(self, file: AnswerFile) -> list[ReadPage]:
        """Every page that was kept, in the order of arrival."""
        anywhere = Question(0, 0)
        return [self._read(self._parsed(*kept), anywhere) for kept in file.answers()]

    def redacted(self, misfits: Iterable[Quarantined]) -> list[Quarantined]:
        """Misfits as they may be kept; until here their bytes tell those without a key apart."""
        if self._redaction is None:
            return list(misfits)
        return [replace(item, raw=self._redaction.text(item.raw)) for item in misfits]

    def _check_owner(self, page: ReadPage) -> None:
        if self.columns.owner is not None:
            misfits = (item.raw for item in page.quarantined)
            self.mixed = self.columns.owner.check(page.batch, misfits) or self.mixed

    def _parsed(self, encoding: str, body: bytes) -> Page:
        return parse(Answer(body, encoding), quick=self._quick)

    def _read(self, page: Page, question: Question) -> ReadPage:
        count = len(page.records) if page.batch is None else page.batch.num_rows
        if count > self._most:  # not decoded: misfits take a thousand times as long as others
            raise ContradictionError(f"{count} records came, and {self._most} at most were asked for")
        if page.batch is None:
            decoded = self._decoder.decode(page.records, page.text)
        else:
            decoded = Decoded(page.batch, (), {})
        for key, times in decoded.unknown.items():
            # A hostile answer may invent keys without end; their values are in ``extra`` all the same.
            if key in self.unknown or len(self.unknown) < _MOST_UNKNOWN:
                self.unknown[key] += times
        return read_page(decoded, page.total, self.columns, descending=question.descending)


def check_zone(page: Page) -> None:
    """Refuse an answer whose times are not UTC.

    Raises:
        ZoneError: They are not.
    """
    if page.timezone not in UTC:
        raise ZoneError(f"the API answers in the time zone {page.timezone!r}, not in UTC")
