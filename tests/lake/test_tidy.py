"""Marks of files that went: a kill between the two leaves them, and nobody else removes them."""

from pathlib import Path

import pytest

from harvester.lake.attachments import Identity
from harvester.lake.shelf import tidy
from harvester.links import LOG, RECORD, TRANSCRIPT

OWN = [
    Identity.of(7, RECORD, 12, "https://a/x.mp3"),
    Identity.of(7, RECORD, None, "https://a/x.mp3"),
    Identity.of(7, LOG, None, "https://a/x.log"),
    Identity.of(7, TRANSCRIPT, 12, "https://a/x.txt"),
]


@pytest.mark.parametrize("identity", OWN, ids=str)
@pytest.mark.parametrize("folder", ["", "account_id=5"])
def test_marks_without_their_file_are_removed(tmp_path: Path, identity: Identity, folder: str) -> None:
    """Of every kind and account; those of a file that is there stay, and what is somebody else's."""
    partial = tmp_path / "_harvester" / "recordings" / folder / "partial"
    partial.mkdir(parents=True)
    (partial / f"{identity}.marks").touch()
    for name in ("8-log", "8-log.marks", "notes.marks"):
        (partial / name).touch()
    tidy(tmp_path)
    assert {path.name for path in partial.iterdir()} == {"8-log", "8-log.marks", "notes.marks"}
