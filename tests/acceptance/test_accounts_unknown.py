"""A child that the API does not know: told, not remembered, and welcome when it is known."""

from pathlib import Path

from harvester.lake.layout import Layout
from harvester.lake.opening import entered
from tests.acceptance.family import ACCOUNTS, CHILD, END, START, behaving, histories, home
from tests.acceptance.oracle import exact


async def test_one_that_is_known_later_is_harvested_by_the_same_owner_of_the_lake(tmp_path: Path) -> None:
    """A service makes the folders once; the child is harvested as if it were asked for the first time."""
    unknown = behaving(refused_children=frozenset({CHILD}))  # code 194
    async with home(tmp_path, histories(records=60), unknown) as it:
        own, child = (it.settings(account, children_by="parameter") for account in ACCOUNTS[:2])
        await it.bench.harvest(START, END, **own)
        with entered(Layout(tmp_path / "lake", ""), started=END) as database:
            refused = await it.bench.backfill(START, END, **child).within(database)
            assert (refused.outcome, refused.run, refused.requests) == ("gaps", None, 1)
            assert [(gap.window.start, gap.window.end) for gap in refused.gaps] == [(START, END)]
            it.bench.emulator.behaviour = behaving()
            again = await it.bench.backfill(START, END, **child).within(database)
        assert again.is_whole
        assert it.verdict(ACCOUNTS[1]) == exact(it.truth(ACCOUNTS[1]).total)
