"""The parameters of a history method, read as strictly as the vendor's pages describe them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import orjson

from harvester.datasets import Dataset
from harvester.emulator.behaviour import Behaviour
from harvester.emulator.refusals import Code, Refusal
from harvester.emulator.render import DAY, Nested, second_of

USUAL_COUNT = 20  # of most methods
MOST_IDS = 1_000
MONTH = 30 * DAY
_TRUTHS = {"true": True, "1": True, "false": False, "0": False}
_ZONES = frozenset({"Etc/GMT", "UTC"})

Parameters = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Range:
    """The span asked for.

    Attributes:
        start: ``from_date``, Unix seconds.
        end: ``to_date``, Unix seconds, at least ``start``.
        warnings: Why it is not what was asked for, if it is not.
    """

    start: int
    end: int
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Slice:
    """Which part of the answer is wanted, from which end."""

    count: int
    offset: int
    descending: bool
    with_total: bool


def text(parameters: Parameters, name: str) -> str | None:
    """Return the value, or ``None`` when it is missing or empty."""
    return parameters.get(name) or None


def truth(parameters: Parameters, name: str, *, default: bool) -> bool:
    """Read a boolean, in any of the spellings the vendor's clients send.

    Raises:
        Refusal: Code 496.
    """
    value = text(parameters, name)
    if value is None:
        return default
    try:
        return _TRUTHS[value.lower()]
    except KeyError:
        raise _invalid(name) from None


def integer(parameters: Parameters, name: str) -> int | None:
    """Read a whole number of at most 64 bits.

    Raises:
        Refusal: Code 496.
    """
    value = text(parameters, name)
    return None if value is None else _whole(name, value)


def integers(parameters: Parameters, name: str) -> tuple[int, ...]:
    """Read a list of whole numbers joined by ``;``, in any order, each once.

    Raises:
        Refusal: Code 496.
    """
    return tuple(sorted({_whole(name, item) for item in texts(parameters, name)}))


def texts(parameters: Parameters, name: str) -> tuple[str, ...]:
    """Read a list of texts joined by ``;``; empty ones are dropped."""
    return tuple(item for item in parameters.get(name, "").split(";") if item)


def json_texts(parameters: Parameters, name: str) -> tuple[str, ...]:
    """Read a JSON array of texts.

    Raises:
        Refusal: Code 496.
    """
    value = text(parameters, name)
    if value is None:
        return ()
    try:
        items = orjson.loads(value)
    except orjson.JSONDecodeError:
        raise _invalid(name) from None
    if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        raise _invalid(name)
    return tuple(items)


def second(parameters: Parameters, name: str) -> int:
    """Read a moment, ``YYYY-MM-DD HH:MM:SS`` UTC, as Unix seconds.

    Raises:
        Refusal: Codes 111 or 134.
    """
    value = text(parameters, name)
    if value is None:
        raise Refusal(Code.REQUIRED_IS_EMPTY, f"The '{name}' parameter is required.")
    try:
        return second_of(value)
    except ValueError:
        raise Refusal(Code.INVALID_DATE_FORMAT, f"The date format of '{name}' is invalid.") from None


def span(
    parameters: Parameters, behaviour: Behaviour, now: Callable[[], float], *, zoned: bool = True
) -> Range:
    """Read ``from_date``, ``to_date`` and, unless the method takes none, ``timezone``.

    Raises:
        Refusal: Codes 111, 123, 134, 496 or 569.
    """
    if zoned and parameters.get("timezone", "Etc/GMT") not in _ZONES:
        raise _invalid("timezone")
    dates = ("from_date", "to_date")
    if behaviour.missing_dates == "month" and not any(text(parameters, name) for name in dates):
        end = int(now())
        return Range(end - MONTH, end, tuple(f"The {name} parameter is required" for name in dates))
    start, end = second(parameters, "from_date"), second(parameters, "to_date")
    if start > end:
        raise Refusal(Code.INVALID_DATE_RANGE, "The date range is invalid.")
    if behaviour.max_days is not None and end - start > behaviour.max_days * DAY:
        raise Refusal(Code.DATE_RANGE_LIMIT, f"The date range must be within {behaviour.max_days} days.")
    return Range(start, end)


def piece(parameters: Parameters, dataset: Dataset, behaviour: Behaviour) -> Slice:
    """Read ``count``, ``offset``, ``desc_order`` and ``with_total_count``.

    Raises:
        Refusal: Codes 496 or 497.
    """
    count, offset = integer(parameters, "count"), integer(parameters, "offset")
    most = dataset.page_size if behaviour.page_size is None else behaviour.page_size
    furthest = dataset.max_offset if behaviour.max_offset is None else behaviour.max_offset
    usual = min(dataset.usual_count, most)
    unasked = dataset.total_unasked
    return Slice(
        count=_capped("count", usual if count is None else count, 1, most, behaviour),
        offset=_capped("offset", offset or 0, 0, furthest, behaviour),
        descending=dataset.descends and truth(parameters, "desc_order", default=False),
        with_total=truth(parameters, "with_total_count", default=unasked) if dataset.asks_total else unasked,
    )


def nested(parameters: Parameters) -> Nested:
    """Read the switches for the lists inside a session; only the resources are on by themselves.

    Raises:
        Refusal: Code 496.
    """
    return Nested(
        calls=truth(parameters, "with_calls", default=False),
        records=truth(parameters, "with_records", default=False),
        resources=truth(parameters, "with_other_resources", default=True),
    )


def session_ids(parameters: Parameters) -> tuple[int, ...]:
    """Read ``call_session_history_id``, each id once.

    Raises:
        Refusal: Codes 496 or 499.
    """
    ids = integers(parameters, "call_session_history_id")
    if len(ids) > MOST_IDS:
        raise Refusal(
            Code.TOO_LONG, f"The 'call_session_history_id' parameter has more than {MOST_IDS} items."
        )
    return ids


def check_format(parameters: Parameters) -> None:
    """Only JSON, at once: neither CSV nor reports are emulated.

    Raises:
        Refusal: Codes 105 or 492.
    """
    if parameters.get("output", "json") != "json":
        raise Refusal(Code.OUTPUT_FORMAT_IS_NOT_SUPPORTED, "The output format is not supported.")
    if truth(parameters, "is_async", default=False):
        raise Refusal(Code.FORBIDDEN_PARAMETER, "The 'is_async' parameter is not allowed.")


def _capped(name: str, value: int, least: int, most: int, behaviour: Behaviour) -> int:
    if value > most and behaviour.beyond_cap == "clamp":
        return most
    if not least <= value <= most:
        raise Refusal(behaviour.range_code, f"The '{name}' parameter must be in the range {least}..{most}.")
    return value


def _whole(name: str, value: str) -> int:
    digits = value.removeprefix("-")
    if not (digits.isascii() and digits.isdigit()) or len(digits) > len(str(1 << 63)):
        raise _invalid(name)
    return int(value)


def _invalid(name: str) -> Refusal:
    return Refusal(Code.INVALID, f"The '{name}' parameter is invalid.")
