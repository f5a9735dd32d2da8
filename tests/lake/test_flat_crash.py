"""Several files that are one publication: shown together, whatever happens between their renames."""

from collections.abc import Callable
from itertools import product
from pathlib import Path

import pytest

from harvester.lake import publish, sink
from harvester.lake.catalog import Catalog
from harvester.lake.publish import recover
from harvester.window import subtract
from tests.lake.flat_history import OLD, REST, FlatLake, assert_whole, flat_lake, tables_of, wanted
from tests.lake.history import Lake, hours, opened, rows_of
from tests.lake.test_publish import killed_at

__all__ = ["flat_lake"]


@pytest.mark.large
@pytest.mark.parametrize("renamed", list(product([False, True], repeat=3)), ids=str)
@pytest.mark.parametrize("is_new", [False, True], ids=["over old files", "over none"])
async def test_any_renames_that_a_crash_leaves_are_finished(
    lake: Lake, renamed: tuple[bool, ...], *, is_new: bool
) -> None:
    """P4, P5: after a power cut any of them may have reached the disk; the next start does the rest."""
    if not is_new:
        await lake.harvest(OLD)
    with killed_at(sink, "show"):
        await lake.harvest(hours(0, 24) if is_new else hours(12, 24))
    ((intent, _),) = lake.catalog.intents()
    assert [file.path.parts[0] for _, file in intent.moves] == [
        "calls.records",
        "calls.calls",
        "calls.sessions",
    ]
    for (draft, file), is_renamed in zip(intent.moves, renamed, strict=True):
        if is_renamed:
            publish._rename(lake.layout.root / draft, lake.layout.root / file.path)
    recover(lake.layout, lake.catalog)
    assert_whole(lake, hours(0, 24))


@pytest.mark.large
@pytest.mark.parametrize("after", range(7))
async def test_a_kill_between_two_renames(tmp_path: Path, after: int) -> None:
    """P4: who reads from the sessions never misses what belongs to a new one, and the next start ends it."""
    with opened(tmp_path, FlatLake) as lake:
        await lake.harvest(OLD)
    end = killed_at(Path, "replace", after=after) if after < 6 else killed_at(publish, "_sync")
    with end, opened(tmp_path, FlatLake) as lake:
        await lake.harvest(REST)
    with opened(tmp_path, FlatLake) as lake:
        seen = tables_of(lake)
        keys = {row[0] for row in seen["sessions"]}
        for table in ("calls", "records"):
            there = {row[0] for row in seen[table]}
            assert there >= {row[0] for row in wanted(rows_of(hours(0, 72)))[table]} & keys
        with killed_at(Path, "replace", after=1) if after < 5 else killed_at(Catalog, "publish"):
            recover(lake.layout, lake.catalog)
        recover(lake.layout, lake.catalog)
        assert_whole(lake, hours(0, 48))


@pytest.mark.parametrize("given", ["", "/elsewhere/lake/", "lake/"], ids=["now", "absolute", "relative"])
async def test_a_lake_that_was_moved_between_two_renames(tmp_path: Path, given: str) -> None:
    """P5: the drafts are found where the lake is now; earlier versions wrote down how it was given then."""
    with killed_at(Path, "replace", after=2), opened(tmp_path / "lake", FlatLake) as lake:
        await lake.harvest(OLD)
    (tmp_path / "lake").rename(tmp_path / "moved")
    with opened(tmp_path / "moved", FlatLake) as lake:
        query = "UPDATE intent SET draft = ? || draft, drafts = replace(drafts, '_harvester', ?)"
        lake.database.write(query, given, f"{given}_harvester")
        recover(lake.layout, lake.catalog)
        assert_whole(lake, OLD)


def lost(path: Path) -> None:
    """Somebody removed it."""
    path.unlink()


def torn(path: Path) -> None:
    """Somebody wrote into it."""
    path.write_bytes(path.read_bytes()[:-1] + b"?")


@pytest.mark.parametrize("harm", [lost, torn])
@pytest.mark.parametrize("renames", range(3))
async def test_a_draft_that_was_harmed_shows_none_of_the_others(
    lake: Lake, harm: Callable[[Path], None], renames: int
) -> None:
    """Before a rename the decision is taken back; between two, the partition is read and replaced anew."""
    await lake.harvest(OLD)
    with killed_at(sink, "show"):
        await lake.harvest(hours(12, 24))
    ((intent, _),) = lake.catalog.intents()
    for draft, file in intent.moves[:renames]:
        publish._rename(lake.layout.root / draft, lake.layout.root / file.path)
    harm(lake.layout.root / intent.moves[2][0])
    for _ in range(2):
        recover(lake.layout, lake.catalog)
        assert (lake.drafts(), lake.catalog.intents()) == ([], [])
        assert lake.catalog.coverage() == (() if renames else (OLD,))
    assert len(lake.catalog.published()) == (not renames)
    for rest in subtract(hours(0, 24), lake.catalog.coverage()):
        await lake.harvest(rest)
    assert_whole(lake, hours(0, 24))


async def test_an_owner_that_wakes_between_two_renames_changes_nothing(tmp_path: Path) -> None:
    """P6: whoever followed it has taken the drafts; the first ends there."""
    rename, left = Path.replace, iter(range(2))

    def paused(draft: Path, target: Path) -> Path:
        if next(left, None) is None:
            with pytest.MonkeyPatch.context() as awake:
                awake.setattr(Path, "replace", rename)
                with opened(tmp_path, FlatLake) as follower:
                    recover(follower.layout, follower.catalog)
                    assert_whole(follower, hours(0, 24))
        return rename(draft, target)

    with opened(tmp_path, FlatLake) as lake, pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "replace", paused)
        with pytest.raises(FileNotFoundError):
            await lake.harvest(hours(0, 24))
    with opened(tmp_path, FlatLake) as lake:
        recover(lake.layout, lake.catalog)
        assert_whole(lake, hours(0, 24))
