"""The account made of given records, which may change."""

from typing import Any

import pytest

from harvester.emulator import ListedAccount
from harvester.emulator.render import Nested

NOON = 1_716_984_000  # 2024-05-29 12:00:00


def record(session_id: int, second: int = 0, **fields: object) -> dict[str, Any]:
    """A session that started ``second`` seconds after noon, below a minute."""
    return {"call_session_history_id": session_id, "start_date": f"2024-05-29 12:00:{second:02d}", **fields}


FEW = ListedAccount([record(number) for number in range(1, 6)])  # for whom the history does not matter


def test_records_come_by_time_then_id() -> None:
    """The order of the list does not matter."""
    account = ListedAccount([record(3, 1), record(9, 0), record(2, 1)])
    assert [r["call_session_history_id"] for r in account.sessions(NOON, NOON + 2)] == [9, 2, 3]
    assert account.count(NOON, NOON + 1) == 1
    assert account.count(NOON + 9, NOON) == 0
    assert account.total == 3


def test_lists_are_sent_only_if_wanted() -> None:
    """The switches hold for given records too."""
    account = ListedAccount([record(1, calls=[], records=[], other_resource_usage=[])])
    (bare,) = account.sessions(NOON, NOON + 1, calls=False, records=False, resources=False)
    assert bare == record(1)
    assert list(account.sessions(NOON, NOON + 1)) == [
        record(1, calls=[], records=[], other_resource_usage=[])
    ]


def test_sessions_are_found_by_id() -> None:
    """An id leads to its session's index."""
    account = ListedAccount([record(3, 1), record(9, 0)])
    assert [account.locate(session_id) for session_id in (9, 3, 4)] == [0, 1, None]
    assert account.render(account.entries([1]), Nested()) != account.render(account.entries([0]), Nested())


def test_matching_judges_whole_records() -> None:
    """A selection holds the sessions that are wanted, in time order."""
    account = ListedAccount([record(3, 2, user_id=7), record(9, 0), record(2, 1, user_id=7)])
    assert account.matching(lambda row: row.get("user_id") == 7) == [1, 2]
    assert [row["call_session_history_id"] for row in account.samples] == [9, 2, 3]


def test_the_history_can_change() -> None:
    """Sessions come, go and change; every change is another version."""
    account = ListedAccount()
    versions = {account.version}
    account.add(record(1, 5))
    versions.add(account.version)
    account.add(record(2, 6))
    account.replace(record(1, 7, active=True))
    versions.add(account.version)
    assert list(account.sessions(NOON, NOON + 60)) == [record(2, 6), record(1, 7, active=True)]
    account.remove(2)
    versions.add(account.version)
    assert list(account.sessions(NOON, NOON + 60)) == [record(1, 7, active=True)]
    assert len(versions) == 4


def test_the_given_record_is_not_held_by_reference() -> None:
    """A record changed by its owner is not served changed: changes are told by ``replace``."""
    mine = record(1)
    account = ListedAccount([mine])
    mine["duration"] = 99
    assert list(account.sessions(NOON, NOON + 1)) == [record(1)]


def test_an_id_is_taken_once() -> None:
    """Two records with one id are an error."""
    with pytest.raises(ValueError, match="session 1"):
        ListedAccount([record(1), record(1, 5)])


@pytest.mark.parametrize("change", ["remove", "replace"])
def test_what_is_not_there_cannot_change(change: str) -> None:
    """Removing or replacing an unknown session is an error."""
    account = ListedAccount([record(1)])
    with pytest.raises(KeyError):
        account.remove(2) if change == "remove" else account.replace(record(2))
    assert account.total == 1


@pytest.mark.parametrize("key", ["7", None, 1.5])
def test_a_key_is_an_integer(key: object) -> None:
    """A record whose id is no integer cannot be placed."""
    with pytest.raises(TypeError, match="integer"):
        ListedAccount([{"call_session_history_id": key, "start_date": "2024-05-29 12:00:00"}])


def test_a_time_is_written_as_the_vendor_does() -> None:
    """Other spellings of a time are an error, and leave the history as it was."""
    account = ListedAccount()
    with pytest.raises(ValueError, match="2024-5-29"):
        account.add({"call_session_history_id": 1, "start_date": "2024-5-29 12:00:00"})
    assert account.total == 0
    account.add(record(1))
