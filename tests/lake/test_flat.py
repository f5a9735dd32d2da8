"""Several files that are one publication: every row in its table, and tables that belong together."""

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from harvester.errors import FileDamagedError
from harvester.lake import flat
from harvester.lake.entries import Intent, Part, Publication
from harvester.lake.flat import FlatWriter
from harvester.lake.verify import Expected
from harvester.lake.writer import DraftWriter
from tests.lake.flat_history import (
    FLAT,
    OLD,
    REST,
    TABLES,
    assert_whole,
    flat_lake,
    listed,
    tables_of,
    wanted,
)
from tests.lake.history import Lake, batches, hours, rows_of

__all__ = ["flat_lake"]


async def test_every_row_is_in_its_table(lake: Lake) -> None:
    """Also when a file is rewritten around what it holds, and read anew in its middle."""
    await lake.harvest(OLD)
    assert_whole(lake, OLD)
    await lake.harvest(REST)
    assert_whole(lake, hours(0, 72))
    lake.history = [row for row in lake.history if row[1] not in hours(3, 5)]
    await lake.harvest(hours(2, 6), todo=[hours(2, 6)])
    rows = [row for row in lake.history if row[1] in hours(0, 72)]
    assert tables_of(lake) == wanted(rows)


async def test_a_partition_without_records_has_no_files(lake: Lake) -> None:
    """Unless readers see some; then all are empty."""
    await lake.harvest(hours(48, 72))
    assert tables_of(lake) == {"sessions": [], "calls": [], "records": []}
    assert (lake.catalog.published(), lake.drafts()) == ([], [])
    await lake.harvest(OLD)
    lake.history = []
    await lake.harvest(OLD, todo=[OLD])
    (file,) = lake.catalog.published()
    assert [part.rows for part in file.files] == [0, 0, 0]


@pytest.mark.parametrize("table", TABLES)
async def test_files_that_do_not_belong_together_are_not_carried_over(lake: Lake, table: str) -> None:
    """P3: one of an earlier publication in the place of its successor is noticed, whichever it is."""
    await lake.harvest(hours(0, 2))
    (file,) = lake.catalog.published()
    path = next(lake.layout.root / part.path for part in file.files if f".{table}" in str(part.path))
    earlier = path.read_bytes()
    await lake.harvest(hours(2, 4))
    path.write_bytes(earlier)
    run = lake.sink(hours(4, 6))
    with pytest.raises(FileDamagedError, match="is damaged or gone"):
        await lake.give(run, hours(4, 6))
    run.abort()
    assert (lake.catalog.coverage(), lake.drafts()) == ((hours(0, 4),), [])


def test_the_names_of_drafts_are_durable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before they are decided on: a power cut between two renames must not take away the next draft."""
    synced: list[Path] = []
    monkeypatch.setattr(flat, "sync_folder", synced.append)
    drafts = FlatWriter([tmp_path / table for table in TABLES], FLAT).finish({})
    assert ([draft.path.name for draft in (drafts, *drafts.others)], synced) == (list(TABLES), [tmp_path])


@pytest.mark.parametrize("failing", range(3))
def test_drafts_that_cannot_all_be_begun_are_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    """What was begun is thrown away."""
    begin, left = DraftWriter.__init__, iter(range(failing))

    def full(self: DraftWriter, *arguments: object, **options: object) -> None:
        if next(left, None) is None:
            raise OSError("full")
        begin(self, *arguments, **options)  # type: ignore[arg-type]  # handed on as they came

    monkeypatch.setattr(DraftWriter, "__init__", full)
    with pytest.raises(OSError, match="full"):
        FlatWriter([tmp_path / table for table in TABLES], FLAT)
    assert list(tmp_path.iterdir()) == []


def _written(folder: Path, table: str, rows: pa.RecordBatch, metadata: dict[str, str]) -> Part:
    writer = DraftWriter(folder / table, FLAT.schemas[table], sorted_by=("start_date", "key"))
    writer.write(rows)
    draft = writer.finish(metadata | {"harvester.table": table})
    return Part(Path(table), draft.rows, draft.bytes, draft.sha256)


@pytest.mark.parametrize(
    ("table", "rows", "finding"),
    [
        ("sessions", [0, 1, 2, 3], None),
        ("calls", [0, 1, 2, 3], None),
        ("calls", [0, 1, 2], "the sessions count 6 calls, there are 3"),
        ("calls", [0, 1, 2, 3, 4, 4], "the calls do not belong to the sessions"),
        ("calls", [1, 0, 2, 3, 4, 5], "the calls do not belong to the sessions"),
        ("sessions", [0, 2, 1, 3], "the rows are not in order, or a key comes twice"),
        ("sessions", [0, 1, 1, 3], "the rows are not in order, or a key comes twice"),
    ],
)
def test_verify_looks_at_keys_and_places(
    tmp_path: Path, table: str, rows: list[int], finding: str | None
) -> None:
    """P12: each place of each list once, and no row without its record; the hashes are right here."""
    tables = FLAT.split(listed(batches(rows_of(hours(0, 2)), 10)[0]))
    if finding is not None:
        tables[table] = tables[table].take(rows)
    counts = {name: held.num_rows for name, held in tables.items()}
    covers = '[["2024-05-27 00:00:00", "2024-05-27 02:00:00"]]'
    told = {"harvester.covers": covers, "harvester.complete": "true"}
    told["harvester.rows"] = str(dict(sorted(counts.items()))).replace("'", '"')
    main, *parts = (_written(tmp_path, name, held, told) for name, held in tables.items())
    span = hours(0, 2)
    file = Publication(
        hours(0, 24),
        main.path,
        main.rows,
        main.bytes,
        main.sha256,
        complete=True,
        covers=(span,),
        parts=tuple(parts),
    )
    found = Expected(tmp_path, "start_date", "key", {}, FLAT).examine(file)
    assert (found and (str(found.path), found.text)) == (finding and (table, finding))


def test_an_intent_keeps_its_parts(lake: Lake) -> None:
    """As it was decided on, so that the next start can finish it."""
    parts = tuple(Part(Path(f"calls.{name}", "x.parquet"), 1, 2, name) for name in TABLES[1:])
    item = Publication(
        hours(0, 24), Path("a.parquet"), 1, 2, "hash", complete=True, covers=(hours(0, 1),), parts=parts
    )
    intent = Intent(item, Path("/tmp/a.draft"), (Path("/tmp/b.draft"), Path("/tmp/c.draft")))  # noqa: S108
    run = lake.ledger.begin(hours(0, 1), 0.0)
    lake.catalog.intend([intent], run)
    assert lake.catalog.intents() == [(intent, run)]
    lake.catalog.publish([item], run)
    assert lake.catalog.published() == [replace(item, covers=())]
    assert item.size == 6
