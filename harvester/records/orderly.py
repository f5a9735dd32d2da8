"""The quick way from JSON to Arrow, for answers in which all is as documented: one call to Arrow's parser.

It makes no Python object of any record: half the processor time of parsing and decoding one after the other,
and nothing for the collector to look at. It accepts less than those do, and never anything else: what it is
not sure of is left to them, and they decide from the bytes anew.
"""

from dataclasses import dataclass
from math import inf, isfinite

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj

from harvester.datasets import Dataset, Field, Kind
from harvester.records.columns import DIGITS, EXACT, SHORT, finished
from harvester.records.moments import FORMS, MisfitError
from harvester.records.redaction import Redaction
from harvester.records.salvage import may_round, rounds
from harvester.records.schema import EXTRA, SCALARS, Shape, arrow_schema, shape_of


@dataclass(frozen=True, slots=True)
class Orderly:
    """An answer that holds nothing but what is documented.

    Attributes:
        batch: Its records in the order received, under the dataset's Arrow schema.
        total: Its ``total_count``; ``None`` if there is none.
        timezone: Its ``timezone``; ``None`` if there is none.
    """

    batch: pa.RecordBatch
    total: int | None
    timezone: str | None


class OrderlyReader:
    """Reads the orderly answers of one dataset."""

    def __init__(self, dataset: Dataset, redaction: Redaction | None = None) -> None:
        """Build for ``dataset``; rows go through ``redaction``."""
        self._shape = shape_of(dataset.fields)
        self._schema = arrow_schema(dataset)
        self._redaction = redaction
        self._required = (dataset.key, dataset.time_field)
        envelope = [
            ("result", pa.list_(_spelled(self._shape))),
            ("count", pa.int64()),
            ("total_count", pa.int64()),
            ("timezone", pa.string()),
        ]
        # An unknown key, a key that comes twice and a value of another kind end the parsing where they stand.
        self._parsing = pj.ParseOptions(
            explicit_schema=pa.schema(envelope), unexpected_field_behavior="error"
        )
        self._possible = not _holds_any_value(dataset.fields)

    def read(self, text: bytes) -> Orderly | None:
        """What the JSON text of an answer says; ``None`` if that is for others to find out."""
        if not self._possible or text[:1] != b"{" or not _is_unicode(text):
            return None
        reading = pj.ReadOptions(use_threads=False, block_size=len(text) + 1)
        try:
            # Not read_json: that hands even a few bytes to two threads, which costs more than to parse them.
            parsed = pj.open_json(pa.BufferReader(text), read_options=reading, parse_options=self._parsing)
            return self._orderly(parsed.read_all(), text)
        except (pa.ArrowInvalid, MisfitError):
            return None

    def _orderly(self, table: pa.Table, text: bytes) -> Orderly | None:
        if table.num_rows != 1:  # of several documents each would be a row
            return None
        result, count, total, timezone = (column.chunk(0) for column in table.columns)
        records, total = result.values, total[0].as_py()
        if result.null_count or records.null_count or count[0].as_py() not in {None, len(records)}:
            return None
        if total is not None and total < 0:
            return None
        numbers = _Numbers()
        columns = [
            self._column(self._shape, field, column, numbers)
            for field, column in zip(self._shape.fields, records.flatten(), strict=True)
        ]
        if (numbers.doubtful or may_round(text)) and rounds(text):
            return None
        batch = pa.RecordBatch.from_arrays(
            [*columns, pa.nulls(len(records), EXTRA.type)], schema=self._schema
        )
        if any(batch[name].null_count for name in self._required):
            return None
        return Orderly(batch, total, timezone[0].as_py())

    def _column(self, shape: Shape, field: Field, column: pa.Array, numbers: "_Numbers") -> pa.Array:
        if field.kind is Kind.OBJECT:
            return self._structs(shape.nested[field.name], column, numbers)
        if field.kind is Kind.LIST:
            items = self._structs(shape.nested[field.name], column.values, numbers)
            return _like(column, pa.list_(items.type), [items])
        if field.kind is Kind.NUMBER:
            numbers.weigh(column)
        if field.kind is Kind.DIGITS:
            return _integers(column)
        return finished(column, field, shape.path + field.name, self._redaction)

    def _structs(self, shape: Shape, column: pa.StructArray, numbers: "_Numbers") -> pa.StructArray:
        children = [
            self._column(shape, field, column.field(place), numbers)
            for place, field in enumerate(shape.fields)
        ]
        return _like(column, shape.struct, children)


class _Numbers:
    """What is to be said of the decimals of an answer."""

    def __init__(self) -> None:
        self.doubtful = False

    def weigh(self, column: pa.Array) -> None:
        """Look at one column of them.

        Raises:
            MisfitError: A number is none, is beyond what a float holds exactly, or is zero with a sign, which
                is an integer or a decimal by how it was written.
        """
        least, most = pc.min_max(column).as_py().values()
        if least is None:
            return
        magnitude = max(abs(least), abs(most))
        # 2**53 may have been 2**53 + 1. Arrow takes ``NaN`` and ``Infinity``, and a sum does not hide them.
        if magnitude >= EXACT or not isfinite(pc.sum(column).as_py()):
            raise MisfitError("a number that a float does not hold")
        if least <= 0 <= most and pc.min(pc.divide(1.0, column)).as_py() == -inf:
            raise MisfitError("a zero with a sign")
        self.doubtful = self.doubtful or magnitude >= SHORT


def _integers(texts: pa.Array) -> pa.Array:
    if not pc.all(pc.match_substring_regex(texts, rf"\A(?:{DIGITS})\z"), min_count=0).as_py():
        raise MisfitError("a text that is not the digits of an integer")
    return texts.cast(SCALARS[Kind.DIGITS])


def _like(column: pa.Array, kind: pa.DataType, children: list[pa.Array]) -> pa.Array:
    """A list or struct array with other children, the nulls and offsets left as they are."""
    buffers = column.buffers()[: 2 if pa.types.is_list(kind) else 1]
    return pa.Array.from_buffers(kind, len(column), buffers, column.null_count, column.offset, children)


def _spelled(shape: Shape) -> pa.StructType:
    """The type of objects with moments, and integers sent as text, as the texts they come as."""
    types: list[tuple[str, pa.DataType]] = []
    for field in shape.fields:
        if field.kind in {Kind.OBJECT, Kind.LIST}:
            struct = _spelled(shape.nested[field.name])
            types.append((field.name, pa.list_(struct) if field.kind is Kind.LIST else struct))
        else:
            text = field.kind in FORMS or field.kind is Kind.DIGITS
            types.append((field.name, pa.string() if text else SCALARS[field.kind]))
    return pa.struct(types)


def _holds_any_value(fields: tuple[Field, ...]) -> bool:
    """Whether a field's value may be of any kind: Arrow's parser wants to know which."""
    return any(field.kind is Kind.JSON or _holds_any_value(field.fields) for field in fields)


def _is_unicode(text: bytes) -> bool:
    """Whether it is UTF-8; Arrow's parser does not look."""
    if text.isascii():
        return True
    bounds = pa.array([0, len(text)], pa.int32()).buffers()[1]
    # As one value of a column: no copy is made, and a fifth of the time that decoding it takes.
    column = pa.Array.from_buffers(pa.string(), 1, [None, bounds, pa.py_buffer(text)])
    try:
        column.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True
