"""The objects of one level as Arrow columns, refusing every value that Arrow would alter on the way.

``pa.array`` is fast and lax: 1.5 becomes 1 in an int64 column and ``True`` 1.0 in a float64 one, an empty list
is taken for an object and an empty text for a list, unknown keys vanish, and a cast to a timestamp accepts
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
from harvester.records.schema import SCALARS, Shape

Object = dict[str, object]
Extras = dict[int, dict[str, Any]]
"""By the position of an object in its level: its unknown keys, and under its known keys those of their values."""

_WHOLE = {Kind.BOOLEAN: pa.bool_(), Kind.TEXT: pa.string(), Kind.INSTANT: pa.string(), Kind.DATE: pa.string()}
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
_FORMS = {Kind.INSTANT: "YYYY-MM-DD HH:MM:SS", Kind.DATE: "YYYY-MM-DD"}

_EXACT = 2**53  # beyond it a float skips integers
_SHORT = (
    10**7
)  # below it a decimal with at most 8 digits after its point has at most 15, and a float holds it
_DEPTH = 200  # levels in the value of an unknown key: orjson writes 254, less the path down to the key


class MisfitError(Exception):
    """A value that its column cannot hold as sent; the text names the field and what came, not the value."""


class Conversion:
    """One group of records on its way to Arrow.

    Attributes:
        unknown: Path of each key that has no column, and how many objects had it.
        doubtful: Whether a decimal has so many digits before its point that those after it may be lost.
    """

    def __init__(self) -> None:
        self.unknown: Counter[str] = Counter()
        self.doubtful = False

    def columns(self, shape: Shape, objects: Sequence[Object]) -> tuple[list[pa.Array], Extras]:
        """One column per field of ``shape``, and the keys that have none.

        Raises:
            MisfitError: A value does not fit its column.
        """
        extras: Extras = {}
        whole = iter(_whole(shape, objects))
        columns = [
            next(whole) if field.kind in _WHOLE else self._column(shape, field, objects, extras)
            for field in shape.fields
        ]
        # A key is a value in a column, or a null, or unknown. When the numbers of keys and of values agree there
        # is no unknown key, and no object needs a look.
        if sum(map(len, objects)) != sum(len(column) - column.null_count for column in columns):
            self._collect(shape, objects, extras)
        return [
            moments(column, field.kind, shape.path + field.name) if field.kind in _FORMS else column
            for field, column in zip(shape.fields, columns, strict=True)
        ], extras

    def _column(self, shape: Shape, field: Field, objects: Sequence[Object], extras: Extras) -> pa.Array:
        path = shape.path + field.name
        values = list(_values(objects, field.name))
        types = _types(values, field.kind, path)
        match field.kind:
            case Kind.OBJECT:
                column, found = self._structs(shape.nested[field.name], values, types)
                for position, keys in found.items():
                    extras.setdefault(position, {})[field.name] = keys
            case Kind.LIST:
                column = self._lists(shape.nested[field.name], field.name, values, extras)
            case _:
                column = _numbers(values, SCALARS[field.kind], path)
                if float in types:
                    self._weigh(max(map(abs, pc.min_max(column).as_py().values())), path)
        return column

    def _structs(
        self, shape: Shape, values: Sequence[Any], types: set[type]
    ) -> tuple[pa.StructArray, Extras]:
        mask = _mask(values) if NoneType in types else None
        objects = values if mask is None else [value or {} for value in values]
        columns, extras = self.columns(shape, objects)
        return pa.StructArray.from_arrays(columns, fields=list(shape.struct), mask=mask), extras

    def _lists(self, shape: Shape, name: str, values: Sequence[Any], extras: Extras) -> pa.ListArray:
        lists = [value or () for value in values]
        offsets = [0, *accumulate(map(len, lists))]
        items = list(chain.from_iterable(lists))
        types = _types(items, Kind.OBJECT, shape.path.rstrip("."))
        structs, found = self._structs(shape, items, types)
        for position, keys in found.items():
            owner = bisect_right(offsets, position) - 1
            extras.setdefault(owner, {}).setdefault(name, {})[str(position - offsets[owner])] = keys
        return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), structs, mask=_mask(values))

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
    misfit = MisfitError(f"{path}: a text that is not {_FORMS[kind]}")
    lengths = set(pc.min_max(pc.binary_length(texts)).as_py().values())
    if 0 in lengths:
        texts = pc.if_else(pc.equal(texts, ""), pa.scalar(None, pa.string()), texts)
        lengths = set(pc.min_max(pc.binary_length(texts)).as_py().values())
    if lengths == {None}:
        return pa.nulls(len(texts), SCALARS[kind])
    if lengths != {len(_FORMS[kind])}:
        raise misfit
    # Of this length the casts below take two forms too many: "T" between day and time, and the year 0, for which
    # Python has no date. All texts being equally long, both show at a stride of the buffer.
    data = texts.buffers()[2].to_pybytes()
    if b"0000-" in data or (kind is Kind.INSTANT and data[10 :: len(_FORMS[kind])].strip(b" ")):
        raise misfit
    try:
        # Without a zone first: with one, a cast would take "2024-05-29 15:05+01", just as long.
        return (texts.cast(pa.timestamp("s")) if kind is Kind.INSTANT else texts).cast(SCALARS[kind])
    except pa.ArrowInvalid:
        raise misfit from None


def _whole(shape: Shape, objects: Sequence[Object]) -> list[pa.Array]:
    fields = [field for field in shape.fields if field.kind in _WHOLE]
    try:
        structs = pa.array(objects, pa.struct([(field.name, _WHOLE[field.kind]) for field in fields]))
    except (pa.ArrowInvalid, pa.ArrowTypeError):  # whose text has the value, but not the field
        found = ((field, set(map(type, _values(objects, field.name)))) for field in fields)
        reasons = [_reason(types, field.kind, shape.path + field.name) for field, types in found]
        raise MisfitError("; ".join(filter(None, reasons))) from None
    return list(structs.flatten())


def _numbers(values: Sequence[Any], arrow_type: pa.DataType, path: str) -> pa.Array:
    try:
        return pa.array(values, arrow_type)
    except (pa.ArrowInvalid, OverflowError):
        raise MisfitError(f"{path}: an integer beyond what {arrow_type} holds exactly") from None


def _values(objects: Iterable[Object], name: str) -> Iterable[Any]:
    return map(dict.get, objects, repeat(name))


def _mask(values: Iterable[object]) -> pa.Array:
    return pa.array([value is None for value in values], pa.bool_())


def _types(values: Iterable[object], kind: Kind, path: str) -> set[type]:
    types = set(map(type, values))
    if not types <= _TYPES[kind]:
        raise MisfitError(_reason(types, kind, path))
    return types


def _reason(types: set[type], kind: Kind, path: str) -> str:
    strange = sorted(_SPOKEN[one] for one in types - _TYPES[kind])
    return f"{path}: {' and '.join(strange)} where {kind.name} is documented" if strange else ""
