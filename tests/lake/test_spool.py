import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.lake.spool import Spool, SpoolFile
from tests.lake.history import STEADY

ANSWERS = [("first", "gzip", b"\x1f\x8b one"), ("second", "identity", b"{}"), ("third", "gzip", bytes(20))]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a window's answers are kept."""
    return tmp_path / "100.spool"


def spooled(path: Path, *answers: tuple[str, str, bytes]) -> list[int]:
    """Append the answers to the file; returns its size after each."""
    file, sizes = SpoolFile(path), []
    for answer in answers:
        file.append(*answer)
        sizes.append(path.stat().st_size)
    return sizes


def held(path: Path) -> list[tuple[str, bytes] | None]:
    """What a later run finds of the three answers."""
    file = SpoolFile(path)
    found = [file.get(key) for key, _, _ in ANSWERS]
    assert list(file.answers()) == [answer for answer in found if answer]
    return found


@STEADY
@given(
    answers=st.lists(
        st.tuples(
            st.text(max_size=3), st.sampled_from(["gzip", "identity"]), st.binary(max_size=9), st.booleans()
        )
    )
)
def test_answers_come_back_as_received(
    tmp_path_factory: pytest.TempPathFactory, answers: list[tuple[str, str, bytes, bool]]
) -> None:
    """Whatever their bytes, in this run and in later ones; the later answer to a question wins."""
    path = tmp_path_factory.mktemp("spool") / "1.spool"
    file, expected = SpoolFile(path), dict[str, tuple[str, bytes]]()
    for key, encoding, body, reopened in answers:
        file.append(key, encoding, body)
        expected[key] = encoding, body
        file = SpoolFile(path) if reopened else file
        assert {known: file.get(known) for known in expected} == expected
        assert list(file.answers()) == list(expected.values())
    assert file.get("never asked") is None


def test_a_torn_tail_is_asked_for_again(path: Path) -> None:
    """P5: wherever a crash cuts the last entry, the others hold, and the next append goes behind them."""
    _, before, size = spooled(path, *ANSWERS)
    whole = path.read_bytes()
    for end in range(before, size):
        path.write_bytes(whole[:end])
        assert held(path) == [answer[1:] for answer in ANSWERS[:2]] + [None], end
        spooled(path, ANSWERS[2])
        assert path.read_bytes() == whole, end


@pytest.mark.parametrize("bits", [0x01, 0x80, 0xFF])
def test_a_flipped_byte_is_noticed(path: Path, bits: int) -> None:
    """P3: an entry that is not as it was received is gone, with what lies behind it; none is ever altered."""
    sizes = spooled(path, *ANSWERS)
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(bytes(byte ^ bits if at == place else byte for at, byte in enumerate(whole)))
        intact = sum(end <= place for end in sizes)
        assert held(path) == [answer[1:] for answer in ANSWERS[:intact]] + [None] * (3 - intact), place


def test_an_answer_that_goes_bad_later_is_not_given(path: Path) -> None:
    """Each is checked when it is read, too; the others still are there."""
    sizes = spooled(path, *ANSWERS)
    file = SpoolFile(path)
    with path.open("r+b") as disk:
        disk.seek(sizes[1] - 1)
        disk.write(b"!")
    assert file.get("second") is None
    assert list(file.answers()) == [ANSWERS[0][1:], ANSWERS[2][1:]]


def test_a_damaged_length_is_not_allocated(path: Path) -> None:
    """P8: it may claim gigabytes; no more memory is asked for than the file is long."""
    spooled(path, *ANSWERS)
    whole = bytearray(path.read_bytes())
    whole[36:48] = b"\xff" * 12
    path.write_bytes(whole)
    tracemalloc.start()
    try:
        assert held(path) == [None] * 3
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_answers_that_contradict_each_other_are_forgotten(path: Path) -> None:
    """All of them, here and for later runs; new ones are taken as ever. Nothing to forget is no failure."""
    spooled(path, *ANSWERS)
    file = SpoolFile(path)
    for _ in range(2):
        file.clear()
        assert list(file.answers()) == []
        assert not path.exists()
    file.append(*ANSWERS[1])
    assert held(path) == [None, ANSWERS[1][1:], None]


def begun(folder: Path) -> Path:
    """A spool with the answers of three windows."""
    folder.mkdir()
    for start in (-60, 0, 60):
        Spool(folder).file(start).append("question", "identity", b"answer")
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Such a spool."""
    return begun(tmp_path / "spool")


def starts(folder: Path) -> set[int]:
    """The windows whose answers are there."""
    return {start for start in (-60, 0, 60) if Spool(folder).file(start).get("question")}


@pytest.mark.parametrize(
    ("drop", "left"),
    [
        (lambda spool: spool.free(0), {-60, 60}),
        (lambda spool: spool.free(7), {-60, 0, 60}),
        (lambda spool: spool.keep_only({0, 60, 120}), {0, 60}),
        (lambda spool: spool.keep_only(set()), set()),
    ],
    ids=["freed", "freed without answers", "known to the ledger", "none known"],
)
def test_answers_go_with_their_window(folder: Path, drop: Callable[[Spool], None], left: set[int]) -> None:
    """When its partitions are published, or when the ledger never heard of it; the disk is given back."""
    before = Spool(folder).bytes
    drop(Spool(folder))
    assert starts(folder) == left
    assert Spool(folder).bytes * 3 == before * len(left)


@pytest.mark.parametrize("name", ["copy.spool", "07.spool", "1_0.spool", "٣.spool", "5.spool/"])
def test_what_is_not_the_spools_is_left_alone(folder: Path, name: str) -> None:
    """F46: whatever somebody put there ends no run, counts for nothing, and is not deleted."""
    spool, before = Spool(folder), Spool(folder).bytes
    foreign = folder / name
    if name.endswith("/"):
        foreign.mkdir()
    else:
        foreign.write_text("foreign")
    assert (spool.starts, spool.bytes) == ({-60, 0, 60}, before)
    spool.keep_only(set())
    assert list(folder.iterdir()) == [foreign]


def test_dropped_answers_do_not_come_back(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even after a power cut, to answer for a later window: they are durably gone before a run begins."""
    durable: dict[Path, list[str]] = {}

    def sync(path: Path) -> None:
        durable[path] = [item.name for item in path.iterdir()]

    monkeypatch.setattr("harvester.lake.spool.sync_folder", sync)
    Spool(folder).keep_only({0})
    assert durable == {folder: ["0.spool"]}


def test_what_a_failed_write_left_is_cut_off(path: Path) -> None:
    """A full disk took half of an answer: the next one goes in its place, not behind it."""
    spooled(path, ANSWERS[0])
    file = SpoolFile(path)
    with path.open("ab") as disk:
        disk.write(b"hsp1 half of an answer")
    file.append(*ANSWERS[1])
    file.append(*ANSWERS[2])
    assert held(path) == [answer[1:] for answer in ANSWERS]


def test_an_answer_is_given_to_its_own_question_only(path: Path) -> None:
    """Whoever else writes to the file: another entry in the place of one is not taken for it."""
    file = SpoolFile(path)
    file.append("first", "gzip", b"one")
    path.unlink()
    SpoolFile(path).append("other", "gzip", b"two")
    assert file.get("first") is None


def test_a_window_has_one_file(folder: Path) -> None:
    """Whoever asks for it sees what others appended; when it was freed there is a new one."""
    spool = Spool(folder)
    spool.file(0).append("another", "gzip", b"answer")
    assert spool.file(0).get("another") == ("gzip", b"answer")
    spool.free(0)
    assert spool.file(0).get("another") is None
