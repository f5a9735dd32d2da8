"""The methods of the API. A further history method is a further entry of ``METHODS``."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

import orjson

from harvester.datasets import ACD, AUDIT, BRIEF_CALLS, CALLS, TRANSACTIONS, Dataset
from harvester.emulator.calls import CallQuestion
from harvester.emulator.deletions import RecordDeletion
from harvester.emulator.histories import HistoryQuestion
from harvester.emulator.parameters import Parameters
from harvester.emulator.question import Action, Body, Question, Setting
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


@dataclass(frozen=True, slots=True)
class AccountQuestion:
    """``GetAccountInfo``: the cheapest way to learn whether a key works."""

    asker: int

    @classmethod
    def read(cls, _setting: Setting, _parameters: Parameters, asker: int) -> "AccountQuestion":
        """Take any parameters."""
        return cls(asker)

    def answer(self, _setting: Setting, _turn: int) -> Body:
        """Answer with the account, which is made up but for its id."""
        result = {
            "account_id": self.asker,
            "account_name": f"account{self.asker}",
            "account_email": f"owner@account{self.asker}.example",
            "active": True,
            "created": "2013-01-01 00:00:00",
            "currency": "USD",
            "balance": 100.5,
        }
        return Body(orjson.dumps({"result": result}))


def _listing(dataset: Dataset) -> Method:
    return Method(partial(HistoryQuestion.read, dataset), frozenset(dataset.roles), dataset.name)


def _ordering(dataset: Dataset, history: Dataset) -> dict[str, Method]:
    assert dataset.report is not None  # noqa: S101  (tells the type checker what is ordered below)
    read = partial(Order.read, dataset)
    return {dataset.report.method: Method(read, frozenset(dataset.roles), history.name)}


METHODS: Mapping[str, Method] = MappingProxyType(
    {
        "GetAccountInfo": Method(AccountQuestion.read),
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
