"""The methods of the API. A further history method is a further entry of ``METHODS``."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

from harvester.account import LIST_METHOD, LIST_ROLES
from harvester.datasets import ACD, AUDIT, BRIEF_CALLS, CALLS, TRANSACTIONS, Dataset
from harvester.emulator.calls import CallQuestion
from harvester.emulator.children import AccountQuestion, ChildrenQuestion
from harvester.emulator.deletions import RecordDeletion
from harvester.emulator.histories import HistoryQuestion
from harvester.emulator.parameters import Parameters
from harvester.emulator.question import Action, Question, Setting
from harvester.emulator.reports import Download, Order, ReportList
from harvester.report_methods import ROLES


@dataclass(frozen=True, slots=True)
class Method:
    """One method.

    Attributes:
        read: Reads the question of an account, given by its id, or raises ``Refusal``.
        roles: A key needs one of them to ask; ``None`` if it needs none.
        history: Name of the dataset that it answers from; ``None`` if from none.
    """

    read: Callable[[Setting, Parameters, int], Question | Action | RecordDeletion]
    roles: frozenset[str] | None = None
    history: str | None = None


def _listing(dataset: Dataset) -> Method:
    return Method(partial(HistoryQuestion.read, dataset), frozenset(dataset.roles), dataset.name)


def _ordering(dataset: Dataset, history: Dataset) -> dict[str, Method]:
    assert dataset.report is not None  # noqa: S101  (tells the type checker what is ordered below)
    read = partial(Order.read, dataset)
    return {dataset.report.method: Method(read, frozenset(dataset.roles), history.name)}


METHODS: Mapping[str, Method] = MappingProxyType(
    {
        "GetAccountInfo": Method(AccountQuestion.read),
        LIST_METHOD: Method(ChildrenQuestion.read, frozenset(LIST_ROLES)),
        "DeleteRecord": Method(RecordDeletion.read, frozenset({"Owner", "Admin"})),
        CALLS.method: Method(CallQuestion.read, frozenset(CALLS.roles), CALLS.name),
        **{dataset.method: _listing(dataset) for dataset in (TRANSACTIONS, ACD, AUDIT)},
        **_ordering(CALLS, CALLS),
        **_ordering(BRIEF_CALLS, CALLS),
        **_ordering(TRANSACTIONS, TRANSACTIONS),
        **_ordering(AUDIT, AUDIT),
        "GetHistoryReports": Method(ReportList.read, frozenset((*CALLS.roles, *TRANSACTIONS.roles))),
        "DownloadHistoryReport": Method(Download.read, frozenset(ROLES)),
    }
)
