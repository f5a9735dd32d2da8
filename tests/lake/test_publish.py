import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from harvester.lake import folders, publish, sink
from harvester.lake.catalog import Catalog
from harvester.lake.entries import Intent, Publication
from harvester.lake.publish import recover
from harvester.lake.spool import Spool
from harvester.window import subtract
from tests.lake.history import MONDAYS_FILE, TUESDAYS_FILE, Lake, covered, hours, opened, rows_of

FIRST = hours(0, 12)
SECOND = hours(12, 72)  # Monday's rest, Tuesday, and a Wednesday without records

OLD = {MONDAYS_FILE: FIRST.seconds}
NEW = {MONDAYS_FILE: hours(0, 24).seconds, TUESDAYS_FILE: hours(24, 48).seconds}


class Killed(BaseException):
    """The process ends here: nothing that follows is run."""


@contextmanager
def killed_at(owner: object, name: str, *, after: int = 0) -> Iterator[None]:
    """Die at the call number ``after`` (from 0) of a function; everything after it is a new start."""
    work: Callable[..., object] = getattr(owner, name)
    left = iter(range(after))

    def die(*arguments: object, **options: object) -> object:
        if next(left, None) is None:
            raise Killed
        return work(*arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, name, die)
        with pytest.raises(Killed):
            yield


def seen(lake: Lake) -> dict[str, int]:
    """The files that readers see, each with the seconds it covers; all accounts of them agree."""
    assert lake.drafts() == []
    assert lake.catalog.intents() == []
    assert lake.rows() == lake.proven_rows()
    files = lake.files()
    told = {str(item.path.relative_to("calls")): item for item in lake.catalog.published()}
    assert {path: (hashlib.sha256(content).hexdigest(), len(content)) for path, content in files.items()} == {
        path: (item.sha256, item.bytes) for path, item in told.items()
    }
    assert {path: item.rows for path, item in told.items()} == {
        path: len(rows_of(*covered(lake, item.span))) for path, item in told.items()
    }
    return {path: sum(window.seconds for window in covered(lake, item.span)) for path, item in told.items()}


CRASHES = [
    pytest.param(Catalog, "intend", 0, OLD, id="before the decision"),
    pytest.param(sink, "show", 0, NEW, id="after the decision"),
    pytest.param(Path, "replace", 0, NEW, id="before the first rename"),
    pytest.param(Path, "replace", 1, NEW, id="between the renames"),
    pytest.param(publish, "_sync", 0, NEW, id="before the folders are durable"),
    pytest.param(Catalog, "publish", 0, NEW, id="before the commit"),
    pytest.param(Catalog, "_forget_windows", 0, NEW, id="in the commit"),
    pytest.param(Spool, "free", 0, NEW, id="after the commit"),
]


@pytest.mark.parametrize(("owner", "name", "after", "expected"), CRASHES)
async def test_a_crash_leaves_the_old_files_or_the_new(
    tmp_path: Path, owner: object, name: str, after: int, expected: dict[str, int]
) -> None:
    """P5: at every step; recovering again changes nothing, and the next run ends as if nothing had been."""
    with opened(tmp_path) as lake:
        await lake.harvest(FIRST)
    with killed_at(owner, name, after=after), opened(tmp_path) as lake:
        await lake.harvest(SECOND)
    with opened(tmp_path) as lake:
        recover(lake.layout, lake.catalog)
        assert seen(lake) == expected
        files = lake.files()
        recover(lake.layout, lake.catalog)
        assert lake.files() == files
        for rest in subtract(hours(0, 72), lake.catalog.coverage()):
            await lake.harvest(rest)
        assert seen(lake) == NEW
        assert lake.catalog.coverage() == (hours(0, 72),)


def lost(path: Path) -> None:
    """The power failed before the file was durable."""
    path.unlink()


def torn(path: Path) -> None:
    """The disk kept a part of it."""
    os.truncate(path, path.stat().st_size // 2)


@pytest.mark.parametrize("harm", [lost, torn])
@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (MONDAYS_FILE, {MONDAYS_FILE: OLD[MONDAYS_FILE], TUESDAYS_FILE: NEW[TUESDAYS_FILE]}),
        (TUESDAYS_FILE, {MONDAYS_FILE: NEW[MONDAYS_FILE]}),
    ],
    ids=["over an old file", "over none"],
)
async def test_a_draft_that_is_not_what_was_decided_is_not_shown(
    lake: Lake, path: str, expected: dict[str, int], harm: Callable[[Path], None]
) -> None:
    """The decision on it is taken back, and readers keep what they had; the others are carried out."""
    await lake.harvest(FIRST)
    with killed_at(sink, "show"):
        await lake.harvest(SECOND)
    (intent,) = (intent for intent, _ in lake.catalog.intents() if path in str(intent.publication.path))
    harm(lake.layout.root / intent.draft)
    for _ in range(2):
        recover(lake.layout, lake.catalog)
        assert seen(lake) == expected
    assert lake.ledger.window_starts() == {SECOND.start}


async def test_the_finished_publication_belongs_to_the_run_that_decided(lake: Lake) -> None:
    """Whichever run finds it."""
    await lake.harvest(FIRST)
    with killed_at(sink, "show"):
        await lake.harvest(SECOND)
    lake.ledger.begin(SECOND, 0.0)
    recover(lake.layout, lake.catalog)
    assert lake.database.all("SELECT DISTINCT run FROM published") == [(2,)]


async def test_a_crash_while_recovering_is_recovered(lake: Lake) -> None:
    """P5: at any instant, this one too."""
    await lake.harvest(FIRST)
    with killed_at(Path, "replace", after=1):
        await lake.harvest(SECOND)
    for owner, name in ((Path, "replace"), (Catalog, "publish"), (Path, "unlink")):
        (lake.layout.tmp / "calls-2024-05-01.draft").touch()
        with killed_at(owner, name):
            recover(lake.layout, lake.catalog)
    recover(lake.layout, lake.catalog)
    assert seen(lake) == NEW


def test_every_folder_on_the_way_is_made_durable(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also those that are there already: a killed run may have made them and not got so far."""
    synced: list[Path] = []
    monkeypatch.setattr(folders, "sync_folder", synced.append)
    draft = lake.layout.tmp / "a.draft"
    for hour in (2, 3):
        path = Path("calls", "date=1", f"hour={hour}", "calls.parquet")
        draft.write_bytes(b"rows")
        publish.show(
            lake.layout.root, [Intent(Publication(hours(0, 1), path, 1, 4, "", complete=True), draft)]
        )
        assert (lake.layout.root / path).read_bytes() == b"rows"
        assert synced == [lake.layout.root / folder for folder in reversed(path.parents)]
        synced.clear()


async def test_what_a_crash_left_renamed_is_durable_before_it_is_published(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next crash may be a power cut: it must not take the old file back that the ledger has given up."""
    with killed_at(publish, "_sync"):
        await lake.harvest(FIRST)
    steps: list[object] = []
    monkeypatch.setattr(folders, "sync_folder", steps.append)
    monkeypatch.setattr(Catalog, "publish", lambda *_: steps.append("published"))
    recover(lake.layout, lake.catalog)
    folder = (lake.layout.folder() / MONDAYS_FILE).parent
    assert steps == [lake.layout.root, lake.layout.folder(), folder, "published"]
