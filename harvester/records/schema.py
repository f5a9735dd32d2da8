"""The Arrow schema of a dataset: its documented keys under the vendor's names, and ``extra`` for all others."""

from functools import cache

import pyarrow as pa

from harvester.datasets import Dataset, Field, Kind

SCHEMA_VERSION = 1
"""Grows when equal records would be stored as other columns, types or ``extra`` texts than before."""

EXTRA = pa.field("extra", pa.string())
"""The keys that have no column, as the JSON text of one object; null when there are none."""

_SCALARS = {
    Kind.INTEGER: pa.int64(),
    Kind.NUMBER: pa.float64(),
    Kind.BOOLEAN: pa.bool_(),
    Kind.TEXT: pa.string(),
    Kind.INSTANT: pa.timestamp("s", "UTC"),
    Kind.DATE: pa.date32(),
}


def arrow_schema(dataset: Dataset) -> pa.Schema:
    """Columns in the dataset's order, then ``extra``.

    The key and the time field are not nullable: a record without them can be neither counted nor put into a
    partition, so the decoder quarantines it, and readers of the lake may rely on it. Every other column is
    nullable, whatever the vendor documents as required: the API leaves out keys that have no value.
    """
    return _schema(dataset.fields, frozenset((dataset.key, dataset.time_field)))


def arrow_type(field: Field) -> pa.DataType:
    """The type that holds every documented value of ``field`` exactly."""
    if field.kind in _SCALARS:
        return _SCALARS[field.kind]
    struct = pa.struct([(nested.name, arrow_type(nested)) for nested in field.fields])
    return pa.list_(struct) if field.kind is Kind.LIST else struct


@cache  # by the fields: a dataset carries read-only mappings, which have no hash
def _schema(fields: tuple[Field, ...], required: frozenset[str]) -> pa.Schema:
    columns = [
        pa.field(field.name, arrow_type(field), nullable=field.name not in required) for field in fields
    ]
    return pa.schema([*columns, EXTRA])
