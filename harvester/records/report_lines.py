"""From the CSV of a report to the records that pages would have brought, by the same decoder.

A line is written as JSON first: what fits a column, what is unknown and what is set aside is then decided by
the code that decides it for pages. Lines of one record need not stand together.
"""

import codecs
import csv
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice, zip_longest
from operator import itemgetter

import orjson

from harvester.datasets import Dataset
from harvester.records.decode import Decoded, Decoder
from harvester.records.redaction import Redaction
from harvester.records.report_columns import Columns, MalformedReportError, columns_of
from harvester.records.salvage import Damaged

_CHUNK = 1_000  # records decoded together, as many as a page has
_LONGEST_LINE = 16 << 20  # characters
_SEPARATOR = ";"
_BEYOND = "beyond the header"
_CONTRADICTION = "its lines contradict each other"

Row = list[str]
Raw = bytes | Damaged
Name = Callable[[Row], object]


class ScatteredLinesError(Exception):
    """Lines of one record stand apart."""


class ReportDecoder:
    """Decodes one report; it may be gone through several times.

    Attributes:
        columns: What its columns are, once it was begun.
        lines: How many lines were read so far.
    """

    def __init__(self, dataset: Dataset, redaction: Redaction | None = None, *, apart: bool = False) -> None:
        """Decode for ``dataset``; rows go through ``redaction``.

        Accounts that are kept ``apart`` may have records of the same key, which are not the same then.
        """
        self.columns: Columns | None = None
        self.lines = 0
        self._dataset = dataset
        self._apart = apart
        self._decoder = Decoder(dataset, redaction)

    def decode(self, pieces: Iterable[bytes], *, scattered: bool = False) -> Iterator[Decoded]:
        """Decode a file, some records at a time.

        Args:
            pieces: The plain bytes of the file, in order.
            scattered: Whether lines of one record may stand apart: all are gathered first then.

        Raises:
            ScatteredLinesError: They do, though not ``scattered``: begin anew.
            MalformedReportError: It is no CSV.
            ReportUnusableError: It has no column for the key, or for the time.
        """
        rows = _rows(pieces)
        self.lines = 0
        header = next(rows, None)
        if header is None:  # a report without records may be without a header; the counts will tell
            return
        columns = self.columns = columns_of(self._dataset, header)
        records = self._records(columns, rows, scattered=scattered)
        while chunk := list(islice(records, _CHUNK)):
            yield self._decoded(chunk)

    def _records(self, columns: Columns, rows: Iterator[Row], *, scattered: bool) -> Iterator[Raw]:
        if not columns.line.indexes:
            for row in self._counted(rows):
                yield _record(columns, [row]) if len(row) == columns.width else _misfit(columns, row)
            return
        groups = _gathered if scattered else _adjacent
        whose = (columns.account,) if self._apart and columns.account is not None else ()
        for group in groups(columns, self._counted(rows), itemgetter(*whose, columns.key)):
            whole = len(group[0]) == columns.width
            yield self._session(columns, group) if whole else _misfit(columns, group[0])

    def _counted(self, rows: Iterator[Row]) -> Iterator[Row]:
        for row in rows:
            self.lines += 1
            yield row

    def _session(self, columns: Columns, group: Sequence[Row]) -> Raw:
        """A record whose lines are elements of its list."""
        lines = self._dataset.report.lines if self._dataset.report else None
        record = _record(columns, group)
        if isinstance(record, Damaged) or lines is None:
            return record
        try:
            elements, agree = _elements(columns, group)
        except TypeError:  # orjson's, for text that is no UTF-8
            return _undecodable(columns, group)
        comma = b"" if record == b"{}" else b","
        whole = record[:-1] + comma + orjson.dumps(lines) + b":[" + b",".join(elements) + b"]}"
        return whole if agree else Damaged(whole, _CONTRADICTION)

    def _decoded(self, chunk: Sequence[Raw]) -> Decoded:
        raws = [item.raw if isinstance(item, Damaged) else item for item in chunk]
        records: list[object] = [item if isinstance(item, Damaged) else _parsed(item) for item in chunk]
        return self._decoder.decode(records, b'{"result":[' + b",".join(raws) + b"]}")


def _record(columns: Columns, group: Sequence[Row]) -> Raw:
    """The record that lines say, all of them the same."""
    first = group[0]
    try:
        record = columns.record.json(first)
    except TypeError:  # orjson's, for text that is no UTF-8
        return _undecodable(columns, group)
    indexes = columns.record.indexes
    if any(row[index] != first[index] for row in group[1:] for index in indexes):
        return Damaged(record, _CONTRADICTION)
    return record


def _elements(columns: Columns, group: Sequence[Row]) -> tuple[list[bytes], bool]:
    """What the lines of a record are about, each once, and whether no two speak differently of the same."""
    elements: list[bytes] = []
    known: dict[str, bytes] = {}
    agree = True
    for row in group:
        element = columns.line.json(row)
        # Without a key, lines that are alike may well be two: of calls that failed alike.
        key = "" if columns.line_key is None else row[columns.line_key]
        if element == b"{}" or known.get(key) == element:
            continue
        agree = agree and key not in known
        if key:
            known[key] = element
        elements.append(element)
    return elements, agree


def _parsed(raw: bytes) -> object:
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        return Damaged(raw, str(error))


def _misfit(columns: Columns, row: Row) -> Damaged:
    return Damaged(_ascii(columns, row), f"a line of {len(row)} cells under a header of {columns.width}")


def _undecodable(columns: Columns, group: Sequence[Row]) -> Damaged:
    return Damaged(b"[" + b",".join(_ascii(columns, row) for row in group) + b"]", "not UTF-8")


def _ascii(columns: Columns, row: Row) -> bytes:
    """A line as an object, by the columns' names; by these it is told what is to be hidden."""
    named = zip_longest(columns.names, row, fillvalue=None)
    # Not orjson: it refuses what is no UTF-8. Not a dict: names may come twice.
    members = (f"{json.dumps(name or _BEYOND)}: {json.dumps(cell)}" for name, cell in named)
    return f"{{{', '.join(members)}}}".encode()


def _adjacent(columns: Columns, rows: Iterable[Row], name: Name) -> Iterator[list[Row]]:
    """Lines of one record that follow each other; those of another width stand alone."""
    seen: set[object] = set()
    group: list[Row] = []
    for row in rows:
        if len(row) != columns.width:
            yield [row]
            continue
        record = name(row)
        if group and name(group[0]) == record:
            group.append(row)
            continue
        if record in seen:
            raise ScatteredLinesError
        seen.add(record)
        if group:
            yield group
        group = [row]
    if group:
        yield group


def _gathered(columns: Columns, rows: Iterable[Row], name: Name) -> Iterator[list[Row]]:
    groups: dict[object, list[Row]] = {}
    for row in rows:
        if len(row) != columns.width:
            yield [row]
        else:
            groups.setdefault(name(row), []).append(row)
    yield from groups.values()


def _rows(pieces: Iterable[bytes]) -> Iterator[Row]:
    csv.field_size_limit(_LONGEST_LINE)  # of the process; it has no other use of csv
    try:
        for row in csv.reader(_text_lines(pieces), delimiter=_SEPARATOR, strict=True):
            if row:
                yield row
    except csv.Error as error:
        raise MalformedReportError(f"it is no CSV: {error}") from None


def _text_lines(pieces: Iterable[bytes]) -> Iterator[str]:
    """Lines with their ends; broken bytes become surrogates, so that their record alone is set aside."""
    decoder = codecs.getincrementaldecoder("utf-8-sig")("surrogateescape")
    rest = ""
    for piece in pieces:
        *whole, rest = (rest + decoder.decode(piece)).split("\n")
        if len(rest) > _LONGEST_LINE:
            raise MalformedReportError("a line has no end")
        yield from (f"{line}\n" for line in whole)
    rest += decoder.decode(b"", final=True)
    if rest:
        yield rest
