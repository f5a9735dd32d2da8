import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.errors import LakeError
from harvester.lake.layout import (
    Granularity,
    Layout,
    Place,
    has_files,
    partition_at,
    partitions,
    place_of,
)
from harvester.window import Window, as_text
from tests.lake.history import STEADY

GRANULARITIES = st.sampled_from(Granularity)
SECONDS = st.integers(946_684_800, 4_102_444_799)  # the years 2000 to 2099


@pytest.mark.parametrize(
    ("granularity", "moment", "start", "end", "path"),
    [
        (
            Granularity.HOUR,
            "2024-05-29T13:59:59",
            "2024-05-29 13:00:00",
            "2024-05-29 14:00:00",
            "date=2024-05-29/hour=13/calls-2024-05-29T13.parquet",
        ),
        (
            Granularity.DAY,
            "2023-12-31T23:59:59",
            "2023-12-31 00:00:00",
            "2024-01-01 00:00:00",
            "date=2023-12-31/calls-2023-12-31.parquet",
        ),
        (
            Granularity.MONTH,
            "2024-02-29T12:00:00",
            "2024-02-01 00:00:00",
            "2024-03-01 00:00:00",
            "month=2024-02/calls-2024-02.parquet",
        ),
        (
            Granularity.MONTH,
            "2024-12-01T00:00:00",
            "2024-12-01 00:00:00",
            "2025-01-01 00:00:00",
            "month=2024-12/calls-2024-12.parquet",
        ),
    ],
    ids=["hour", "day", "leap month", "last month"],
)
def test_a_partition_is_a_calendar_span_and_a_file(
    granularity: Granularity, moment: str, start: str, end: str, path: str
) -> None:
    """Hours, days and months of UTC, each in a Hive-style folder below the dataset."""
    second = int(datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp())
    partition = partition_at(granularity, second)
    assert (as_text(partition.span.start), as_text(partition.span.end)) == (start, end)
    assert Layout(Path("/lake"), "calls").file(partition) == Path("calls", path)


@STEADY
@given(GRANULARITIES, SECONDS)
def test_partitions_tile_the_time(granularity: Granularity, second: int) -> None:
    """Every second is in one partition; the next one starts where it ends and is named after it."""
    partition = partition_at(granularity, second)
    following = partition_at(granularity, partition.span.end)
    assert second in partition.span
    assert partition_at(granularity, partition.span.start) == partition
    assert following.span.start == partition.span.end
    assert partition.label < following.label


@STEADY
@given(GRANULARITIES, SECONDS, st.integers(1, 20_000_000))
def test_the_partitions_of_a_window_are_those_that_share_a_second(
    granularity: Granularity, start: int, length: int
) -> None:
    """From the one of its first second to the one of its last, none left out."""
    found = list(partitions(granularity, Window(start, start + min(length, 2_000_000))))
    assert start in found[0].span
    assert start + min(length, 2_000_000) - 1 in found[-1].span
    assert [item.span.end for item in found[:-1]] == [item.span.start for item in found[1:]]


def test_readers_never_see_the_workshop() -> None:
    """Below the dataset's folder lies nothing but published files; what is unfinished has another ending."""
    layout = Layout(Path("/lake"), "calls")
    private = [layout.ledger, layout.lock, layout.spool, layout.tmp, layout.quarantine, layout.raw]
    draft = layout.draft(partition_at(Granularity.DAY, 0), 7)
    assert layout.folder() == Path("/lake/calls")
    assert {path.relative_to("/lake").parts[0] for path in (*private, draft)} == {"_harvester"}
    assert draft.name == "calls-1970-01-01.7.draft"
    assert len(set(private)) == len(private)


@given(GRANULARITIES, SECONDS, st.sampled_from(["", "calls", "sessions"]))
@STEADY
def test_a_path_says_what_lies_there(granularity: Granularity, second: int, table: str) -> None:
    """Of which dataset, partition and table; and of nothing else is it the path."""
    partition = partition_at(granularity, second)
    path = Layout(Path("/lake"), "sales").file(partition, table)
    assert place_of(path) == Place("sales", granularity, partition, table)
    assert place_of(Path("other", *path.parts[1:])) is None
    assert place_of(path.with_name(f"other-{partition.label}.parquet")) is None


@given(GRANULARITIES, SECONDS, st.sampled_from(["", "calls"]), st.integers(1, (1 << 63) - 1))
@STEADY
def test_an_account_has_a_folder_above_the_date(
    granularity: Granularity, second: int, table: str, account_id: int
) -> None:
    """Its path says whose the file is; a folder that is called otherwise is no account's."""
    partition = partition_at(granularity, second)
    name = f"sales/account_id={account_id}"
    path = Layout(Path("/lake"), name).file(partition, table)
    assert path.parts[1] == f"account_id={account_id}"
    assert place_of(path) == Place(name, granularity, partition, table)
    for other in ("account_id=0", "account_id=", "account_id=07", "account=7", "date=2024-05-29"):
        assert place_of(Path(path.parts[0], other, *path.parts[2:])) is None


def test_the_workshop_of_an_account_is_its_own(tmp_path: Path) -> None:
    """Answers, drafts and quarantine of two accounts do not meet, and none is taken for a new lake."""
    layouts = [Layout(tmp_path, f"calls/account_id={number}") for number in (1, 2)]
    for layout in layouts:
        layout.make()
    private = [(item.spool, item.tmp, item.quarantine, item.raw) for item in layouts]
    assert not set(private[0]) & set(private[1])
    assert not has_files(tmp_path)
    path = tmp_path / layouts[0].file(partition_at(Granularity.HOUR, 0))
    path.parent.mkdir(parents=True)
    path.touch()
    assert has_files(tmp_path)


def test_every_table_has_its_folder(tmp_path: Path) -> None:
    """Beside those of nested records, which have one; files and drafts are called after it."""
    layout = Layout(tmp_path, "calls", ("sessions", "calls"))
    layout.make()
    assert layout.folders == (tmp_path / "calls.sessions", tmp_path / "calls.calls")
    assert all(folder.is_dir() for folder in layout.folders)
    assert not (tmp_path / "calls").exists()
    day = partition_at(Granularity.DAY, 0)
    assert [str(path) for path in layout.files(day)] == [
        f"calls.{table}/date=1970-01-01/calls.{table}-1970-01-01.parquet" for table in ("sessions", "calls")
    ]
    assert [path.name for path in layout.drafts_of(day, 7)] == [
        "calls.sessions-1970-01-01.7.draft",
        "calls.calls-1970-01-01.7.draft",
    ]
    for path in layout.drafts_of(day, 7):
        path.touch()
    assert set(layout.drafts(until=7)) == set(layout.drafts_of(day, 7))
    assert not list(layout.drafts(until=6))


def test_what_is_no_draft_is_left_alone(tmp_path: Path) -> None:
    """F46: only files that are called as this program calls its own are taken for them."""
    layout = Layout(tmp_path, "calls")
    layout.make()
    drafts = [layout.draft(partition_at(granularity, 0), 7) for granularity in Granularity]
    drafts += [layout.tmp / "manifest-2024-05-29.6.draft", layout.tmp / "calls-2024-05-29.draft"]
    for name in (
        "x.1.draft",
        "calls-1.x.draft",
        "Copy of calls-2024-05-29.7.draft",
        "calls-2024-05-29.7.bak",
    ):
        (layout.tmp / name).touch()
    (layout.tmp / "calls-2024-05-30.7.draft").mkdir()
    for path in drafts:
        path.touch()
    assert sorted(layout.drafts(until=7)) == sorted(drafts)


def test_flat_tables_without_a_ledger_are_no_new_lake(tmp_path: Path) -> None:
    """Their files are seen, as those of nested records are."""
    assert not has_files(tmp_path)
    path = tmp_path / Layout(tmp_path, "calls").file(partition_at(Granularity.HOUR, 0), "sessions")
    path.parent.mkdir(parents=True)
    path.touch()
    assert has_files(tmp_path)


def test_the_folders_are_made_once(tmp_path: Path) -> None:
    """A second start finds them, and what they hold, as they were."""
    layout = Layout(tmp_path / "new" / "lake", "calls")
    for _ in range(2):
        layout.make()
        assert list(layout.tmp.iterdir()) == []
        (layout.spool / "1.spool").touch()
    for folder in (layout.folder(), layout.spool, layout.tmp, layout.quarantine):
        assert folder.is_dir()


def test_a_lake_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    """Before anything is asked of the API, naming the folder and the way out."""
    (tmp_path / "file").touch()
    with pytest.raises(LakeError, match=r"file/lake cannot be written \(Not a directory\).* --lake"):
        Layout(tmp_path / "file" / "lake", "calls").make()


def test_a_link_is_not_written_through(tmp_path: Path) -> None:
    """Whether the lake can be written is tried in its own folder, and nowhere else."""
    layout = Layout(tmp_path / "lake", "calls")
    layout.make()
    (tmp_path / "target").write_text("of value")
    (layout.tmp / "probe").symlink_to(tmp_path / "target")
    with pytest.raises(LakeError, match="cannot be written"):
        layout.make()
    assert (tmp_path / "target").read_text() == "of value"


@pytest.fixture
def umask() -> Iterator[None]:
    """As most people have it: others may read."""
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.mark.usefixtures("umask")
@pytest.mark.parametrize("name", ["calls", "calls/account_id=7"])
def test_answers_and_misfits_are_for_their_owner(tmp_path: Path, name: str) -> None:
    """Tables are for whom the umask says; a folder that is there stays as somebody wanted it."""
    layout = Layout(tmp_path / "lake", name)
    layout.make()
    workshop = layout.workshop
    private = [workshop / "spool", layout.spool, workshop / "quarantine", layout.quarantine]
    assert [f"{path.stat().st_mode & 0o777:o}" for path in private] == 4 * ["700"]
    public = [layout.root, layout.folder(), workshop, layout.tmp]
    assert [f"{path.stat().st_mode & 0o777:o}" for path in public] == 4 * ["755"]
    layout.spool.chmod(0o750)
    layout.make()
    assert f"{layout.spool.stat().st_mode & 0o777:o}" == "750"
