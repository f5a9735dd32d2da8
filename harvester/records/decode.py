"""Records as parsed from an answer to one Arrow batch, with what does not fit set aside.

Fast path: all records of a page together. When something on the page does not fit, slow path: halves of
halves, by the very same conversion, down to the single records that do not fit alone. So whether a record
fits never depends on the others on its page, and a few misfits cost a few page conversions.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import pyarrow as pa

from harvester.datasets import Dataset, Kind
from harvester.records.columns import Conversion, Extras
from harvester.records.moments import MisfitError, moments
from harvester.records.redaction import Redaction
from harvester.records.salvage import Damaged, may_round, member, rounds, slices
from harvester.records.schema import EXTRA, arrow_schema, shape_of


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A record that does not fit the schema.

    Attributes:
        raw: Its bytes as received, without the white space around them.
        reason: Which field, and what is wrong with it; never the value itself.
        second: The Unix second of its time field, if that can be read.
        key: Its key, if that can be read.
    """

    raw: bytes
    reason: str
    second: int | None
    key: int | None


@dataclass(frozen=True, slots=True)
class Decoded:
    """A page's records: each is a row or in quarantine.

    Attributes:
        batch: Rows in the order received, under the dataset's Arrow schema.
        quarantined: The others, in the order received.
        unknown: How many objects had a key that the schema does not know, by path (``calls[].new_key``).
    """

    batch: pa.RecordBatch
    quarantined: tuple[Quarantined, ...]
    unknown: Mapping[str, int]


class Decoder:
    """Decodes the records of one dataset.

    A key that is absent or ``null`` is null, and so is a moment that is ``""``; a ``null`` element of a list
    stays one. Of a key that comes twice in an object the last value counts, as in orjson.

    Unknown keys become ``extra``, the JSON text of one object: the record's own directly; those of a nested
    object under its key; those of a list's element under the list's key and the element's index, as in
    ``{"new": 1, "calls": {"0": {"new": true, "end_reason": {"new": []}}}}``. Nothing is ambiguous: under a
    known key there is never anything else.

    A decimal that a float would round goes to quarantine, and one that vanishes below 1e-308 too. Beyond
    2**53 a number fits columns of integers only.
    """

    def __init__(self, dataset: Dataset, redaction: Redaction | None = None) -> None:
        """Build for ``dataset``; rows, ``extra`` and names of unknown keys go through ``redaction``."""
        self._redaction = redaction
        self._shape = shape_of(dataset.fields)
        self._schema = arrow_schema(dataset)
        self._key = dataset.key
        self._time = dataset.time_field

    def decode(self, records: Sequence[object], text: bytes) -> Decoded:
        """Decode a page.

        Args:
            records: The elements of the answer's ``result`` as orjson, or else ``salvage.split``, gives them.
            text: The answer they are from.

        Raises:
            ValueError: They are not from this answer.
        """
        try:
            return self._together(records, text)
        except MisfitError:
            return self._apart(records, text)

    def _together(self, records: Sequence[object], text: bytes) -> Decoded:
        conversion = Conversion(self._redaction)
        columns, extras = conversion.columns(self._shape, _objects(records))
        if (conversion.doubtful or may_round(text)) and rounds(text):
            raise MisfitError("a decimal with more digits than a float holds")
        extra = self._texts(extras, len(records)) if extras else pa.nulls(len(records), EXTRA.type)
        batch = pa.RecordBatch.from_arrays([*columns, extra], schema=self._schema)
        for name in (self._key, self._time):
            if batch[name].null_count:
                raise MisfitError(f"{name}: missing")
        return Decoded(batch, (), self._names(conversion.unknown))

    def _apart(self, records: Sequence[object], text: bytes) -> Decoded:
        raws = slices(text)
        if raws is None or len(raws) != len(records):
            raise ValueError("the records are not those of the text")
        reasons = self._reasons(records, raws)
        # Without a text: each of these has proven on its own that none of its decimals is rounded.
        fitting = self._together([record for row, record in enumerate(records) if row not in reasons], b"")
        quarantined = tuple(self._quarantined(raws[row], reasons[row]) for row in sorted(reasons))
        return Decoded(fitting.batch, quarantined, fitting.unknown)

    def _reasons(self, records: Sequence[object], raws: Sequence[bytes]) -> dict[int, str]:
        """Why the records that do not fit do not, by position."""
        reasons: dict[int, str] = {}
        spans = [(0, len(records))]
        while spans:
            start, stop = spans.pop()
            try:
                self._together(records[start:stop], b",".join(raws[start:stop]))
            except MisfitError as misfit:
                middle = (start + stop) // 2
                if middle == start:
                    reasons[start] = str(misfit)
                else:
                    spans += [(start, middle), (middle, stop)]
        return reasons

    def _texts(self, extras: Extras, rows: int) -> pa.Array:
        texts = [orjson.dumps(extras[row]) if row in extras else None for row in range(rows)]
        if self._redaction is not None:
            texts = [text and self._redaction.text(text) for text in texts]
        return pa.array(texts, EXTRA.type)

    def _names(self, unknown: Counter[str]) -> Mapping[str, int]:
        if self._redaction is None:
            return unknown
        names: Counter[str] = Counter()
        for path, times in unknown.items():
            names[self._redaction.path(path)] += times
        return names

    def _quarantined(self, raw: bytes, reason: str) -> Quarantined:
        key, time = _value(raw, self._key), _value(raw, self._time)
        return Quarantined(raw, reason, second=_second(time), key=_integer(key))


def _objects(records: Sequence[Any]) -> Sequence[dict[str, object]]:
    if not set(map(type, records)) <= {dict}:
        strange = next(record for record in records if not isinstance(record, dict))
        raise MisfitError(strange.reason if isinstance(strange, Damaged) else "not an object")
    return records


def _value(raw: bytes, name: str) -> object:
    span = member(raw, name)
    try:
        return orjson.loads(raw[span]) if span else None
    except orjson.JSONDecodeError:
        return None


def _integer(key: object) -> int | None:
    if isinstance(key, bool) or not isinstance(key, int):
        return None
    return key if -(2**63) <= key < 2**63 else None


def _second(time: object) -> int | None:
    if not isinstance(time, str):
        return None
    try:
        moment = moments(pa.array([time], pa.string()), Kind.INSTANT, "")
    except MisfitError:
        return None
    second: int | None = moment.cast(pa.int64())[0].as_py()
    return second
