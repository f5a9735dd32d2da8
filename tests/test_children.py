"""The list of child accounts is read whole, or not believed."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from harvester.api.credentials import load_credentials
from harvester.children import children
from harvester.emulator import ListedAccount
from harvester.errors import RefusedError, UnavailableError
from tests.acceptance.harness import Bench, bench

PARENT = 1_000


def parent(count: int) -> ListedAccount:
    """An account with so many children, listed backwards."""
    return ListedAccount(account_id=PARENT, children=range(PARENT + count, PARENT, -1))


async def listed(it: Bench) -> tuple[int, ...]:
    """What the program takes for the list."""
    job = it.backfill(0, 1)._job
    return await children(job, load_credentials(job.credentials)[0])


@pytest.mark.parametrize("count", [0, 1, 20, 45])
async def test_all_pages_are_read(tmp_path: Path, count: int) -> None:
    """However many there are; of each no more is asked for than its id, since the rest may be a secret."""
    async with bench(tmp_path, parent(count)) as it:
        assert await listed(it) == tuple(range(PARENT + 1, PARENT + 1 + count))
        assert len(it.emulator.requests) <= count // 20 + 1
        assert all(asked.parameters["brief_output"] == "true" for asked in it.emulator.requests)


async def test_a_list_that_changes_is_not_believed(tmp_path: Path) -> None:
    """A child that is gone on the second page may have taken another's place."""
    family = parent(45)
    async with bench(tmp_path, family) as it:

        def watch(parameters: Mapping[str, str]) -> None:
            if parameters.get("offset") == "40":
                family.children = tuple(range(PARENT + 2, PARENT + 46))

        it.emulator._watch = watch
        with pytest.raises(UnavailableError, match="counts 44 child accounts, and 44 came"):
            await listed(it)


async def test_a_key_that_may_not_list_them_is_told_what_to_do(tmp_path: Path) -> None:
    """The role is named, and so is the way without it."""
    async with bench(tmp_path, parent(1)) as it:
        path = tmp_path / "key.json"
        path.touch(mode=0o600)
        path.write_text(json.dumps(it.emulator.credentials("Admin")))
        with pytest.raises(RefusedError, match="needs the role Owner; or name the accounts"):
            await listed(it)
