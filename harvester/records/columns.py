"""The objects of one level as Arrow columns, refusing every value that Arrow would alter on the way.

``pa.array`` is fast and lax: 1.5 becomes 1 in an int64 column and ``True`` 1.0 in a float64 one, an empty
list is taken for an object and an empty text for a list, unknown keys vanish, and a cast to a timestamp takes
several other forms. So whole objects go through it for texts and booleans only, with which it is strict. The
other kinds go column by column: it costs the same, and on the list of a column's values checks are cheap.
"""

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import accumulate, chain, repeat
from types import NoneType
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from harvester.datasets import Field, Kind
from harvester.records.moments import FORMS, MisfitError, moments
from harvester.records.redaction import Redaction
from harvester.records.schema import SCALARS, STRICT, Shape

Object = dict[str, object]
Extras = dict[int, dict[str, Any]]
"""By the position of an object: its unknown keys, and under known keys the unknown ones of their values."""

_TYPES: dict[Kind, set[type]] = {
    Kind.INTEGER: {int, NoneType},
    Kind.DIGITS: {int, str, NoneType},
    Kind.NUMBER: {int, float, NoneType},
    Kind.BOOLEAN: {bool, NoneType},
    Kind.TEXT: {str, NoneType},
    Kind.INSTANT: {str, NoneType},
    Kind.DATE: {str, NoneType},
    Kind.OBJECT: {dict, NoneType},
    Kind.LIST: {list, NoneType},
    Kind.JSON: {bool, int, float, str, list, dict, NoneType},
}
_SPOKEN: dict[type, str] = {
    bool: "a boolean",
    int: "an integer",
    float: "a decimal (or an integer beyond 64 bits)",
    str: "a text",
    list: "a list",
    dict: "an object",
}
DIGITS = r"0|-?[1-9][0-9]{0,18}"  # as an integer is written; another text is no number to us

EXACT = 2**53  # beyond it a float skips integers
SHORT = 10**7  # below it, a decimal with at most 8 digits after its point has at most 15: a float holds it
_DEPTH = 200  # levels in the value of an unknown key: orjson writes 254, less the path down to the key


class Conversion:
    """One group of records on its way to Arrow.

    Attributes:
        unknown: Path of each key that has no column, and how many objects had it.
        doubtful: Whether a decimal has so many digits before its point that those after it may be lost.
    """

    def __init__(self, redaction: Redaction | None = None) -> None:
        self.unknown: Counter[str] = Counter()
        self.doubtful = False
        self._redaction = redaction

    def columns(self, shape: Shape, objects: Sequence[Object]) -> tuple[list[pa.Array], Extras]:
        """One column per field of ``shape``, and the keys that have none.

        Raises:
            MisfitError: A value does not fit its column.
        """
        extras: Extras = {}
        strict = iter(_strict(shape, objects))
        columns = [
            next(strict) if field.kind in STRICT else self._column(shape, field, objects, extras)
            for field in shape.fields
        ]
        # A key is a value in a column, or a null, or unknown. When there are as many keys as values, none is
        # unknown, and no object needs a look.
        if sum(map(len, objects)) != sum(len(column) - column.null_count for column in columns):
            self._collect(shape, objects, extras)
        return [
            finished(column, field, shape.path + field.name, self._redaction)
            for field, column in zip(shape.fields, columns, strict=True)
        ], extras

    def _column(self, shape: Shape, field: Field, objects: Sequence[Object], extras: Extras) -> pa.Array:
        path = shape.path + field.name
        values = list(map(dict.get, objects, repeat(field.name)))
        match field.kind:
            case Kind.OBJECT:
                column, found = self._structs(shape.nested[field.name], values, path)
                for position, keys in found.items():
                    extras.setdefault(position, {})[field.name] = keys
            case Kind.LIST:
                column = self._lists(shape.nested[field.name], field.name, values, path, extras)
            case Kind.JSON:
                self._survey(values, path)
                texts = [None if value is None else orjson.dumps(value) for value in values]
                column = pa.array(texts, SCALARS[field.kind])
            case Kind.DIGITS:
                column = _numbers(_integers(values, path), Kind.INTEGER, path)
            case _:
                column = _numbers(values, field.kind, path)
                if field.kind is Kind.NUMBER and float in _types(values, field.kind, path):
                    self._weigh(max(map(abs, pc.min_max(column).as_py().values())), path)
        return column

    def _structs(self, shape: Shape, values: Sequence[Any], path: str) -> tuple[pa.StructArray, Extras]:
        objects, mask = _without_nulls(values, Kind.OBJECT, path, {})
        columns, extras = self.columns(shape, objects)
        return pa.StructArray.from_arrays(columns, fields=list(shape.struct), mask=mask), extras

    def _lists(
        self, shape: Shape, name: str, values: Sequence[Any], path: str, extras: Extras
    ) -> pa.ListArray:
        lists, mask = _without_nulls(values, Kind.LIST, path, [])
        offsets = [0, *accumulate(map(len, lists))]
        structs, found = self._structs(shape, list(chain.from_iterable(lists)), path + "[]")
        for position, keys in found.items():
            owner = bisect_right(offsets, position) - 1
            extras.setdefault(owner, {}).setdefault(name, {})[str(position - offsets[owner])] = keys
        return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), structs, mask=mask)

    def _collect(self, shape: Shape, objects: Sequence[Object], extras: Extras) -> None:
        for position, item in enumerate(objects):
            if not shape.names.issuperset(item):
                strange = {key: value for key, value in item.items() if key not in shape.names}
                self._survey(strange.values(), shape.path + "(unknown key)")
                self.unknown.update([shape.path + key for key in strange])
                extras[position] = strange | extras.get(position, {})

    def _survey(self, level: Iterable[object], path: str) -> None:
        """Refuse what ``extra`` would not hold as sent; level by level, because depth may be hostile."""
        for _ in range(_DEPTH):
            nested: list[object] = []
            for value in level:
                if isinstance(value, float):
                    self._weigh(abs(value), path)
                elif isinstance(value, list):
                    nested += value
                elif isinstance(value, dict):
                    nested += value.values()
            if not nested:
                return
            level = nested
        raise MisfitError(f"{path}: nested more than {_DEPTH} levels deep")

    def _weigh(self, magnitude: float, path: str) -> None:
        if magnitude > EXACT:
            raise MisfitError(f"{path}: a number beyond 2**53, which a float may have rounded")
        self.doubtful = self.doubtful or magnitude >= SHORT


def finished(column: pa.Array, field: Field, path: str, redaction: Redaction | None) -> pa.Array:
    """A column as it is stored: moments instead of their texts, and nothing of what is to be hidden.

    Raises:
        MisfitError: A text is no moment.
    """
    if field.kind in FORMS:
        return moments(column, field.kind, path)
    if redaction is not None and field.kind is Kind.JSON:
        texts = [text and redaction.text(text.encode()) for text in column.to_pylist()]
        return pa.array(texts, column.type)
    if redaction is not None and field.content is not None:
        return redaction.column(column, field.content)
    return column


def _strict(shape: Shape, objects: Sequence[Object]) -> list[pa.Array]:
    try:
        columns: list[pa.Array] = pa.array(objects, shape.strict).flatten()
    except (pa.ArrowInvalid, pa.ArrowTypeError):  # whose text has the value, but not the field
        found = ((field, map(dict.get, objects, repeat(field.name))) for field in shape.fields)
        reasons = (
            _reason(set(map(type, values)), field.kind, shape.path + field.name) for field, values in found
        )
        raise MisfitError("; ".join(filter(None, reasons))) from None
    return columns


def _integers(values: Sequence[Any], path: str) -> Sequence[Any]:
    """``values`` with an integer for each text of digits."""
    if str not in _types(values, Kind.DIGITS, path):
        return values
    if not all(re.fullmatch(DIGITS, value) for value in values if isinstance(value, str)):
        raise MisfitError(f"{path}: a text that is not the digits of a 64-bit integer")
    return [int(value) if isinstance(value, str) else value for value in values]


def _numbers(values: Sequence[Any], kind: Kind, path: str) -> pa.Array:
    try:
        column = pa.array(values, SCALARS[kind])
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        _types(values, kind, path)
        raise MisfitError(f"{path}: an integer beyond what {SCALARS[kind]} holds exactly") from None
    # Only floats slip in among integers, and a sum without floats is an integer: the fastest test there is.
    if kind is Kind.INTEGER and (column.null_count or not isinstance(sum(values), int)):
        _types(values, kind, path)
    return column


def _without_nulls(
    values: Sequence[Any], kind: Kind, path: str, empty: object
) -> tuple[Sequence[Any], pa.Array | None]:
    """``values`` with ``empty`` for each null, and where those are."""
    if NoneType not in _types(values, kind, path):
        return values, None
    mask = [value is None for value in values]
    return [value or empty for value in values], pa.array(mask, pa.bool_())


def _types(values: Sequence[object], kind: Kind, path: str) -> set[type]:
    types = set(map(type, values))
    if not types <= _TYPES[kind]:
        raise MisfitError(_reason(types, kind, path))
    return types


def _reason(types: set[type], kind: Kind, path: str) -> str:
    strange = sorted(_SPOKEN[one] for one in types - _TYPES[kind])
    return f"{path}: {' and '.join(strange)} where {kind.name} is documented" if strange else ""
