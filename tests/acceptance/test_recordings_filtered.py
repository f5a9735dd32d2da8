"""Files of a child's calls that were had by filter, beside those of the parent: numbers may be alike."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from harvester.errors import ConfigError
from harvester.lake.inventory import inventory
from tests.acceptance.family import CHILD, PARENT, listed
from tests.acceptance.files import END, START, check_stored, collect, rows, session
from tests.acceptance.harness import Bench, bench

KEYS, OWN = (1, 2), 7  # of each account: two logs, four recordings, a transcript


def _sessions(account_id: int) -> Iterator[dict[str, object]]:
    """The same keys and numbers in each account, and other places of their files."""
    for key in KEYS:
        text = json.dumps(session(key, account_id=account_id))
        yield json.loads(text.replace("-secure/", f"-secure/{account_id}/"))


async def _harvest(it: Bench) -> None:
    await it.harvest(START, END)
    filters = {"child_account_id": str(CHILD), "children_calls_only": "true"}
    await it.harvest(START, END, name="child", filters=filters)


def _check(it: Bench) -> None:
    """Each account's files are stored and listed, once, on its own shelf, and verify finds nothing."""
    lake = it.folder / "lake"
    assert check_stored(it) == 2 * OWN
    for folder, account_id in (("date=*", PARENT), (f"account_id={CHILD}/date=*", CHILD)):
        query = f"count(*), count(*) FILTER (contains(url, '-secure/{account_id}/'))"
        assert rows(lake, query, f"path GLOB 'recordings/{folder}/_files/*'") == [(OWN, OWN)]
        assert rows(lake, query, f"filename GLOB '*/recordings/{folder}/manifest.parquet'") == [(OWN, OWN)]
    found = inventory(lake, whole=True, jobs=1)
    assert found is not None
    assert (found.files, found.findings) == (2 * OWN, ())
    assert [path for path in lake.glob("_harvester/recordings/**/*") if path.is_file()] == []


@pytest.mark.parametrize("names", [("calls", "child"), ("child", "calls")])
async def test_a_child_had_by_filter_has_a_shelf_of_its_own(tmp_path: Path, names: tuple[str, str]) -> None:
    """What one of the two has is not held for the other's, and each file is asked for once."""
    async with bench(tmp_path, listed({number: _sessions(number) for number in (PARENT, CHILD)})[0]) as it:
        await _harvest(it)
        for name in names:
            report = await collect(it, name=name)
            assert (report.outcome, report.tally.stored, report.tally.held) == ("complete", OWN, 0)
        _check(it)
        for name in names:
            assert (await collect(it, name=name)).meter.requests == 0


async def test_files_of_a_child_had_by_filter_are_not_deleted(tmp_path: Path) -> None:
    """In the parent's name the same number may be another recording."""
    async with bench(tmp_path, listed({number: _sessions(number) for number in (PARENT, CHILD)})[0]) as it:
        await _harvest(it)
        for confirmed in (False, True):
            with pytest.raises(ConfigError, match="would ask in its parent's name"):
                await collect(it, name="child", delete=True, confirmed=confirmed)
        assert it.emulator.files.asked == []
        assert it.emulator.files.removed == set()
