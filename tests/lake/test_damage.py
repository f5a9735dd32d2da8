"""A ledger that rotted: opened with what it held, or refused."""

import random
import re
import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from harvester.errors import LakeError, LakeLockedError
from harvester.lake.catalog import Catalog
from harvester.lake.database import Database
from harvester.lake.entries import Intent, ProvenWindow, Publication, Suspect
from harvester.lake.ledger import Ledger, names
from harvester.lake.soundness import APPLICATION_ID
from harvester.window import Gap
from tests.lake.history import hours

pytestmark = pytest.mark.large

MUTATIONS = 1_000
LEAST_REFUSED = 350
LEAST_COMMITS = 20
_LOG_HEAD, _LOG_PAGE = 32, 24 + 4_096  # bytes
_PARTS = ("", "-wal", "-shm")


def _fill(path: Path) -> None:
    """A ledger with something in each table, and, left by a crash, a write-ahead log."""
    with Database.open(path) as database:
        ledger, catalog = Ledger(database, "calls"), Catalog(database, "calls")
        ledger.claim(7, {"dataset": "calls", "partition": "day"}, 1e9)
        ledger.learn({"from_inclusive": True})
        run = ledger.begin(hours(0, 96), 1e9)
        for day in range(40):
            span = hours(day * 24, day * 24 + 24)
            file = Publication(span, Path("calls", f"{day}.parquet"), day, 10 * day, "5a" * 32, complete=True)
            catalog.publish([file], run, empty=[span] if day != 20 else [])
        for hour in range(1_000, 1_200):
            window = hours(hour, hour + 1)
            ledger.record(window, proven=[ProvenWindow(window, hour)], run=run)
        ledger.record(hours(490, 491), gaps=[Gap(hours(490, 491), 5, 4, "it is so")], run=run)
        ledger.accuse("file", [Suspect(hours(3, 4), "file", "the file is not there")], 1e9)
        ledger.end(run, 2e9, "complete", {"requests": 7})
        ledger.begin(hours(0, 96), 3e9)
        # Only now, and copied while it is open: what is in the log is not in the file yet.
        database.one("PRAGMA wal_checkpoint(TRUNCATE)")
        later = Publication(hours(2_400, 2_424), Path("calls", "later"), 1, 2, "5a" * 32, complete=False)
        catalog.intend([Intent(later, Path("draft"))], run)
        for hour in range(1_200, 1_220):
            ledger.record(hours(hour, hour + 1), waiting=[hours(hour, hour + 1)], run=run)
        for part in _PARTS:
            shutil.copy(f"{path}{part}", f"{path}{part}.crashed")
    for part in _PARTS:
        Path(f"{path}{part}").unlink(missing_ok=True)
        Path(f"{path}{part}.crashed").rename(f"{path}{part}")


def _content(database: Database) -> list[object]:
    """All that the program would ever read of it."""
    told: list[object] = []
    for name in names(database):
        ledger, catalog = Ledger(database, name), Catalog(database, name)
        told += [name, ledger.account(), ledger.identity(), ledger.facts(), ledger.runs(100), ledger.gaps()]
        told += [ledger.open_windows(), ledger.proven_windows(), ledger.suspects()]
        told += [catalog.coverage(), catalog.published(), catalog.intents()]
    return told


def _flip(content: bytearray, chance: random.Random) -> None:
    for _ in range(chance.choice([1, 1, 1, 4, 64])):
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)


def _flip_early(content: bytearray, chance: random.Random) -> None:
    """In the header, or in the page that has the tables' names."""
    content[chance.randrange(min(len(content), chance.choice([32, 110, 4_096])))] ^= 1 << chance.randrange(8)


def _cut(content: bytearray, chance: random.Random) -> None:
    del content[chance.randrange(len(content)) :]


def _blank(content: bytearray, chance: random.Random) -> None:
    """A sector that was never written."""
    at = chance.randrange(len(content) // 512 + 1) * 512
    content[at : at + 512] = bytes(len(content[at : at + 512]))


def _swap(content: bytearray, chance: random.Random) -> None:
    """A page in the place of another."""
    one, two = (chance.randrange(max(1, len(content) // 4_096)) * 4_096 for _ in range(2))
    content[one : one + 4_096] = content[two : two + 4_096]


def _insert(content: bytearray, chance: random.Random) -> None:
    at = chance.randrange(len(content))
    content[at:at] = chance.randbytes(chance.choice([1, 16, 4_096]))


_WAYS: tuple[Callable[[bytearray, random.Random], None], ...] = (
    _flip,
    _flip,
    _flip,
    _flip_early,
    _cut,
    _blank,
    _swap,
    _insert,
)


def test_a_mutated_ledger_is_refused_or_equal(quick_folder: Path) -> None:
    """F44: 1,000 mutations of the file or its log: no other error, and no content that never was."""
    original = quick_folder / "ledger.sqlite"
    _fill(original)
    parts = {part: Path(f"{original}{part}").read_bytes() for part in _PARTS}
    truth = _opened(quick_folder, parts)
    # SQLite cuts a log at the first page whose checksum is wrong: that gives an earlier time, no wrong one.
    log = parts["-wal"]
    cuts = {*range(_LOG_HEAD, len(log), _LOG_PAGE), len(log)}
    earlier = [_opened(quick_folder, {**parts, "-wal": log[:cut]}) for cut in sorted(cuts)]
    assert len(cuts) > LEAST_COMMITS
    assert truth == earlier[-1] != earlier[0]
    outcomes: Counter[str] = Counter()
    for seed in range(MUTATIONS):
        chance = random.Random(seed)  # noqa: S311  (no secret)
        part = chance.choice(["", "", "", "-wal"])
        content = bytearray(parts[part])
        chance.choice(_WAYS)(content, chance)
        told = _opened(quick_folder, {**parts, part: bytes(content)})
        if told == "refused":
            outcomes["refused"] += 1
        elif told == truth:
            outcomes["equal"] += 1
        else:
            assert part == "-wal", seed
            assert told in earlier, seed
            outcomes["earlier"] += 1
    assert outcomes["refused"] > LEAST_REFUSED, outcomes


@pytest.mark.parametrize("table", ["coverage", "window", "published", "gap"])
def test_a_flipped_bit_in_a_span_is_refused(quick_folder: Path, table: str) -> None:
    """F44: also in its end, by which no row is found: a day would count as harvested that never was."""
    path = quick_folder / "ledger.sqlite"
    _fill(path)
    with Database.open(path) as database:
        start, stop = database.all(f"SELECT start, stop FROM {table}")[-1]
    content = path.read_bytes()
    span = start.to_bytes(4) + stop.to_bytes(4)
    places = [found.end() - 4 for found in re.finditer(re.escape(span), content)]
    assert len(places) > 1, "the row, and the index that has all of it"
    for place in places:
        for bit in range(32):
            flipped = bytearray(content)
            flipped[place + bit // 8] ^= 1 << bit % 8
            assert _opened(quick_folder, {"": bytes(flipped)}) == "refused", (place, bit)


def _opened(folder: Path, parts: dict[str, bytes]) -> object:
    """What a ledger of these files tells, both to a reader and to a writer; or that it is refused."""
    folder /= "mutated"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    path = folder / "ledger.sqlite"
    for part, content in parts.items():
        if content:
            Path(f"{path}{part}").write_bytes(content)
    if not parts[""]:
        path.touch()
    told: list[object] = []
    for read_only in (True, False):
        try:
            with Database.open(path, read_only=read_only) as database:
                told.append(_content(database))
        except LakeLockedError:
            raise
        except LakeError:
            return "refused"
    assert told[0] == told[1]
    return told[1]


def _another_version(path: Path) -> None:
    with sqlite3.connect(path) as ledger:
        ledger.execute("PRAGMA user_version = 2")
    ledger.close()


def _statement(text: str) -> Callable[[Path], None]:
    def execute(path: Path) -> None:
        with sqlite3.connect(path) as ledger:
            ledger.execute(text)
        ledger.close()

    return execute


def _strange_log(path: Path) -> None:
    """The log of another ledger, with pages of another time."""
    other = path.with_name("other.sqlite")
    connection = sqlite3.connect(other, isolation_level=None)
    connection.executescript(f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA journal_mode = WAL;")
    connection.executescript("CREATE TABLE songs (title TEXT); INSERT INTO songs VALUES ('a');")
    shutil.copy(f"{other}-wal", f"{path}-wal")
    connection.close()


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "an earlier version": (_another_version, "tables are not those of format 2"),
    "a version of nobody": (_statement("PRAGMA user_version = 0"), "tables are not those of format 0"),
    "another program's": (_statement("PRAGMA application_id = 7"), "not a ledger of this program"),
    "a table gone": (_statement("DROP TABLE gap"), "tables are not those of format 5"),
    "a log of another": (_strange_log, "lost or damaged"),
    "only the log": (lambda path: path.write_bytes(b""), "its write-ahead log is still there"),
    "a span": (_statement("UPDATE coverage SET stop = start"), "a span in coverage is none"),
    "a year": (_statement("UPDATE gap SET stop = 1 << 60"), "a span in gap is none"),
    "a name": (_statement("UPDATE gap SET name = 'cblls'"), "gap tells of an unknown dataset"),
    "overlap": (_statement("UPDATE published SET stop = stop + 86400"), "spans in published overlap"),
    "no JSON": (_statement("UPDATE dataset SET identity = '{'"), "identity that cannot be read"),
    "no object": (_statement("UPDATE dataset SET facts = '7'"), "facts that cannot be read"),
    "no list": (_statement("UPDATE intent SET covers = '{}'"), "covers that cannot be read"),
    "no run": (_statement("UPDATE published SET run = 77"), "belongs to a run that is not there"),
    "no time": (_statement("UPDATE run SET started = 9e99"), "a run began or ended at no time"),
    "no text": (_statement("UPDATE gap SET reason = CAST(x'ff' AS TEXT)"), "decode"),
}


@pytest.mark.parametrize(("damage", "complaint"), DAMAGES.values(), ids=DAMAGES)
@pytest.mark.parametrize("read_only", [True, False])
def test_what_this_program_cannot_have_written_is_refused(
    tmp_path: Path, damage: Callable[[Path], object], complaint: str, *, read_only: bool
) -> None:
    """Though SQLite finds nothing wrong with it; the sentence says what, and what mends it."""
    path = tmp_path / "ledger.sqlite"
    _fill(path)
    if "log" not in complaint:
        with Database.open(path):
            pass  # the log is taken into the file
    damage(path)
    with (
        pytest.raises(LakeError, match=f"{complaint}.*harvester recover"),
        Database.open(path, read_only=read_only),
    ):
        pytest.fail("it was opened")
