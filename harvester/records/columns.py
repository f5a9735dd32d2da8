"""The objects of one level as Arrow columns, refusing every value that Arrow would alter on the way.

``pa.array`` is fast and lax: 1.5 becomes 1 in an int64 column and ``True`` 1.0 in a float64 one, an empty
list is taken for an object and an empty text for a list, unknown keys vanish, and a cast to a timestamp takes
several other forms. So whole objects go through it for texts and booleans only, with which it is strict. The
other kinds go column by column: it costs the same, and on the list of a column's values checks are cheap.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import accumulate, chain, repeat
from types import NoneType
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from harvester.datasets import Field, Kind
from harvester.records.redaction import Redaction
from harvester.records.schema import SCALARS, STRICT, Shape

Object = dict[str, object]
Extras = dict[int, dict[str, Any]]
"""By the position of an object: its unknown keys, and under known keys the unknown ones of their values."""

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
_SPOKEN: dict[type, str] = {
    bool: "a boolean",
    int: "an integer",
    float: "a decimal (or an integer beyond 64 bits)",
    str: "a text",
    list: "a list",
    dict: "an object",
}
_MOMENTS = {Kind.INSTANT: pa.timestamp("s"), Kind.DATE: pa.date32()}
_FORMS = {Kind.INSTANT: "YYYY-MM-DD HH:MM:SS", Kind.DATE: "YYYY-MM-DD"}

_EXACT = 2**53  # beyond it a float skips integers
_SHORT = 10**7  # below it, a decimal with at most 8 digits after its point has at most 15: a float holds it
_DEPTH = 200  # levels in the value of an unknown key: orjson writes 254, less the path down to the key


class MisfitError(Exception):
    """A value that its column cannot hold as sent; the text names the field and what came, not the value."""


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
            self._finished(column, field, shape) for field, column in zip(shape.fields, columns, strict=True)
        ], extras

    def _finished(self, column: pa.Array, field: Field, shape: Shape) -> pa.Array:
        if field.kind in _FORMS:
            return moments(column, field.kind, shape.path + field.name)
        if field.content is not None and self._redaction is not None:
            return self._redaction.column(column, field.content)
        return column

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
        if magnitude > _EXACT:
            raise MisfitError(f"{path}: a number beyond 2**53, which a float may have rounded")
        self.doubtful = self.doubtful or magnitude >= _SHORT


def moments(texts: pa.Array, kind: Kind, path: str) -> pa.Array:
    """The INSTANTs or DATEs that ``texts`` say; an empty text says null.

    Raises:
        MisfitError: A text is not exactly in the vendor's form, or not a moment of the years 1 to 9999.
    """
    width = len(_FORMS[kind])
    misfit = MisfitError(f"{path}: a text that is not {_FORMS[kind]}")
    lengths = _lengths(texts)
    if 0 in lengths:
        texts = pc.if_else(pc.equal(texts, ""), pa.scalar(None, pa.string()), texts)
        lengths = _lengths(texts)
    if lengths == {None}:
        return pa.nulls(len(texts), SCALARS[kind])
    # Of the right length the cast takes two forms too many: "T" between day and time, and the year 0, for
    # which Python has no date. All texts being equally long, both show at a stride of the buffer.
    data = texts.buffers()[2].to_pybytes()
    with_t = kind is Kind.INSTANT and data[10::width].strip(b" ")
    year_0 = b"0" in data[::width] and b"0000-" in data
    if lengths != {width} or with_t or year_0:
        raise misfit
    try:
        # To a moment without zone, as UTC is: a cast to one with a zone would want an offset in the text.
        return texts.cast(_MOMENTS[kind]).view(SCALARS[kind])
    except pa.ArrowInvalid:
        raise misfit from None


def _lengths(texts: pa.Array) -> set[int | None]:
    return set(pc.min_max(pc.binary_length(texts)).as_py().values())


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
