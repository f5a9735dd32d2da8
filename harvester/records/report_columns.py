"""What the columns of a report are: which field each holds, and how its cells are written as JSON.

The vendor publishes no list of them. So a column is known by its name, and what is not known is kept as text.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import orjson

from harvester.datasets import Dataset, Field, Kind
from harvester.errors import ReportUnusableError
from harvester.secret import printable

Render = Callable[[str], bytes]

_NAME = re.compile(r"\s*(.*?)\s*(?:\(([^()]*)\)\s*)?", re.DOTALL)
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]*)")
_DECIMAL = re.compile(r"(-?(?:0|[1-9][0-9]*))(?:([.,])([0-9]+))?([eE][+-]?[0-9]+)?")
_TRUTHS = {"yes": b"true", "true": b"true", "1": b"true", "no": b"false", "false": b"false", "0": b"false"}


class MalformedReportError(Exception):
    """The file is not a CSV of this dataset; the text is one clause."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column: where its cell stands in a line, and what is written before and for it."""

    index: int
    head: bytes
    render: Render


@dataclass(frozen=True, slots=True)
class Level:
    """The columns of one object: its own, and those of the objects in it."""

    own: list[Column] = field(default_factory=list)
    nested: dict[str, list[Column]] = field(default_factory=dict)

    @property
    def indexes(self) -> list[int]:
        """Where its cells stand in a line."""
        return [column.index for columns in (self.own, *self.nested.values()) for column in columns]

    def json(self, cells: Sequence[str]) -> bytes:
        """The object that a line says; an empty cell says nothing."""
        parts = _members(self.own, cells)
        for name, columns in self.nested.items():
            if members := _members(columns, cells):
                parts.append(orjson.dumps(name) + b":{" + b",".join(members) + b"}")
        return b"{" + b",".join(parts) + b"}"


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a report.

    Attributes:
        record: Those of the record.
        line: Those of the element that a line is about; empty if lines are records.
        key: Where the record's key stands.
        account: Where it stands whose the record is; ``None`` if nowhere.
        line_key: Where that stands by which the elements of a record are told apart; ``None`` if nowhere.
        names: Their names as they came.
        lacking: Fields that a page brings and the report does not.
        zones: Time zones that the columns name.
    """

    record: Level
    line: Level
    key: int
    account: int | None
    line_key: int | None
    names: tuple[str, ...]
    lacking: tuple[str, ...]
    zones: frozenset[str]

    @property
    def width(self) -> int:
        """How many there are."""
        return len(self.names)


def columns_of(dataset: Dataset, header: Sequence[str]) -> Columns:
    """Find out what the columns are.

    Raises:
        ReportUnusableError: There is none for the key, or for the time.
    """
    record, line = Level(), Level()
    places: dict[str, int] = {}
    zones: set[str] = set()
    lines = dataset.report.lines if dataset.report else None
    # An unknown column must not take the place of a field.
    names = {item.name for item in dataset.fields}
    line_names = {nested.name for item in dataset.fields if item.name == lines for nested in item.fields}
    marks = Marks()
    for index, said in enumerate(header):
        name, zone = _split(said)
        path, kind = _place(dataset, name)
        if path in places:
            path, kind = "", Kind.TEXT
        within = path.startswith(f"{lines}[].") or (not path and _is_of_line(dataset, name))
        level = line if within else record
        if path:
            places[path] = index
            _put(level, path.rpartition("[].")[2], Column(index, b"", _renderer(kind, marks)))
            zones |= {zone} if zone and kind is Kind.INSTANT else set()
        else:
            name = _unused(said.strip() or "?", line_names if within else names)
            level.own.append(Column(index, _head(name), orjson.dumps))
    for needed in (dataset.key, dataset.time_field):
        if needed not in places:
            known = printable(", ".join(header))[:300]
            raise ReportUnusableError(f"a report of {dataset.name} has no column for {needed}, only {known}")
    lacking = tuple(path for path in _expected(dataset, with_lines=bool(line.own)) if path not in places)
    line_key = places.get(f"{lines}[].{dataset.report.line_key}") if dataset.report else None
    key, account = places[dataset.key], places.get(dataset.account)
    return Columns(record, line, key, account, line_key, tuple(header), lacking, frozenset(zones))


class Marks:
    """The decimal mark of a report: the first one seen. The other then is none, for it may group digits."""

    def __init__(self) -> None:
        self._mark: str | None = None

    def decimal(self, cell: str) -> bytes:
        """A number as JSON; what is none is written as a text, and does not fit."""
        found = _DECIMAL.fullmatch(cell)
        if found is None:
            return orjson.dumps(cell)
        whole, mark, digits, exponent = found.groups(default="")
        if mark:
            self._mark = self._mark or mark
            if mark != self._mark:
                return orjson.dumps(cell)
            whole = f"{whole}.{digits}"
        return f"{whole}{exponent}".encode()


def _renderer(kind: Kind, marks: Marks) -> Render:
    match kind:
        case Kind.INTEGER | Kind.DIGITS:
            return lambda cell: cell.encode() if _INTEGER.fullmatch(cell) else orjson.dumps(cell)
        case Kind.NUMBER:
            return marks.decimal
        case Kind.BOOLEAN:
            return lambda cell: _TRUTHS.get(cell.lower()) or orjson.dumps(cell)
        case Kind.JSON:
            return _json
        case _:
            return orjson.dumps


def _json(cell: str) -> bytes:
    try:
        orjson.loads(cell)
    except orjson.JSONDecodeError:
        return orjson.dumps(cell)
    return cell.encode()


def _split(said: str) -> tuple[str, str | None]:
    """A column's name, and the time zone in brackets behind it."""
    found = _NAME.fullmatch(said)
    assert found is not None  # noqa: S101  (it matches any text)
    return re.sub(r"\s+", "_", found[1]).lower(), found[2]


def _place(dataset: Dataset, name: str) -> tuple[str, Kind]:
    """The path of the field that a column of this name holds, as in ``calls[].end_reason.code``; or none."""
    fields = _paths(dataset)
    return next(((path, fields[path]) for path in _guesses(dataset, name) if path in fields), ("", Kind.TEXT))


def _guesses(dataset: Dataset, name: str) -> Iterator[str]:
    report = dataset.report
    if report is None:
        return
    if name in report.columns:
        yield report.columns[name]
    if report.lines is not None:
        inside = f"{report.lines}[]."
        if name in report.line_columns:
            yield inside + report.line_columns[name]
        if name.startswith(report.line_prefix):
            yield inside + name.removeprefix(report.line_prefix)
    if report.prefix and name.startswith(report.prefix):
        yield name.removeprefix(report.prefix)
    yield name


def _is_of_line(dataset: Dataset, name: str) -> bool:
    report = dataset.report
    return report is not None and report.lines is not None and name.startswith(report.line_prefix)


def _paths(dataset: Dataset) -> Mapping[str, Kind]:
    lines = dataset.report.lines if dataset.report else None
    return dict(_flat(dataset.fields, "", lines))


def _flat(fields: Iterable[Field], path: str, lines: str | None) -> Iterator[tuple[str, Kind]]:
    for item in fields:
        if item.kind is Kind.OBJECT:
            yield from _flat(item.fields, f"{path}{item.name}.", None)
        elif item.kind is not Kind.LIST:
            yield path + item.name, item.kind
        elif item.name == lines:
            yield from _flat(item.fields, f"{path}{item.name}[].", None)


def _expected(dataset: Dataset, *, with_lines: bool) -> Iterator[str]:
    sometimes = dataset.report.sometimes if dataset.report else ()
    for path in _paths(dataset):
        if path.rpartition(".")[2] not in sometimes and (with_lines or "[]" not in path):
            yield path


def _put(level: Level, path: str, column: Column) -> None:
    parent, _, name = path.rpartition(".")
    columns = level.nested.setdefault(parent, []) if parent else level.own
    columns.append(Column(column.index, _head(name), column.render))


def _head(name: str) -> bytes:
    return orjson.dumps(name) + b":"


def _unused(name: str, names: set[str]) -> str:
    number = 1
    while (unused := name if number == 1 else f"{name} ({number})") in names:
        number += 1
    names.add(unused)
    return unused


def _members(columns: Iterable[Column], cells: Sequence[str]) -> list[bytes]:
    return [column.head + column.render(cells[column.index]) for column in columns if cells[column.index]]
