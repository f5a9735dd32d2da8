"""Accounts that the API refuses, and answers that hold records of somebody else: told, and never believed."""

from pathlib import Path

import pytest

from harvester.account import named
from harvester.datasets import ACD
from harvester.emulator import Family, ListedAccount
from harvester.errors import ForeignRecordsError, first_failure
from harvester.inspection import holdings
from harvester.window import as_text
from tests.acceptance.family import (
    ACCOUNTS,
    CHILD,
    END,
    INCLUDED,
    OTHER,
    PARENT,
    START,
    behaving,
    histories,
    home,
)
from tests.acceptance.harness import DAY
from tests.acceptance.oracle import exact

pytestmark = pytest.mark.large

BY = pytest.mark.parametrize("children_by", ["token", "parameter"])


async def test_a_refused_child_is_its_own_gap(tmp_path: Path) -> None:
    """The others go on; the lake knows what is missing, and why; the next run tries it again."""
    refusing = behaving(refused_children=frozenset({CHILD}))
    async with home(tmp_path, histories(records=200), refusing) as it:
        own, refused, other = await it.harvest()
        assert (own.outcome, other.outcome) == ("complete", "complete")
        assert (refused.outcome, refused.is_whole) == ("gaps", False)
        (gap,) = refused.gaps
        assert (gap.window.start, gap.window.end, gap.expected) == (START, END, None)
        assert f"account {CHILD} is refused" in gap.reason
        held = {item.name: item for item in holdings(tmp_path / "lake")}
        assert [item.window for item in held[named("calls", ACCOUNTS[1])].gaps] == [gap.window]
        assert [len(held[named("calls", one)].gaps) for one in ACCOUNTS] == [0, 1, 0]
        assert held[named("calls", ACCOUNTS[1])].runs[0].outcome == "gaps"
        results = await it.verify()
        assert [result.is_sound for result in results.values()] == [True, False, True]

        it.bench.emulator.behaviour = behaving()
        it.bench.emulator.reset()
        again = await it.harvest()
        assert [report.covered for report in again] == [True, False, True]
        assert again[1].is_whole
        assert it.verdict(ACCOUNTS[1]) == exact(it.truth(ACCOUNTS[1]).total)
        assert not any(item.gaps for item in holdings(tmp_path / "lake"))


@BY
async def test_what_a_child_had_stays_when_it_is_refused(tmp_path: Path, children_by: str) -> None:
    """What is published is no gap; what is new is; a count that is refused is told, and ends nothing."""
    async with home(tmp_path, histories(records=200)) as it:
        settings = it.settings(ACCOUNTS[1])
        await it.bench.harvest(START, END - DAY, **settings)
        await it.harvest(ACCOUNTS[0])
        it.bench.emulator.behaviour = behaving(refused_children=frozenset({CHILD}))
        (report,) = await it.harvest(ACCOUNTS[1], children_by=children_by)
        assert [(gap.window.start, gap.window.end) for gap in report.gaps] == [(END - DAY, END)]
        results = await it.verify(children_by)
        assert [bool(result.refused) for result in results.values()] == [False, True]


async def test_the_parents_refusal_is_everybodys(tmp_path: Path) -> None:
    """It is no gap: the same key signs for all of them."""
    async with home(tmp_path, histories(records=60), behaving(activated=False)) as it:
        with pytest.raises(ExceptionGroup) as caught:
            await it.harvest(ACCOUNTS[0])
        assert "131" in str(first_failure(caught.value))


@INCLUDED
async def test_records_of_somebody_else_are_never_taken_for_a_childs(
    tmp_path: Path, *, included: bool
) -> None:
    """An answer that holds more than the child's is refused: nothing of it is in the lake, or the spool."""
    odd = behaving(children_only_ignores_ids=True, includes_children=included)
    async with home(tmp_path, histories(records=200), odd) as it:
        (report,) = await it.harvest(ACCOUNTS[1], children_by="parameter")
        assert f"records of {OTHER}" in report.refused
        assert it.verdict(ACCOUNTS[1]).rows == 0
        (again,) = await it.harvest(ACCOUNTS[1])
        assert again.is_whole
        assert it.verdict(ACCOUNTS[1]) == exact(it.truth(ACCOUNTS[1]).total)


async def test_a_parent_whose_count_cannot_be_told_from_the_childrens_is_refused(tmp_path: Path) -> None:
    """A method that cannot be asked for the children alone must not answer with their records."""
    mixed = ListedAccount(
        (
            {ACD.key: number, "account_id": number % 2 + PARENT, ACD.time_field: as_text(START + number)}
            for number in range(1, 9)
        ),
        dataset=ACD,
    )
    async with home(tmp_path, Family(mixed), dataset=ACD) as it:
        with pytest.raises(ExceptionGroup) as caught:
            await it.harvest(ACCOUNTS[0])
        assert isinstance(first_failure(caught.value), ForeignRecordsError)
        assert it.verdict(ACCOUNTS[0]).rows == 0
