"""Records as the CSV of a report: a line for each record, or for each call of a session."""

import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial

import orjson

from harvester.datasets import CALLS, Dataset, Field, Kind
from harvester.emulator.behaviour import ReportBehaviour

Record = Mapping[str, object]
Column = tuple[str, Callable[[Record, Record], object]]
_NOTHING: Record = {}
_OF_SESSION = {"call_session_history_id": "session_id"}
_LISTS = ("calls", "other_resource_usage", "records")


def csv_of(
    dataset: Dataset, records: Sequence[Record], behaviour: ReportBehaviour, seed: int, *, with_header: bool
) -> bytes:
    """The file: columns between ``;``, texts in quotes.

    Args:
        dataset: Says which columns there are.
        records: As a page brings them.
        behaviour: Marks, names and order.
        seed: Of the order, if there is none.
        with_header: Whether the first line names the columns.
    """
    columns = [
        (name, value)
        for name, value in _columns(dataset, behaviour)
        if name.partition(" ")[0] not in behaviour.lacking
    ]
    lines = [
        ";".join(_cell(value(record, line), behaviour.decimal_mark) for _, value in columns)
        for record, line in _lines(dataset, records)
    ]
    if behaviour.order == "none":
        random.Random(seed).shuffle(lines)  # noqa: S311  (an order, not a secret)
    with_header = with_header and (bool(lines) or behaviour.empty == "header")
    head = [";".join(f'"{name}"' for name, _ in columns)] if with_header else []
    text = "".join(f"{line}\r\n" for line in (*head, *lines))
    return (b"\xef\xbb\xbf" if behaviour.bom else b"") + text.encode()


def _lines(dataset: Dataset, records: Iterable[Record]) -> Iterator[tuple[Record, Record]]:
    """Records, each with the part of it that the line is about."""
    for record in records:
        calls = record.get("calls") if dataset.key == CALLS.key else None
        for call in calls if isinstance(calls, list) and calls else [_NOTHING]:
            yield record, call


def _columns(dataset: Dataset, behaviour: ReportBehaviour) -> Iterator[Column]:
    calls = dataset.key == CALLS.key
    for item in dataset.fields:
        if item.name not in _LISTS:
            name = _OF_SESSION.get(item.name, f"session_{item.name}") if calls else item.name
            yield _named(name, item, behaviour), partial(_of_record, item.name)
    if calls:
        nested = next(item.fields for item in dataset.fields if item.name == "calls")
        for item in nested:
            if item.kind is Kind.OBJECT:
                yield "call_end_code", partial(_of_reason, "code")
                yield "call_end_details", partial(_of_reason, "details")
            else:
                name = item.name if item.name == "call_id" else f"call_{item.name}"
                yield _named(name, item, behaviour), partial(_of_line, item.name)
    for name, text in behaviour.further:
        yield name, partial(_constant, text)


def _named(name: str, item: Field, behaviour: ReportBehaviour) -> str:
    return f"{name} (UTC)" if behaviour.zoned and item.kind is Kind.INSTANT else name


def _of_record(name: str, record: Record, _line: Record) -> object:
    return record.get(name)


def _of_line(name: str, _record: Record, line: Record) -> object:
    return line.get(name)


def _of_reason(name: str, _record: Record, line: Record) -> object:
    reason = line.get("end_reason")
    return reason.get(name) if isinstance(reason, dict) else None


def _constant(text: str, _record: Record, _line: Record) -> object:
    return text


def _cell(value: object, mark: str) -> str:
    match value:
        case None:
            return ""
        case bool():
            return '"yes"' if value else '"no"'
        case int():
            return str(value)
        case float():
            return orjson.dumps(value).decode().replace(".", mark)
        case str():
            return '"' + value.replace('"', '""') + '"'
        case _:
            return '"' + orjson.dumps(value).decode().replace('"', '""') + '"'
