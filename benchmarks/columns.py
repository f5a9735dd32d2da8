"""The columns of calls for Arrow, as anyone would write them down who knows the vendor's reference."""

import pyarrow as pa

from harvester.datasets import CALLS, Field, Kind

_SCALARS = {
    Kind.INTEGER: pa.int64(),
    Kind.NUMBER: pa.float64(),
    Kind.BOOLEAN: pa.bool_(),
}


def _type(field: Field) -> pa.DataType:
    if field.kind in (Kind.OBJECT, Kind.LIST):
        struct = pa.struct([(nested.name, _type(nested)) for nested in field.fields])
        return struct if field.kind is Kind.OBJECT else pa.list_(struct)
    return _SCALARS.get(field.kind, pa.string())


STRUCT = pa.struct([(field.name, _type(field)) for field in CALLS.fields])
"""A session as sent: times stay text."""
