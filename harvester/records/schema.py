"""The Arrow schema of a dataset: the documented keys under the vendor's names, ``extra`` for all others."""

from dataclasses import dataclass
from functools import cache

import pyarrow as pa

from harvester.datasets import Dataset, Field, Kind

SCHEMA_VERSION = 1
"""Grows when equal records would be stored as other columns, types or ``extra`` texts than before."""

EXTRA = pa.field("extra", pa.string())
"""The keys that have no column, as the JSON text of one object; null when a record has none."""

SCALARS = {
    Kind.INTEGER: pa.int64(),
    Kind.DIGITS: pa.int64(),
    Kind.NUMBER: pa.float64(),
    Kind.BOOLEAN: pa.bool_(),
    Kind.TEXT: pa.string(),
    Kind.JSON: pa.string(),
    Kind.INSTANT: pa.timestamp("s", "UTC"),
    Kind.DATE: pa.date32(),
}
"""The types of the kinds that do not nest."""

STRICT = {
    Kind.BOOLEAN: pa.bool_(),
    Kind.TEXT: pa.string(),
    Kind.INSTANT: pa.string(),
    Kind.DATE: pa.string(),
}
"""The types with which ``pa.array`` takes nothing but what they stand for."""


@dataclass(frozen=True, slots=True)
class Shape:
    """The documented keys of one level of objects, as their conversion needs them.

    Attributes:
        fields: The keys, in the order of the columns.
        path: What stands before a key of this level: ``""``, ``"calls[]."``, ``"calls[].end_reason."``.
        names: The keys alone.
        struct: The Arrow type of such an object.
        strict: The Arrow type of its texts and booleans alone, moments still as the texts they come as.
        nested: The shapes below, by key.
    """

    fields: tuple[Field, ...]
    path: str
    names: frozenset[str]
    struct: pa.StructType
    strict: pa.StructType
    nested: dict[str, "Shape"]


@cache
def shape_of(fields: tuple[Field, ...], path: str = "") -> Shape:
    """The shape of objects with ``fields``, and of all below them."""
    steps = {Kind.OBJECT: ".", Kind.LIST: "[]."}
    return Shape(
        fields=fields,
        path=path,
        names=frozenset(field.name for field in fields),
        struct=pa.struct([(field.name, _arrow_type(field)) for field in fields]),
        strict=pa.struct([(field.name, STRICT[field.kind]) for field in fields if field.kind in STRICT]),
        nested={
            field.name: shape_of(field.fields, path + field.name + steps[field.kind])
            for field in fields
            if field.kind in steps
        },
    )


def arrow_schema(dataset: Dataset) -> pa.Schema:
    """Columns in the dataset's order, then ``extra``.

    The key and the time field are not nullable: a record without them can be neither counted nor put into a
    partition, so the decoder quarantines it, and readers of the lake may rely on it. Every other column is
    nullable, whatever the vendor documents as required: the API leaves out keys that have no value.
    """
    return _schema(dataset.fields, dataset.key, dataset.time_field)


@cache  # not by the dataset itself: its read-only mappings have no hash
def _schema(fields: tuple[Field, ...], *required: str) -> pa.Schema:
    columns = [field.with_nullable(field.name not in required) for field in shape_of(fields).struct]
    return pa.schema([*columns, EXTRA])


def _arrow_type(field: Field) -> pa.DataType:
    if field.kind in SCALARS:
        return SCALARS[field.kind]
    struct = pa.struct([(nested.name, _arrow_type(nested)) for nested in field.fields])
    return pa.list_(struct) if field.kind is Kind.LIST else struct
