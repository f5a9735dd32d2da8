"""Whose records are taken, where the histories of accounts are kept apart.

Whether a parent's answer holds its children's records is not documented. So a parent's own are taken out of
whatever comes, and the others are left to the folders of their accounts. An answer for a child that holds
somebody else's records is another matter: the API did not do what it was asked, and none of it is believed.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from harvester.errors import ForeignRecordsError
from harvester.records.columns import DIGITS
from harvester.records.salvage import member

_BEYOND = 2**63  # what the column cannot hold is no account's id

Rows = TypeVar("Rows", pa.Table, pa.RecordBatch)


@dataclass(frozen=True, slots=True)
class Owner:
    """The account whose records are taken.

    Attributes:
        account_id: The account.
        field: The column that says whose a record is; null says nothing, and the record is taken.
        alone: Whether an answer may hold nobody else's records; else theirs are left out.
    """

    account_id: int
    field: str
    alone: bool

    def check(self, batch: pa.RecordBatch, misfits: Iterable[bytes] = ()) -> bool:
        """Look at an answer; whether it holds records of others, which are to be left out.

        Args:
            batch: Its records.
            misfits: Those of them that do not fit.

        Raises:
            ForeignRecordsError: It holds some, and may not.
        """
        foreign = pc.unique(batch[self.field].filter(self._foreign(batch))).to_pylist()
        foreign += (self.whose(raw) for raw in misfits if not self.is_own(raw))
        if foreign and self.alone:
            raise ForeignRecordsError(self.account_id, list(dict.fromkeys(foreign)))
        return bool(foreign)

    def own(self, rows: Rows) -> Rows:
        """Its own of some records."""
        foreign = self._foreign(rows)
        return rows.filter(pc.invert(foreign)) if pc.any(foreign, min_count=0).as_py() else rows

    def is_own(self, raw: bytes) -> bool:
        """Whether a record that does not fit is its own, or does not name another account.

        What it says of its account may be the very value that does not fit: then nobody else takes it either.
        """
        whose = self.whose(raw)
        return not isinstance(whose, int) or whose == self.account_id

    def whose(self, raw: bytes) -> int | str | None:
        """The account that a record names that does not fit, or what it says instead; ``None`` if nothing."""
        span = member(raw, self.field)
        try:
            whose = orjson.loads(raw[span]) if span else None
        except orjson.JSONDecodeError:
            return None
        return None if whose is None else account_of(whose)

    def _foreign(self, rows: Rows) -> pa.Array | pa.ChunkedArray:
        return pc.fill_null(pc.not_equal(rows[self.field], self.account_id), fill_value=False)


def account_of(said: object) -> int | str:
    """The account that a value names, which some histories write as text; the text if it is no id."""
    text = str(said)
    return int(text) if re.fullmatch(DIGITS, text) and abs(int(text)) < _BEYOND else text
