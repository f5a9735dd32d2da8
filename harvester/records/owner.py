"""Whose records are taken, where the histories of accounts are kept apart.

Whether a parent's answer holds its children's records is not documented. So a parent's own are taken out of
whatever comes, and the others are left to the folders of their accounts. An answer for a child that holds
somebody else's records is another matter: the API did not do what it was asked, and none of it is believed.
"""

from dataclasses import dataclass
from typing import TypeVar

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from harvester.errors import ForeignRecordsError
from harvester.records.salvage import member

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

    def check(self, batch: pa.RecordBatch) -> bool:
        """Look at an answer; whether it holds records of others, which are to be left out.

        Raises:
            ForeignRecordsError: It holds some, and may not.
        """
        foreign = pc.unique(batch[self.field].filter(self._foreign(batch))).to_pylist()
        if foreign and self.alone:
            raise ForeignRecordsError(self.account_id, foreign)
        return bool(foreign)

    def own(self, rows: Rows) -> Rows:
        """Its own of some records."""
        foreign = self._foreign(rows)
        return rows.filter(pc.invert(foreign)) if pc.any(foreign, min_count=0).as_py() else rows

    def is_own(self, raw: bytes) -> bool:
        """Whether a record that does not fit is its own, or does not say whose it is."""
        return self.whose(raw) in {None, str(self.account_id)}

    def whose(self, raw: bytes) -> str | None:
        """What a record that does not fit says of its account; ``None`` if it says nothing."""
        span = member(raw, self.field)
        try:
            whose = orjson.loads(raw[span]) if span else None
        except orjson.JSONDecodeError:
            return None
        return None if whose is None else str(whose)

    def _foreign(self, rows: Rows) -> pa.Array | pa.ChunkedArray:
        return pc.fill_null(pc.not_equal(rows[self.field], self.account_id), fill_value=False)
