"""The objects of one level as Arrow columns, refusing every value that Arrow would alter on the way.

``pa.array`` is fast and lax: 1.5 becomes 1 in an int64 column and ``True`` 1.0 in a float64 one, an empty list
is taken for an object and an empty text for a list, unknown keys vanish, and a cast to a timestamp accepts
several other forms. So whole objects go through it for texts and booleans only, with which it is strict. The
other kinds go column by column: it costs the same, and on the list of a column's values checks are cheap.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain, repeat
from types import NoneType

import pyarrow as pa
import pyarrow.compute as pc

from harvester.datasets import Field, Kind
from harvester.records.schema import arrow_type

Extras = dict[int, dict[str, object]]
"""By the position of an object among its level's: its unknown keys, and under its known keys those of theirs."""

_TYPES: dict[Kind, set[type]] = {
    Kind.INTEGER: {int, NoneType},
    Kind.NUMBER: {int, float, NoneType},
    Kind.BOOLEAN: {bool, NoneType},
    Kind.TEXT: {str, NoneType},
    Kind.INSTANT: {str, NoneType},
    Kind.DATE: {str, NoneType},
    Kind.OBJECT: {dict, NoneType},
    Kind.LIST: {list, NoneType},
}
_NAMES = {
    NoneType: "null",
    bool: "a boolean",
    int: "an integer",
    float: "a decimal, or an integer beyond 64 bits,",
    str: "a text",
    list: "a list",
    dict: "an object",
}
_WHOLE = {Kind.BOOLEAN: pa.bool_(), Kind.TEXT: pa.string(), Kind.INSTANT: pa.string(), Kind.DATE: pa.string()}
_FORMS = {Kind.INSTANT: "YYYY-MM-DD HH:MM:SS", Kind.DATE: "YYYY-MM-DD"}

_EXACT = 2.0**53
"""Beyond this a float skips integers."""

_SHORT = 1e7
"""Below this a decimal with at most eight digits after its point has at most 15: a float holds it."""

_DEPTH = 200
"""Levels of objects and lists in the value of an unknown key; orjson writes 254, less the path to the key."""


class MisfitError(Exception):
    """A value that its column cannot hold as sent; the text names the field and what came, not the value."""


@dataclass(frozen=True, slots=True)
class Shape:
    """The documented keys of one level of objects.

    Attributes:
        fields: The keys, in the order of the columns.
        path: Where the level lies, to be put before a key: ``""``, ``"calls[]."``, ``"calls[].end_reason."``.
        names: The keys alone.
        whole: The Arrow type of those keys that are converted with the whole object, moments as text.
        nested: The shapes below, by key.
    """

    fields: tuple[Field, ...]
    path: str
    names: frozenset[str]
    whole: pa.StructType
    nested: dict[str, "Shape"]

    @classmethod
    def of(cls, fields: tuple[Field, ...], path: str = "") -> "Shape":
        """The shape of objects with ``fields``, and all below it."""
        steps = {Kind.OBJECT: ".", Kind.LIST: "[]."}
        return cls(
            fields=fields,
            path=path,
            names=frozenset(field.name for field in fields),
            whole=pa.struct([(field.name, _WHOLE[field.kind]) for field in fields if field.kind in _WHOLE]),
            nested={
                field.name: cls.of(field.fields, path + field.name + steps[field.kind])
                for field in fields
                if field.kind in steps
            },
        )


class Conversion:
    """One group of records on its way to Arrow.

    Attributes:
        unknown: Path of each key that has no column, and how many objects had it.
        doubtful: Whether a decimal has so many digits before its point that not all may have survived.
    """

    def __init__(self) -> None:
        self.unknown: Counter[str] = Counter()
        self.doubtful = False

    def columns(self, shape: Shape, objects: Sequence[dict[str, object]]) -> tuple[list[pa.Array], Extras]:
        """One column per field of ``shape``, and the keys that have no column.

        Raises:
            MisfitError: A value does not fit its column.
        """
        extras: Extras = {}
        whole = iter(_whole(shape, objects))
        columns = [
            next(whole) if field.kind in _WHOLE else self._column(shape, field, objects, extras)
            for field in shape.fields
        ]
        # Every key of an object is a value in a column, or null, or unknown: when the numbers agree there is
        # no unknown key, and no object needs to be looked at.
        if sum(map(len, objects)) != sum(len(column) - column.null_count for column in columns):
            self._collect(shape, objects, extras)
        return [
            moments(column, field.kind, shape.path + field.name) if field.kind in _FORMS else column
            for field, column in zip(shape.fields, columns, strict=True)
        ], extras

    def _column(self, shape: Shape, field: Field, objects: Sequence[dict[str, object]], extras: Extras) -> pa.Array:
        path = shape.path + field.name
        values = _values(field, objects)
        types = _types(values, field.kind, path)
        if field.kind is Kind.NUMBER:
            return self._numbers(values, types, path)
        if field.kind is Kind.INTEGER:
            return _array(values, pa.int64(), path)
        if field.kind is Kind.OBJECT:
            column, found = self._structs(shape.nested[field.name], field, values, types)
            for position, keys in found.items():
                extras.setdefault(position, {})[field.name] = keys
            return column
        return self._lists(shape, field, values, types, extras)
