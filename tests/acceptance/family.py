"""An account with children, served on loopback, and what runs over all of them."""

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from harvester.account import Account, named
from harvester.api.credentials import load_credentials
from harvester.api.pacing import Pace
from harvester.config import Job
from harvester.datasets import CALLS, Dataset
from harvester.emulator import Account as History
from harvester.emulator import Behaviour, Family, ListedAccount, SyntheticAccount
from harvester.report import Report
from harvester.verification import Verification, Verify
from harvester.window import Window
from tests.acceptance.harness import DAY, SPRING, Bench, bench
from tests.acceptance.oracle import Verdict, judge

START, END = SPRING - 4 * DAY, SPRING
PARENT, CHILD, OTHER = 4_714_487, 4_714_488, 4_714_489
ACCOUNTS = (Account(PARENT, is_child=False), Account(CHILD, is_child=True), Account(OTHER, is_child=True))
PAGE = 50
SITUATIONS = pytest.mark.parametrize(
    ("children_by", "included", "same_ids"),
    [
        ("token", False, False),
        ("token", True, True),
        ("parameter", False, True),
        ("parameter", True, False),
    ],
    ids=["token-apart", "token-included", "parameter-apart", "parameter-included"],
)
"""How a child is asked for; whether a parent's answers hold its children's records; whether ids are alike."""
INCLUDED = pytest.mark.parametrize("included", [False, True], ids=["apart", "included"])

NO_OTHERS: Mapping[str, Family] = MappingProxyType({})


def small(dataset: Dataset) -> Dataset:
    """The dataset with pages so small that some hundred records need all that a million would."""
    return replace(dataset, page_size=PAGE, max_offset=9 * PAGE)


def behaving(**switches: Any) -> Behaviour:
    """An API with such pages."""
    return Behaviour(page_size=PAGE, max_offset=9 * PAGE, **switches)


def histories(dataset: Dataset = CALLS, *, same_ids: bool = False, records: int = 400) -> Family:
    """A parent with so many records, and two children; with the same ids as the parent's, or with others."""
    sizes = {PARENT: records, CHILD: records // 2, OTHER: records // 3}
    return Family(
        *(
            SyntheticAccount(
                size, START, END, seed=4 if same_ids else account_id, account_id=account_id, dataset=dataset
            )
            for account_id, size in sizes.items()
        )
    )


def listed(records: Mapping[int, Iterable[Mapping[str, object]]]) -> tuple[Family, dict[int, ListedAccount]]:
    """A family of histories written by hand, by account, the parent's first; and each of them."""
    members = {number: ListedAccount(records[number], account_id=number) for number in records}
    return Family(*members.values()), members


@dataclass(frozen=True, slots=True)
class Home:
    """A family that is being served, and a lake beside it."""

    bench: Bench
    family: Family
    dataset: Dataset

    def settings(self, account: Account, **more: Any) -> dict[str, Any]:
        """What makes a run one over this account."""
        dataset = small(self.dataset)
        name = named(self.dataset.name, account)
        return {"dataset": dataset, "account": account, "name": name, **more}

    async def harvest(self, *accounts: Account, pace: Pace | None = None, **more: Any) -> list[Report]:
        """Run over the accounts, or all, one after the other."""
        return [
            await self.bench.backfill(START, END, pace=pace, **self.settings(account, **more)).run()
            for account in accounts or ACCOUNTS
        ]

    def truth(self, account: Account) -> History:
        """The account's own history."""
        return self.family.members[account.id]

    def verdict(self, account: Account) -> Verdict:
        """How the account's folder differs from its history."""
        name = named(self.dataset.name, account)
        truth = self.truth(account).sessions(START, END)
        return judge(self.bench.folder / "lake", truth, dataset=self.dataset, name=name)

    async def verify(self, children_by: str = "token") -> dict[str, Verification]:
        """Look at all of the lake, and ask for all counts again."""

        def job(name: str, identity: Mapping[str, Any], window: Window) -> Job:
            return Job.of_identity(
                identity,
                name=name,
                window=window,
                lake=self.bench.folder / "lake",
                credentials=self.bench.folder / "key.json",
                endpoint=self.bench.endpoint,
                rate=None,
                children_by=children_by,
            )

        credentials, _ = load_credentials(self.bench.folder / "key.json")
        verify = Verify(lake=self.bench.folder / "lake", job=job, credentials=credentials)
        return {result.name: result for result in await verify.run()}


@asynccontextmanager
async def home(
    folder: Path, family: Family, behaviour: Behaviour | None = None, dataset: Dataset = CALLS
) -> AsyncIterator[Home]:
    """Serve a family's histories of one dataset on loopback."""
    others = NO_OTHERS if dataset is CALLS else {dataset.name: family}
    calls: History = family if dataset is CALLS else Family(*(_empty(number) for number in family.members))
    async with bench(folder, calls, behaviour or behaving(), histories=others) as it:
        yield Home(it, family, dataset)


def _empty(account_id: int) -> ListedAccount:
    return ListedAccount(account_id=account_id)
