import errno
import hashlib
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.lake.partial import NotWholeError, Partial, Proof, proof_of

CONTENT = hashlib.shake_256(b"content").digest(300_000)
STEP = 64 << 10


def begun(path: Path, size: int, *, piece: int = 10_000) -> Partial:
    """A file of which ``size`` bytes came."""
    partial = Partial(path)
    partial.begin(total=len(CONTENT), validator='"v"', content_type="audio/mpeg")
    for start in range(0, size, piece):
        partial.write(CONTENT[start : min(start + piece, size)])
    return partial


def killed(partial: Partial) -> None:
    """End its process: its files are closed, and nothing more is written."""
    for file in (partial._file, partial._log):
        if file is not None:
            file.close()


def test_what_came_is_gone_on_with(tmp_path: Path) -> None:
    """Closed in time, not a byte is lost, nor what was known of the file."""
    begun(tmp_path / "a", 123_456).pause()
    partial = Partial(tmp_path / "a")
    known = (partial.offset, partial.total, partial.validator, partial.is_whole)
    assert known == (123_456, len(CONTENT), '"v"', False)
    partial.write(CONTENT[123_456:])
    assert partial.is_whole
    assert partial.finish() == Proof(len(CONTENT), hashlib.sha256(CONTENT).hexdigest())
    assert (tmp_path / "a").read_bytes() == CONTENT


@pytest.mark.parametrize("size", [1, STEP - 1, STEP, 200_000, 299_999])
def test_a_kill_costs_less_than_one_step(tmp_path: Path, size: int) -> None:
    """What was written and not marked is asked for again, and no more."""
    killed(begun(tmp_path / "a", size))
    partial = Partial(tmp_path / "a")
    assert size - STEP < partial.offset <= size
    assert (tmp_path / "a").exists() == (partial.offset > 0)


@pytest.mark.parametrize("total", [10, 299_999, 300_001])
def test_another_size_than_announced_is_no_file(tmp_path: Path, total: int) -> None:
    """Nothing is left of it."""
    partial = Partial(tmp_path / "a")
    partial.begin(total=total, validator=None, content_type="")
    partial.write(CONTENT)
    with pytest.raises(NotWholeError):
        partial.finish()
    assert list(tmp_path.iterdir()) == []


def test_bytes_that_the_disk_changed_are_no_file(tmp_path: Path) -> None:
    """What is read back must be what was written."""
    partial = begun(tmp_path / "a", len(CONTENT))
    with (tmp_path / "a").open("r+b") as file:
        file.seek(77_777)
        file.write(b"x" if CONTENT[77_777:77_778] != b"x" else b"y")
    with pytest.raises(NotWholeError, match="not the 300000 announced"):
        partial.finish()
    assert list(tmp_path.iterdir()) == []


@given(st.data())
def test_no_damage_is_gone_on_with(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Torn, cut, zeroed or flipped, of the bytes or of the marks: what is kept is a prefix of the file."""
    path = tmp_path_factory.mktemp("partial") / "a"
    size = data.draw(st.integers(0, len(CONTENT)))
    partial = begun(path, size)
    (partial.pause if data.draw(st.booleans()) else lambda: killed(partial))()
    victim = data.draw(st.sampled_from([path, path.with_name("a.marks")]))
    content = bytearray(victim.read_bytes())
    place = data.draw(st.integers(0, max(0, len(content) - 1)))
    match data.draw(st.sampled_from(["cut", "zero", "flip", "gone"])):
        case "cut":
            del content[place:]
        case "zero":
            content[place:] = bytes(len(content) - place)
        case "flip" if content:
            content[place] ^= 1 << data.draw(st.integers(0, 7))
        case "gone":
            victim.unlink()
        case _:
            pass
    if victim.exists():
        victim.write_bytes(content)
    partial = Partial(path)
    kept = path.read_bytes() if path.exists() else b""
    assert kept == CONTENT[: partial.offset]
    partial.begin(total=len(CONTENT), validator=None, content_type="")
    partial.write(CONTENT)
    partial.finish()
    assert proof_of(path) == Proof(len(CONTENT), hashlib.sha256(CONTENT).hexdigest())


def test_marks_go_on_behind_a_torn_one(tmp_path: Path) -> None:
    """A second kill finds the marks that were made after the first."""
    begun(tmp_path / "a", 100_000).pause()
    with (tmp_path / "a.marks").open("ab") as marks:
        marks.write(b'{"bytes": 1')
    partial = Partial(tmp_path / "a")
    partial.write(CONTENT[partial.offset : 250_000])
    killed(partial)
    assert Partial(tmp_path / "a").offset > 250_000 - STEP


def test_an_empty_file_is_whole(tmp_path: Path) -> None:
    """Nothing comes, and nothing is missing."""
    partial = Partial(tmp_path / "a")
    partial.begin(total=0, validator=None, content_type="")
    assert partial.finish() == Proof(0, hashlib.sha256().hexdigest())


def test_no_file_is_proven_before_it_is_durable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All its bytes are synced: the vendor may be made to delete what was proven."""
    synced: list[tuple[int, int]] = []

    def sync(handle: int) -> None:
        synced.append((os.fstat(handle).st_ino, os.fstat(handle).st_size))

    monkeypatch.setattr(os, "fsync", sync)
    begun(tmp_path / "a", len(CONTENT)).finish()
    assert synced == [((tmp_path / "a").stat().st_ino, len(CONTENT))]


@pytest.mark.parametrize("refused", [(), ("a",), ("a.marks",)], ids=["none", "the file", "its marks"])
def test_what_could_not_be_made_durable_is_asked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: tuple[str, ...]
) -> None:
    """F36: from its first byte, also if the disk then refuses to remove one of the two files."""
    remove = Path.unlink

    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.EIO, "the disk failed")

    def unlink(path: Path, **options: bool) -> None:
        fail() if path.name in refused else remove(path, **options)

    partial = begun(tmp_path / "a", len(CONTENT))
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        patch.setattr(Path, "unlink", unlink)
        with pytest.raises(OSError, match="the disk failed"):
            partial.finish()
    assert (partial.offset, partial.is_whole) == (0, False)
    assert Partial(tmp_path / "a").offset == 0
    assert list(tmp_path.iterdir()) == []
