import sqlite3
from collections.abc import Mapping

import pytest

from harvester.errors import LakeError
from harvester.lake.entries import ProvenWindow, RunRecord, Suspect
from harvester.lake.ledger import Ledger, chosen, names
from harvester.window import Gap, Window
from tests.lake.history import Lake

IDENTITY = {"dataset": "calls", "partition": "day", "records": True, "application_id": (7, 8)}


def test_a_lake_is_bound_to_an_account_and_each_dataset_to_its_identity(lake: Lake) -> None:
    """The same claim holds again, whatever the order of its options; several datasets share one account."""
    other = Ledger(lake.database, "archive")
    lake.ledger.claim(1, IDENTITY, 0.0)
    lake.ledger.claim(1, dict(reversed(IDENTITY.items())), 9.0)
    assert lake.ledger.identity() == IDENTITY | {"application_id": [7, 8]}
    assert other.identity() is None
    other.claim(1, {"dataset": "calls"}, 5.0)
    assert names(lake.database) == ["archive", "calls"]
    assert lake.database.all("SELECT account_id, created FROM lake") == [(1, 0.0)]


@pytest.mark.parametrize(
    ("account", "changed", "complaint"),
    [
        (2, {}, "this lake holds account 1, not 2; give another --lake"),
        (1, {"partition": "hour"}, "otherwise: partition is day there and hour here."),
        (1, {"records": False}, "otherwise: records is on there and off here."),
        (1, {"application_id": (7,)}, "otherwise: application-id is 7, 8 there and 7 here."),
        (1, {"user_id": 5}, "otherwise: user-id is not set there and 5 here."),
        (1, {"application_id": None}, "otherwise: application-id is 7, 8 there and not set here."),
        (
            1,
            {"records": False, "partition": "month"},
            "partition is day there and month here; records is on there and off here. Give another --lake,",
        ),
    ],
)
def test_another_claim_is_refused_with_every_difference(
    lake: Lake, account: int, changed: Mapping[str, object], complaint: str
) -> None:
    """In the words of the options; the lake stays bound as it was."""
    lake.ledger.claim(1, IDENTITY, 0.0)
    with pytest.raises(LakeError) as refusal:
        lake.ledger.claim(account, {**IDENTITY, **changed}, 1.0)
    assert complaint in str(refusal.value)
    lake.ledger.claim(1, IDENTITY, 2.0)


def test_facts_add_up(lake: Lake) -> None:
    """Later facts win over earlier ones of the same name."""
    assert lake.ledger.facts() == {}
    lake.ledger.claim(1, IDENTITY, 0.0)
    lake.ledger.learn({"end": "inclusive", "days": 30})
    lake.ledger.learn({"days": 7})
    assert lake.ledger.facts() == {"end": "inclusive", "days": 7}


def test_runs_are_listed_newest_first(lake: Lake) -> None:
    """A run without an end was killed, or is at work."""
    first, second, third = (lake.ledger.begin(Window(0, end), float(end)) for end in (1, 2, 3))
    Ledger(lake.database, "archive").begin(Window(0, 9), 9.0)
    lake.ledger.end(second, 8.5, "gaps", {"rows": 12})
    assert lake.ledger.runs(2) == [
        RunRecord(third, Window(0, 3), 3.0, None, None, {}),
        RunRecord(second, Window(0, 2), 2.0, 8.5, "gaps", {"rows": 12}),
    ]
    assert [run.id for run in lake.ledger.runs(9)] == [third, second, first]


def test_a_lease_is_replaced_by_what_became_of_it(lake: Lake) -> None:
    """Proven at its start, still to be read behind; each dataset for itself, each oldest first."""
    run = lake.ledger.begin(Window(0, 100), 0.0)
    for leased in (Window(50, 100), Window(0, 50)):
        lake.ledger.record(leased, waiting=[leased], run=run)
    Ledger(lake.database, "archive").record(Window(0, 7), waiting=[Window(0, 7)], run=run)
    assert lake.ledger.open_windows() == (Window(0, 50), Window(50, 100))
    for leased, rows in ((Window(50, 100), 3), (Window(0, 50), 0)):
        first = Window(leased.start, leased.start + 20)
        rest = Window(first.end, leased.end)
        lake.ledger.record(leased, proven=[ProvenWindow(first, rows)], waiting=[rest], run=run)
    assert lake.ledger.open_windows() == (Window(20, 50), Window(70, 100))
    assert lake.ledger.proven_windows() == [ProvenWindow(Window(0, 20), 0), ProvenWindow(Window(50, 70), 3)]
    assert lake.ledger.window_starts() == {0, 20, 50, 70}
    lake.ledger.forget([Window(20, 50), Window(0, 20)])
    assert lake.ledger.window_starts() == {50, 70}
    assert Ledger(lake.database, "archive").window_starts() == {0}


def test_gaps_give_way_to_what_a_later_reading_could_not_prove(lake: Lake) -> None:
    """Only those inside: touching ones and those of other datasets stay, with all that was found out."""
    run = lake.ledger.begin(Window(0, 100), 0.0)
    archive = Ledger(lake.database, "archive")
    before, inside, behind = (
        Gap(Window(start, start + 10), expected, 3, reason)
        for start, expected, reason in ((10, None, "no total"), (20, 5, "changed"), (30, 7, "unreachable"))
    )
    lake.ledger.record(Window(10, 40), waiting=[Window(10, 40)], run=run)
    lake.ledger.record(Window(10, 40), gaps=[behind, inside, before], run=run)
    assert lake.ledger.open_windows() == ()
    archive.record(Window(20, 30), gaps=[inside], run=run)
    assert lake.ledger.gaps() == [before, inside, behind]
    worse = Gap(Window(20, 30), 9, 1, "changed")
    lake.ledger.record(Window(20, 30), gaps=[worse], run=run)
    assert lake.ledger.gaps() == [before, worse, behind]
    assert archive.gaps() == [inside]


def test_a_gap_stays_one_until_it_is_read_again(lake: Lake) -> None:
    """Where a window waits or is proven it is as it was, so that a run that is killed forgets none."""
    run = lake.ledger.begin(Window(0, 100), 1.0)
    gap = Gap(Window(10, 40), 7, 5, "lost")
    lake.ledger.record(Window(0, 100), gaps=[gap], run=run)
    lake.ledger.record(Window(0, 100), waiting=[Window(0, 100)], run=run)
    assert lake.ledger.gaps() == [gap]
    lake.ledger.record(
        Window(0, 100), proven=[ProvenWindow(Window(0, 20), 3)], waiting=[Window(20, 100)], run=run
    )
    assert lake.ledger.gaps() == [gap]
    refused = Gap(Window(30, 60), None, 0, "refused")
    lake.ledger.leave([refused], run)
    assert lake.ledger.gaps() == [Gap(Window(10, 30), None, 0, "lost"), refused]
    assert lake.ledger.open_windows() == (Window(20, 100),)


def test_a_record_that_fails_changes_nothing(lake: Lake) -> None:
    """One transaction: a gap of an unknown run takes everything of its lease back."""
    leased, gap = Window(0, 10), Gap(Window(0, 10), 1, 0, "lost")
    run = lake.ledger.begin(leased, 0.0)
    lake.ledger.record(leased, waiting=[leased], gaps=[gap], run=run)
    with pytest.raises(sqlite3.IntegrityError):
        lake.ledger.record(leased, gaps=[Gap(leased, 2, 1, "worse")], run=run + 1)
    assert lake.ledger.open_windows() == (leased,)
    assert lake.ledger.gaps() == [gap]


def test_a_look_at_a_part_leaves_what_was_found_elsewhere(lake: Lake) -> None:
    """What sync finds replaces what was found within its look-back, and nothing from before."""
    lake.ledger.claim(1, IDENTITY, 0.0)
    old, seen, other = (Suspect(Window(at, at + 10), "count", "differs") for at in (0, 100, 110))
    damaged = Suspect(Window(100, 110), "file", "is gone")
    lake.ledger.accuse("count", [old, seen], 1.0)
    lake.ledger.accuse("file", [damaged], 1.0)
    lake.ledger.accuse("count", [other], 2.0, within=Window(100, 200))
    assert lake.ledger.suspects() == [old, damaged, other]
    lake.ledger.accuse("count", [], 3.0)
    assert lake.ledger.suspects() == [damaged]


def test_runs_are_forgotten_but_for_the_last_and_those_that_matter(lake: Lake) -> None:
    """A gap, like a file, names the run that left it; other datasets keep their own."""
    lake.ledger.claim(1, IDENTITY, 0.0)
    other = Ledger(lake.database, "archive")
    other.claim(1, {"dataset": "calls"}, 0.0)
    kept = other.begin(Window(0, 1), 0.0)
    runs = [lake.ledger.begin(Window(0, 10), float(at)) for at in range(6)]
    lake.ledger.record(Window(0, 10), gaps=[Gap(Window(0, 10), 1, 0, "lost")], run=runs[1])
    lake.ledger.forget_runs(2)
    assert [run.id for run in lake.ledger.runs(9)] == [runs[5], runs[4], runs[1]]
    assert [run.id for run in other.runs(9)] == [kept]
    assert lake.ledger.begin(Window(0, 10), 9.0) == runs[5] + 1


def test_a_name_without_an_account_means_those_of_all(lake: Lake) -> None:
    """And one with it means that alone; a name that begins alike is another."""
    for number in (1, 2):
        Ledger(lake.database, f"calls/account_id={number}").claim(1, IDENTITY | {"account_id": number}, 0.0)
    Ledger(lake.database, "calls_of_1/account_id=1").claim(1, IDENTITY, 0.0)
    of_calls = ["calls/account_id=1", "calls/account_id=2"]
    assert chosen(lake.database, "calls") == of_calls
    assert chosen(lake.database, of_calls[1]) == of_calls[1:]
    assert len(chosen(lake.database, None)) == 3
    with pytest.raises(LakeError, match="no dataset 'sales', only: calls/account_id=1"):
        chosen(lake.database, "sales")
