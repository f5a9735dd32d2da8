"""Whose records are taken out of an answer."""

import pyarrow as pa
import pytest

from harvester.errors import ForeignRecordsError
from harvester.records.owner import Owner

OWN = 5
PARENT = Owner(OWN, "account_id", alone=False)
CHILD = Owner(OWN, "account_id", alone=True)


def batch(*accounts: int | None) -> pa.RecordBatch:
    """An answer with a record of each."""
    return pa.RecordBatch.from_pydict(
        {"account_id": pa.array(accounts, pa.int64()), "key": pa.array(range(len(accounts)), pa.int64())}
    )


def test_a_parents_own_are_taken_out() -> None:
    """And those that do not say whose they are, in the order they came."""
    mixed = batch(OWN, 7, None, OWN, 8)
    assert PARENT.check(mixed)
    assert PARENT.own(mixed)["key"].to_pylist() == [0, 2, 3]
    assert PARENT.own(pa.Table.from_batches([mixed]))["key"].to_pylist() == [0, 2, 3]
    assert not PARENT.check(batch(OWN, None))
    assert PARENT.own(batch()).num_rows == 0


def test_a_childs_answer_holds_nobody_elses() -> None:
    """Or none of it is believed; the sentence names some of the others, and what to try."""
    assert not CHILD.check(batch(OWN, None, OWN))
    with pytest.raises(
        ForeignRecordsError, match=r"account 5 was asked for.*records of 7, 8, 9:.*--children-by"
    ):
        CHILD.check(batch(7, OWN, 8, 9, 10))


def test_what_does_not_fit_is_looked_at_as_rows_are() -> None:
    """A misfit that names another account is as foreign as a row that does; one that names none is not."""
    own, foreign = b'{"account_id": 5, "duration": "?"}', b'{"account_id": "7", "duration": "?"}'
    assert PARENT.check(batch(OWN), [own, foreign])
    assert not PARENT.check(batch(OWN), [own, b'{"account_id": "n/a"}'])
    assert not CHILD.check(batch(OWN), [own, b'{"account_id": "n/a"}'])
    with pytest.raises(ForeignRecordsError, match="records of 8, 7:"):
        CHILD.check(batch(OWN, 8), [own, foreign, foreign])


@pytest.mark.parametrize(
    ("raw", "own"),
    [
        (b'{"account_id": 5, "n": "x"}', True),
        (b'{"account_id": "5"}', True),
        (b'{"account_id": 7}', False),
        (b'{"account_id": "7", "n": [1, {"account_id": 5}]}', False),
        (b'{"n": {"account_id": 7}}', True),
        (b'{"account_id": null}', True),
        (b'{"account_id": \xff}', True),
        (b'{"account_id": "n/a"}', True),
        (b'{"account_id": ""}', True),
        (b'{"account_id": " 7"}', True),
        (b'{"account_id": "007"}', True),
        (b'{"account_id": 7.0}', True),
        (b'{"account_id": 9300000000000000000}', True),
        (b'{"account_id": 1180591620717411303424}', True),
        (b'{"account_id": {"id": 7}}', True),
        (b'{"account_id": true}', True),
        (b"[]", True),
        (b"7", True),
    ],
)
def test_a_record_that_does_not_fit_has_an_owner_too(raw: bytes, *, own: bool) -> None:
    """If it names one; one that says nothing, or nothing that is an id, is taken, as a row is."""
    assert PARENT.is_own(raw) is own
