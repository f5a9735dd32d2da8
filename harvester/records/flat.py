"""Records without lists: a table of their own, and one for the elements of each list.

In place of a list, a record has the number of its elements. An element becomes a row with the key and the
time of its record, and its position in the list. So nothing is lost: which lists were null or empty, and
whether all rows are there, can be told from the tables alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import pyarrow as pa
import pyarrow.compute as pc

from harvester.datasets import Dataset
from harvester.errors import HarvestError
from harvester.records.schema import arrow_schema

POSITION = pa.field("position", pa.int64(), nullable=False)
"""Where an element stood in its list, from 0."""


class TablesApartError(HarvestError):
    """Tables that are to be joined do not belong together."""


@dataclass(frozen=True, slots=True)
class ListTable:
    """The elements of a list as a table.

    Attributes:
        column: The list.
        count: The column of the records' table that takes its place: how long it was, null if there was none.
        schema: Key and time of the record, the position, then the keys of an element.
    """

    column: str
    count: str
    schema: pa.Schema


@dataclass(frozen=True, slots=True)
class Flat:
    """The tables that the records of a dataset become.

    Attributes:
        nested: The columns of a record with its lists.
        key: The column that identifies a record.
        time: The column that records are sorted by.
        main: What the table of the records is called.
        lists: The tables of their lists, by name.
    """

    nested: pa.Schema
    key: str
    time: str
    main: str
    lists: Mapping[str, ListTable]

    @classmethod
    def of(cls, dataset: Dataset) -> Self:
        """The tables of a dataset, which has lists."""
        nested = arrow_schema(dataset)
        heads = [nested.field(dataset.key), nested.field(dataset.time_field), POSITION]
        lists = {
            name: ListTable(
                field.name, _count(field.name), pa.schema([*heads, *nested.field(field.name).type.value_type])
            )
            for name, field in dataset.lists.items()
        }
        return cls(nested, dataset.key, dataset.time_field, dataset.noun, lists)

    @property
    def schemas(self) -> dict[str, pa.Schema]:
        """The columns of each table, by its name, that of the records first."""
        return {self.main: self._records} | {name: item.schema for name, item in self.lists.items()}

    def split(self, batch: pa.RecordBatch) -> dict[str, pa.RecordBatch]:
        """Records with their lists as rows of each table, in the same order."""
        lengths = {item.column: pc.list_value_length(batch[item.column]) for item in self.lists.values()}
        columns = [
            lengths[name].cast(pa.int64()) if name in lengths else batch[name] for name in self.nested.names
        ]
        tables = {self.main: pa.RecordBatch.from_arrays(columns, schema=self._records)}
        for name, item in self.lists.items():
            lists = batch[item.column]
            rows = [*self._heads(batch, lists), *lists.flatten().flatten()]
            tables[name] = pa.RecordBatch.from_arrays(rows, schema=item.schema)
        return tables

    def join(self, records: pa.RecordBatch, rows: Mapping[str, pa.RecordBatch]) -> pa.RecordBatch:
        """Records with their lists, of rows of each table: the inverse of ``split``.

        Raises:
            TablesApartError: The rows are not those that the records count.
        """
        columns = {name: records[name] for name in self.nested.names if name in records.schema.names}
        for name, item in self.lists.items():
            self.check(name, records, rows[name])
            keys = list(self.nested.field(item.column).type.value_type)
            elements = pa.StructArray.from_arrays(rows[name].columns[len(self._head) :], fields=keys)
            columns[item.column] = _lists(records[item.count], elements)
        return pa.RecordBatch.from_arrays([columns[name] for name in self.nested.names], schema=self.nested)

    def check(self, name: str, records: pa.RecordBatch, rows: pa.RecordBatch) -> None:
        """Look whether ``rows`` of the table ``name`` are all that ``records`` count, and in their order.

        Both need the columns that tell only: key and time, and the counts or the position.

        Raises:
            TablesApartError: They are not.
        """
        counts = records[self.lists[name].count]
        wanted = pc.sum(counts, min_count=0).as_py()
        if wanted != rows.num_rows or pc.any(pc.less(counts, 0), min_count=0).as_py():
            raise TablesApartError(f"the {self.main} count {wanted} {name}, there are {rows.num_rows}")
        heads = self._heads(records, _lists(counts, rows[POSITION.name]))
        if any(not head.equals(rows[column]) for head, column in zip(heads, self._head, strict=True)):
            raise TablesApartError(f"the {name} do not belong to the {self.main}")

    def _heads(self, records: pa.RecordBatch, lists: pa.ListArray) -> list[pa.Array]:
        """Key and time of the record of each element, and its position."""
        lengths = pc.fill_null(pc.list_value_length(lists), 0).cast(pa.int64())
        starts = pc.subtract(pc.cumulative_sum(lengths), lengths)
        owners = pc.list_parent_indices(lists)
        numbers = pc.cumulative_sum(pa.repeat(pa.scalar(1, pa.int64()), len(owners)), start=-1)
        places = [records[self.key].take(owners), records[self.time].take(owners)]
        return [*places, pc.subtract(numbers, starts.take(owners))]

    @property
    def _head(self) -> tuple[str, str, str]:
        return self.key, self.time, POSITION.name

    @property
    def _records(self) -> pa.Schema:
        counts = {item.column: pa.field(item.count, pa.int64()) for item in self.lists.values()}
        return pa.schema([counts.get(field.name, field) for field in self.nested])


def _count(column: str) -> str:
    return f"{column}_count"


def _lists(counts: pa.Array, elements: pa.Array) -> pa.ListArray:
    """``elements`` cut into lists of these lengths; no list where the length is null."""
    ends = pc.cumulative_sum(pc.fill_null(counts, 0))
    offsets = pa.concat_arrays([pa.array([0], pa.int32()), ends.cast(pa.int32())])
    return pa.ListArray.from_arrays(offsets, elements, mask=counts.is_null())
