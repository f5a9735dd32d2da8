"""The reports that were ordered, and what became of them."""

from asyncio import Future
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from harvester.emulator.behaviour import ReportBehaviour
from harvester.emulator.refusals import Code, Refusal

FIRST_ID = 319_215


@dataclass(frozen=True, slots=True)
class Made:
    """A report that is made.

    Attributes:
        file: Its CSV.
        packed: The same, compressed.
        rows: Records in it.
    """

    file: bytes
    packed: bytes
    rows: int


@dataclass(slots=True)
class Ordered:
    """One report.

    Attributes:
        id: Its number.
        history_type: The vendor's name of its kind.
        filters: What it was ordered with.
        account_id: Who ordered it.
        created: When, by the server's clock, Unix seconds.
        ordered: When, by the loop's clock.
        making: Its content, once it is made.
        total: Records that it should hold.
        fails: Whether it will fail.
        downloads: How often it was fetched.
    """

    id: int
    history_type: str
    filters: Mapping[str, str]
    account_id: int
    created: float
    ordered: float
    making: Future[Made]
    total: int
    fails: bool
    downloads: int = 0

    def is_ready(self, behaviour: ReportBehaviour, at: float) -> bool:
        """Whether it is made, or has failed."""
        return (self.fails or self.making.done()) and at - self.ordered >= behaviour.seconds


class Shelf:
    """All reports of an account, until they are thrown away. Moments are of the loop's clock."""

    def __init__(self) -> None:
        self._reports: dict[int, Ordered] = {}
        self._made = 0

    def check_repeated(
        self, behaviour: ReportBehaviour, history_type: str, filters: Mapping[str, str], at: float
    ) -> None:
        """Refuse the same order again too soon.

        Raises:
            Refusal: Code 515.
        """
        for report in self._reports.values():
            same = (report.history_type, report.filters) == (history_type, filters)
            if same and at - report.ordered < behaviour.repeat_after:
                raise Refusal(Code.SAME_OPERATION_LIMIT, "The same operation was performed recently.")

    def next_number(self, behaviour: ReportBehaviour) -> tuple[int, bool]:
        """The number of the next report, and whether it will fail."""
        self._made += 1
        return FIRST_ID + self._made, self._made <= behaviour.failing

    def put(self, report: Ordered) -> None:
        """Keep a report."""
        self._reports[report.id] = report

    def held(self, behaviour: ReportBehaviour, account_id: int, at: float) -> Iterator[Ordered]:
        """Those of an account that are not thrown away yet, in the order of their numbers."""
        for report in self._reports.values():
            age = at - report.ordered - behaviour.seconds
            if report.account_id == account_id and (behaviour.kept is None or age < behaviour.kept):
                yield report


NO_SHELF = Shelf()
"""For questions that have nothing to do with reports."""
