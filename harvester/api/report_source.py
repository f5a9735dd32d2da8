"""The report of one range: ordered once, waited for, fetched; all of it kept as answers of the window.

What was ordered is remembered before anything is waited for, so a run that was killed picks its report up.
"""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Protocol, TypeVar

import orjson
import structlog

from harvester.api.envelope import Answer
from harvester.api.page_source import AnswerFile
from harvester.api.pages import ContradictionError
from harvester.api.question import Question
from harvester.api.reply import Receiver, Reply
from harvester.api.report_answers import (
    FAILED,
    GONE,
    PENDING,
    Listed,
    OrderedAlreadyError,
    file_of,
    list_of,
    number_of,
    order_of,
    reports_in,
)
from harvester.api.report_file import Incoming, check_is_file, is_whole
from harvester.datasets import Dataset
from harvester.errors import RequestError, UnavailableError
from harvester.window import as_text

T = TypeVar("T")
_log = structlog.get_logger()

_MARK = "by report"  # names an answer that every file has of which a report was ordered
_LIST, _DOWNLOAD = "GetHistoryReports", "DownloadHistoryReport"
_FIRST_PAUSE, _GROWTH, _LONGEST_PAUSE = 2.0, 1.5, 60.0  # seconds between looks
_PATIENCE = 3_600.0  # seconds from the first look on; the vendor speaks of up to an hour
_LOOKS = 5  # of so many, the last is a download: how a failed report is listed, nobody says
_CLOCKS = 300  # seconds by which clocks may differ
_RECENT = 3_600  # seconds; code 515 speaks of an order "recently"
_REPEATS = 10  # of an order that is refused as repeated, without a trace of the first
_LISTED = "100"  # reports to look through


class LeftError(Exception):
    """Nobody waits for the report any more. Never leaves the reader."""


class Api(Protocol):
    """Asks the vendor."""

    async def ask(
        self,
        method: str,
        parameters: Mapping[str, str],
        judge: Callable[[Reply, float], T],
        *,
        into: Receiver | None = None,
    ) -> T:
        """One answer, as ``judge`` reads it; a file goes ``into``."""
        ...


class ReportSource:
    """Orders, waits and fetches.

    Attributes:
        ordered: How many reports were ordered.
    """

    def __init__(
        self, dataset: Dataset, shared: Mapping[str, str], api: Api, *, now: Callable[[], float]
    ) -> None:
        """Use ``shared`` (filters and switches) with every order; ``now`` gives Unix time."""
        assert dataset.report is not None  # noqa: S101  (a job that asks for a report was checked for that)
        self.ordered = 0
        self._method = dataset.report
        self._shared = {name: value for name, value in shared.items() if name not in self._method.untaken}
        self._api = api
        self._now = now
        self._spent: set[int] = set()
        self._left = asyncio.Event()

    @staticmethod
    def name(question: Question) -> str:
        """What the file of a report is kept under."""
        return f"report {question.start} {question.end}"

    def leave(self) -> None:
        """Wait for no report any more."""
        self._left.set()

    @classmethod
    def is_begun(cls, file: AnswerFile, question: Question) -> bool:
        """Whether the report of a question was ordered, or was about to be, before this is asked."""
        return file.get(f"intent {cls.name(question)}") is not None

    async def obtain(self, file: AnswerFile, question: Question) -> Listed | None:
        """Have the report of a question in ``file``, from whatever was done for it before.

        Returns:
            What the list says of it; ``None`` if nothing.

        Raises:
            ContradictionError: It failed, or is gone: it may be ordered anew.
            LeftError: It is not ready, and is not waited for any more.
            UnavailableError: It is not ready for too long; the next run picks it up.
            HarvestError: The API refuses, or cannot be reached.
            OSError: The disk refuses an answer.
        """
        name = self.name(question)
        number = _number(file.get(f"order {name}"))
        if not is_whole(file, name):
            is_new = number is None
            number = number or await self._order(file, question)
            try:
                await self._wait(file, question, number, pause=_FIRST_PAUSE if is_new else 0.0)
            except ContradictionError:
                self._spent.add(number)
                raise
        kept = file.get(f"listed {name}")
        found = reports_in(Answer(body=kept[1], encoding=kept[0])) if kept else []
        return next((listed for listed in found if listed.id == number), None)

    async def _order(self, file: AnswerFile, question: Question) -> int:
        name, parameters = self.name(question), self._parameters(question)
        intended, number = file.get(f"intent {name}"), None
        if intended is None:
            file.append(_MARK, "identity", b"")
            file.append(f"intent {name}", "identity", str(int(self._now())).encode())
        else:  # an earlier run may have been killed before it heard of its order
            number = await self._found(parameters, int(intended[1]) - _CLOCKS)
        if number is None:
            answer, number = await self._placed(parameters)
        else:
            answer = Answer(orjson.dumps({"history_report_id": number}), "identity")
        file.append(f"order {name}", answer.encoding, answer.body)
        span = f"{as_text(question.start)} to {as_text(question.end)}"
        _log.info("report ordered", number=number, method=self._method.method, range=span)
        return number

    async def _placed(self, parameters: Mapping[str, str]) -> tuple[Answer, int]:
        for _ in range(_REPEATS):
            try:
                self.ordered += 1
                return await self._api.ask(self._method.method, parameters, order_of)
            except OrderedAlreadyError:
                self.ordered -= 1
                number = await self._found(parameters, int(self._now()) - _RECENT - _CLOCKS)
                if number is not None:
                    return Answer(orjson.dumps({"history_report_id": number}), "identity"), number
                await self._pause(_LONGEST_PAUSE)
        raise UnavailableError(
            f"{self._method.method} is refused as repeated (code 515), and no report of it is listed"
        )

    async def _found(self, parameters: Mapping[str, str], since: int) -> int | None:
        """A report that was ordered so since then, and has not failed."""
        asked = {
            "history_type": self._method.history_type,
            "created_from": as_text(since),
            "desc_order": "true",
            "count": _LISTED,
        }
        _, reports = await self._api.ask(_LIST, asked, list_of)
        wanted = (
            report.id
            for report in reports
            if report.is_of(self._method.history_type, parameters)
            and report.error is None
            and report.id not in self._spent
        )
        return next(wanted, None)

    async def _wait(self, file: AnswerFile, question: Question, number: int, *, pause: float) -> None:
        """Wait until the report is there, and fetch it."""
        clock = asyncio.get_running_loop().time
        deadline, looks = clock() + _PATIENCE, 0
        while True:
            await self._pause(pause)
            looks += 1
            listed = await self._look(file, question, number)
            if listed is not None and listed.error is not None:
                raise ContradictionError(f"report {number} failed: {listed.error}")
            is_ready = listed is not None and listed.is_completed
            if (is_ready or looks % _LOOKS == 0) and await self._fetched(file, question, number):
                return
            pause = min(max(pause, _FIRST_PAUSE / _GROWTH) * _GROWTH, _LONGEST_PAUSE)
            if clock() + pause > deadline:
                raise UnavailableError(
                    f"report {number} is not ready after {_PATIENCE / 60:.0f} minutes; run again later: it is"
                    " picked up, not ordered again"
                )

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._left.wait(), seconds)
            raise LeftError

    async def _look(self, file: AnswerFile, question: Question, number: int) -> Listed | None:
        answer, reports = await self._api.ask(_LIST, {"history_report_id": str(number)}, list_of)
        listed = next((report for report in reports if report.id == number), None)
        if listed is not None and listed.is_completed:
            file.append(f"listed {self.name(question)}", answer.encoding, answer.body)
            _log.debug("report ready", number=number, store_until=listed.store_until)
        return listed

    async def _fetched(self, file: AnswerFile, question: Question, number: int) -> bool:
        """Fetch the report; whether it was there."""
        name = self.name(question)
        into = Incoming(file, name)
        try:
            await self._api.ask(_DOWNLOAD, {"history_report_id": str(number)}, file_of, into=into)
            check_is_file(into.beginning)
            into.end()
        except RequestError as error:
            if error.code == PENDING:
                return False
            if error.code == FAILED or error.code in GONE:
                raise ContradictionError(f"report {number}: {error}") from error
            raise
        return True

    def _parameters(self, question: Question) -> dict[str, str]:
        return {
            **self._shared,
            "from_date": as_text(question.start),
            "to_date": as_text(question.end),
            "desc_order": "false",
            "with_header": "true",
            "output": "csv",
        }


def holds_order(file: AnswerFile) -> bool:
    """Whether a report was ordered, or was about to be, whatever its range."""
    return file.get(_MARK) is not None


def _number(kept: tuple[str, bytes] | None) -> int | None:
    return None if kept is None else number_of(Answer(body=kept[1], encoding=kept[0]))
