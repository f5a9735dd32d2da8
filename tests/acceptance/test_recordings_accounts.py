"""Files of accounts that are kept apart: keys and numbers are unique within an account only."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harvester.account import Account, named
from harvester.lake.inventory import inventory
from tests.acceptance import files
from tests.acceptance.family import ACCOUNTS, CHILD, PARENT, Home, home, listed
from tests.acceptance.files import KEYS, audit, check_stored, rows
from tests.acceptance.test_recordings_deletion import DELETE

BOTH = ACCOUNTS[:2]


def _sessions(account_id: int) -> Iterator[dict[str, object]]:
    """The same keys and numbers in each account, and other files."""
    for key in KEYS:
        url = files.url(key, f"{account_id}.mp3?record_id={key * 100}")
        record = {"record_id": key * 100, "record_url": url, "transcription_status": "Not required"}
        yield files.session(key, account_id=account_id, log_file_url=None, calls=[], records=[record])


async def _collect(it: Home, account: Account, **settings: Any) -> tuple[str, int, int]:
    report = await files.collect(it.bench, name=named("calls", account), kinds=("record",), **settings)
    return report.outcome, report.tally.stored, report.tally.deleted


async def test_accounts_with_the_same_numbers_have_files_of_their_own(tmp_path: Path) -> None:
    """What one account has is not held for another's, and only the files of the one are deleted."""
    lake = tmp_path / "lake"
    family, _ = listed({account.id: _sessions(account.id) for account in BOTH})
    async with home(tmp_path, family) as it:
        await it.harvest(*BOTH)
        assert await _collect(it, BOTH[0]) == ("complete", len(KEYS), 0)
        assert await _collect(it, BOTH[1], **DELETE) == ("complete", len(KEYS), len(KEYS))
        assert {line["account_id"] for line in audit(lake)} == {CHILD}
        asked = it.bench.emulator.files.asked
        assert [number for number in (PARENT, CHILD) for one in asked if f"{number}.mp3" in one.path] == [
            *len(KEYS) * [PARENT],
            *len(KEYS) * [CHILD],
        ]
        assert check_stored(it.bench) == 2 * len(KEYS)
        deleted = rows(lake, "account_id, count(deleted_at), count(*)", "true GROUP BY ALL")
        assert deleted == [(PARENT, 0, len(KEYS)), (CHILD, len(KEYS), len(KEYS))]
        assert sorted(path.name for path in (lake / "recordings").iterdir()) == [
            f"account_id={PARENT}",
            f"account_id={CHILD}",
        ]
        for account in BOTH:
            assert await _collect(it, account) == ("complete", 0, 0)
        assert len(it.bench.emulator.files.asked) == 2 * len(KEYS)
        assert [path for path in lake.glob("_harvester/recordings/**/*") if path.is_file()] == []


async def test_the_files_of_every_account_are_verified(tmp_path: Path) -> None:
    """Also what only the lake holds of one of them, when all of it is lost."""
    lake = tmp_path / "lake"
    family, _ = listed({account.id: _sessions(account.id) for account in BOTH})
    async with home(tmp_path, family) as it:
        await it.harvest(*BOTH)
        await _collect(it, BOTH[0])
        await _collect(it, BOTH[1], **DELETE)
        found = inventory(lake, whole=True, jobs=1)
        assert found is not None
        assert (found.files, found.findings) == (2 * len(KEYS), ())
        for path in lake.glob("recordings/*/date=2024-03-30/**/*"):
            if path.is_file():
                path.unlink()
        found = inventory(lake, whole=True, jobs=1)
        assert found is not None
        assert [str(finding.path) for finding in found.findings] == [
            f"recordings/account_id={CHILD}/date=2024-03-30/_files/{key}-record-{key}00.mp3"
            for key in (1, 2, 3)
        ]
