"""What the API answers about reports: an order, the list of them, a file. Pure."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

import orjson

from harvester.api.envelope import Answer, answer_of, envelope_of, unpack
from harvester.api.protocol import judged, parse
from harvester.api.reply import Reply
from harvester.errors import MalformedAnswerError, UnavailableError

PENDING = 356
FAILED = 357
GONE = (355, 557)
_SAME_OPERATION = 515
_LONGEST = 1 << 20  # bytes of an answer that is an error


class OrderedAlreadyError(Exception):
    """Code 515: the same was ordered a moment ago. Never leaves the report source."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A report as the list shows it.

    Attributes:
        id: Its number.
        history_type: Its kind.
        is_completed: Whether the list says when it was completed.
        error: Why it failed, if the list says so.
        filters: What it was ordered with, as far as the list says.
        records: How many it holds, if the list says so.
        total: How many there are in all, likewise.
        zone: The zone of its times, likewise.
        store_until: Until when it is kept, likewise.
    """

    id: int
    history_type: str
    is_completed: bool
    error: str | None
    filters: Mapping[str, object]
    records: int | None
    total: int | None
    zone: str | None
    store_until: str | None

    def is_of(self, history_type: str, parameters: Mapping[str, str]) -> bool:
        """Whether it was ordered with these parameters, as far as the list says; the range it must say."""
        filters = self.filters
        if self.history_type != history_type or not {"from_date", "to_date"} <= filters.keys():
            return False
        return all(
            _as_sent(filters[name]) == sent.lower() for name, sent in parameters.items() if name in filters
        )


def order_of(reply: Reply, server_now: float) -> tuple[Answer, int]:
    """The answer to an order, and the number of the report.

    Raises:
        OrderedAlreadyError: The same was ordered a moment ago.
        HarvestError: The error that the reply is.
    """
    if _code(reply) == _SAME_OPERATION:
        raise OrderedAlreadyError
    return judged(reply, server_now, _order)


def number_of(answer: Answer) -> int:
    """The number in the answer to an order.

    Raises:
        UnavailableError: There is no number.
        HarvestError: The error that the answer holds.
    """
    number = envelope_of(answer).get("history_report_id")
    if type(number) is not int:
        # Not worth another try: that might be another order.
        raise UnavailableError("the answer to the order of a report names none")
    return number


def list_of(reply: Reply, server_now: float) -> tuple[Answer, list[Listed]]:
    """The answer of a list, and its reports.

    Raises:
        HarvestError: The error that the reply is.
    """
    return judged(reply, server_now, _list)


def reports_in(answer: Answer) -> list[Listed]:
    """The reports in the answer of a list.

    Raises:
        HarvestError: The error that the answer holds.
    """
    return [_listed(record) for record in parse(answer).records if isinstance(record, dict)]


def file_of(reply: Reply, server_now: float) -> None:
    """Accept a reply whose body was a file, taken elsewhere.

    Raises:
        RequestError: Codes 355 to 357 and 557, among others.
        HarvestError: The error that the reply is.
    """
    judged(reply, server_now, _file)


def _order(reply: Reply) -> tuple[Answer, int]:
    answer = answer_of(reply)
    return answer, number_of(answer)


def _list(reply: Reply) -> tuple[Answer, list[Listed]]:
    answer = answer_of(reply)
    return answer, reports_in(answer)


def _listed(record: Mapping[str, object]) -> Listed:
    number, error = record.get("history_report_id"), record.get("error")
    if type(number) is not int:
        raise MalformedAnswerError("the list names a report without a number")
    filters, figures = _mapping(record.get("filters")), _mapping(record.get("calculated_data"))
    counts = {
        name: value for name, value in figures.items() if type(value) is int and name.endswith("_count")
    }
    held = [value for name, value in counts.items() if not name.startswith("total_")]
    totals = [value for name, value in counts.items() if name.startswith("total_")]
    zone, until = figures.get("timezone"), record.get("store_until")
    return Listed(
        id=number,
        history_type=str(record.get("history_type")),
        is_completed=bool(record.get("completed")),
        error=str(error) if error else None,
        filters=filters,
        records=held[0] if len(held) == 1 else None,
        total=totals[0] if len(totals) == 1 else None,
        zone=zone if isinstance(zone, str) else None,
        store_until=until if isinstance(until, str) else None,
    )


def _file(reply: Reply) -> None:
    if not reply.is_file:
        envelope_of(answer_of(reply))
        raise MalformedAnswerError("the answer is no file")


def _code(reply: Reply) -> int | None:
    """The code of the error that a reply holds, whatever it means elsewhere."""
    with suppress(MalformedAnswerError, orjson.JSONDecodeError):
        match orjson.loads(unpack(answer_of(reply), _LONGEST)):
            case {"error": {"code": int(code)}} | {"errors": [{"code": int(code)}, *_]}:
                return code
            case _:
                pass
    return None


def _as_sent(value: object) -> str:
    return ";".join(map(str, value)).lower() if isinstance(value, list) else str(value).lower()


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}
