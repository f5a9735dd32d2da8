"""The methods of the API: what each reads of its parameters, and what it answers.

A further history method is a further entry of ``METHODS``.
"""

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

import orjson

from harvester.datasets import CALLS
from harvester.emulator.account import Account, ordered
from harvester.emulator.behaviour import Behaviour
from harvester.emulator.filters import Filter, call_filter
from harvester.emulator.parameters import (
    Parameters,
    Range,
    Slice,
    check_format,
    nested,
    piece,
    session_ids,
    span,
)
from harvester.emulator.refusals import Code, Refusal
from harvester.emulator.render import Nested, history

EVERYTHING = Filter()


class Setting(NamedTuple):
    """What every method reads and answers from; ``now`` is the server's clock."""

    account: Account
    behaviour: Behaviour
    now: Callable[[], float]


@dataclass(frozen=True, slots=True)
class Question:
    """All that an answer depends on, beside the account: equal questions have equal answers.

    Attributes:
        asker: The account that asks.
        range: The span asked for.
        slice: The part of the answer asked for.
        nested: The lists wanted inside sessions.
        ids: The only sessions wanted, ascending; empty for all.
        filter: Which sessions are wanted.
    """

    asker: int
    range: Range | None = None
    slice: Slice | None = None
    nested: Nested = Nested()
    ids: tuple[int, ...] = ()
    filter: Filter = EVERYTHING


class Body(NamedTuple):
    """The JSON of an answer, and how many records it holds."""

    json: bytes
    rows: int = 0


@dataclass(frozen=True, slots=True)
class Method:
    """One method.

    Attributes:
        roles: A key needs one of them; ``None`` if it needs none.
        read: Reads the question of the account with the given id, or raises ``Refusal``.
        answer: Answers it; the number tells apart equal questions that may be answered in another order.
    """

    roles: frozenset[str] | None
    read: Callable[[Setting, Parameters, int], Question]
    answer: Callable[[Setting, Question, int], Body]


def read_nothing(_setting: Setting, _parameters: Parameters, asker: int) -> Question:
    """Any parameters will do."""
    return Question(asker)


def account_info(setting: Setting, question: Question, _turn: int) -> Body:
    """``GetAccountInfo``: the cheapest way to learn whether a key works."""
    account_id = question.asker
    result = {
        "account_id": account_id,
        "account_name": f"account{account_id}",
        "account_email": f"owner@account{account_id}.example",
        "active": setting.behaviour.activated,
        "created": "2013-01-01 00:00:00",
        "currency": "USD",
        "balance": 100.5,
    }
    return Body(orjson.dumps({"result": result}))


def read_calls(setting: Setting, parameters: Parameters, asker: int) -> Question:
    """Read the parameters of ``GetCallHistory``.

    Raises:
        Refusal: See ``parameters`` and ``filters``.
    """
    check_format(parameters)
    return Question(
        asker,
        span(parameters, setting.behaviour, setting.now),
        piece(parameters, CALLS, setting.behaviour),
        nested(parameters),
        session_ids(parameters),
        call_filter(parameters, setting.account, asker),
    )


def call_history(setting: Setting, question: Question, turn: int) -> Body:
    """``GetCallHistory``.

    Raises:
        Refusal: Code 150.
    """
    account, behaviour, (asked, part) = setting.account, setting.behaviour, _bounds(question)
    start = account.rank(asked.start + (not behaviour.from_inclusive))
    end = max(start, account.rank(asked.end + behaviour.to_inclusive))
    indexes = _selected(account, question, start, end)
    low, high = bisect_left(indexes, start), bisect_left(indexes, end)
    if part.descending:
        last = max(low, high - part.offset)
        first = max(low, last - part.count)
    else:
        first = min(high, low + part.offset)
        last = min(high, first + part.count)
    shuffled = behaviour.order == "shuffled"
    tie = (lambda session_id: hash((behaviour.seed, turn, session_id))) if shuffled else None
    entries = ordered(account, indexes, first, last, tie)
    if part.descending:
        entries.reverse()
    rows = account.render(entries, question.nested)
    return Body(history(rows, high - low if part.with_total else None, asked.warnings), len(rows))


METHODS: Mapping[str, Method] = MappingProxyType(
    {
        "GetAccountInfo": Method(None, read_nothing, account_info),
        CALLS.method: Method(frozenset(CALLS.roles), read_calls, call_history),
    }
)


def _selected(account: Account, question: Question, start: int, end: int) -> Sequence[int]:
    """Indexes of the sessions that ids and filter let through, of the whole account or of ``[start, end)``."""
    matching = range(account.total) if question.filter == EVERYTHING else account.matching(question.filter)
    if not question.ids:
        return matching
    located = sorted(
        -1 if index is None else index for index in map(account.locate, question.ids)
    )
    if not start <= located[0] <= located[-1] < end:
        raise Refusal(Code.INVALID_CALL_SESSION_HISTORY_ID, "The call_session_history_id is invalid.")
    return [index for index in located if _holds(matching, index)]
