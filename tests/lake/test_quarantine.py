import base64
import json
import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from harvester.lake import quarantine
from harvester.window import Window

WINDOW = Window(100, 200)


@dataclass(frozen=True)
class Odd:
    """A record that does not fit."""

    raw: bytes
    reason: str = "not an object"
    key: int | None = None
    second: int | None = None


def kept(folder: Path) -> list[dict[str, object]]:
    """What lies in quarantine; nothing half-written does."""
    (path,) = folder.iterdir()
    assert path.name == "100-200.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_every_byte_of_a_misfit_is_kept(tmp_path: Path) -> None:
    """As text where it is text, else as base64, with its reason and whatever could be read of it (P3)."""
    broken = b'{"id": "\xff\n"}'
    quarantine.keep(tmp_path, WINDOW, [Odd(b'{"id":\n"\xc3\xa9"}', "an id of text", 7, 150), Odd(broken)])
    assert kept(tmp_path) == [
        {"key": 7, "time": "1970-01-01 00:02:30", "reason": "an id of text", "text": '{"id":\n"é"}'},
        {"key": None, "time": None, "reason": "not an object", "base64": base64.b64encode(broken).decode()},
    ]


def test_another_reading_replaces_the_earlier(tmp_path: Path) -> None:
    """Misfits are not doubled; a window that turns out clean leaves nothing, and neither does a clean one."""
    quarantine.keep(tmp_path, WINDOW, [])
    for reading in ([Odd(b"1"), Odd(b"2")], [Odd(b"3")]):
        quarantine.keep(tmp_path, WINDOW, reading)
        assert [line["text"] for line in kept(tmp_path)] == [odd.raw.decode() for odd in reading]
    quarantine.keep(tmp_path, WINDOW, [])
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk tears the draft, never the file."""
    quarantine.keep(tmp_path, WINDOW, [Odd(b"1")])

    def full(handle: int) -> None:
        os.truncate(handle, 1)
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            quarantine.keep(tmp_path, WINDOW, [Odd(b"1"), Odd(b"2")])
    assert len((tmp_path / "100-200.jsonl").read_bytes().splitlines()) == 1
    quarantine.keep(tmp_path, WINDOW, [Odd(b"1"), Odd(b"2")])
    assert len(kept(tmp_path)) == 2


def test_a_record_that_came_with_several_windows_counts_once(tmp_path: Path) -> None:
    """By its key, or by what it is; one whose time cannot be read lies somewhere in its window."""
    twice, odd = Odd(b"1", key=7, second=150), Odd(b"{}")
    quarantine.keep(tmp_path, WINDOW, [twice, odd, Odd(b"3", key=8, second=120)])
    quarantine.keep(tmp_path, Window(300, 400), [odd])
    found = quarantine.quarantined(tmp_path)
    assert found.seconds == [120, 150]
    assert found.unplaced == [Window(300, 400)]


def test_records_that_only_look_alike_count_each(tmp_path: Path) -> None:
    """Two of one reading are two, though what tells them apart was hidden; another reading brings no more."""
    hidden, placed = Odd(b'{"log_file_url": null}'), Odd(b'{"record_url": null}', second=120)
    quarantine.keep(tmp_path, WINDOW, [hidden, placed, hidden, placed])
    quarantine.keep(tmp_path, Window(300, 400), [hidden])
    found = quarantine.quarantined(tmp_path)
    assert found.seconds == [120, 120]
    assert len(found.unplaced) == 2


def test_reading_a_part_anew_replaces_that_part(tmp_path: Path) -> None:
    """What was mended since is gone, and nothing else: one without a time only if all its window was read."""
    records = [Odd(b"1", key=7, second=150), Odd(b"2", key=8, second=120), Odd(b"{}")]
    quarantine.keep(tmp_path, WINDOW, records)
    quarantine.keep(tmp_path, Window(140, 160), [])
    assert [line["key"] for line in kept(tmp_path)] == [8, None]
    quarantine.keep(tmp_path, Window(90, 200), [])
    assert list(tmp_path.iterdir()) == []
