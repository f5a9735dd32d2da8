"""``GetTransactionHistory``, ``GetACDHistory`` and ``GetAuditLog``: read as ``datasets`` describes them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import orjson

from harvester.datasets import AUDIT, DATASETS, TRANSACTIONS, Dataset, Kind
from harvester.emulator.account import Record
from harvester.emulator.behaviour import Behaviour
from harvester.emulator.filters import owners
from harvester.emulator.paging import page
from harvester.emulator.parameters import (
    Parameters,
    Range,
    Slice,
    check_format,
    integer,
    integers,
    piece,
    span,
    text,
    texts,
    truth,
)
from harvester.emulator.question import Body, Setting
from harvester.emulator.render import history

_ACCOUNT = re.compile(rb'"account_id":"([0-9]+)"')
_ELSEWHERE = ("child_account_id", "min_waiting_time")


class Switched(NamedTuple):
    """A record less the parts that were not asked for.

    Attributes:
        unwanted: Keys it is sent without.
        documented: The only keys it is sent with; all if empty.
    """

    unwanted: frozenset[str]
    documented: frozenset[str]

    def of(self, record: Mapping[str, object]) -> dict[str, object]:
        """The record as it is sent."""
        return {
            key: value
            for key, value in record.items()
            if key not in self.unwanted and (not self.documented or key in self.documented)
        }


@dataclass(frozen=True, slots=True)
class Selection:
    """A predicate on whole records.

    Attributes:
        left_out: Accounts whose records are not wanted.
        only: Accounts whose records alone are wanted, if it is not ``None``.
        values: The values wanted, as text, by key.
        shortest_wait: Least ``waiting_duration``, in seconds.
        unserviced: Whether only those that nobody took are wanted.
    """

    left_out: frozenset[int]
    only: frozenset[int] | None
    values: tuple[tuple[str, frozenset[str]], ...] = ()
    shortest_wait: int = 0
    unserviced: bool = False

    def __call__(self, record: Record) -> bool:
        """Whether the record is wanted."""
        return all(self._judgements(record))

    def _judgements(self, record: Record) -> Iterator[bool]:
        owner = int(str(record.get("account_id", 0)))
        yield owner not in self.left_out
        yield self.only is None or owner in self.only
        for key, wanted in self.values:
            yield key in record and str(record[key]) in wanted
        waited = record.get("waiting_duration", 0)
        yield isinstance(waited, int) and waited >= self.shortest_wait
        yield not self.unserviced or "user_id" not in record


@dataclass(frozen=True, slots=True)
class HistoryQuestion:
    """A page of records.

    Attributes:
        name: Of the dataset.
        range: The span asked for.
        slice: The part of the answer asked for.
        parts: The parts of a record that are wanted.
        selection: Which records are wanted; ``None`` for all.
    """

    name: str
    range: Range
    slice: Slice
    parts: Switched
    selection: Selection | None

    @classmethod
    def read(
        cls, dataset: Dataset, setting: Setting, parameters: Parameters, asker: int
    ) -> "HistoryQuestion":
        """Read the parameters for the account ``asker``.

        Raises:
            Refusal: Whatever ``parameters`` and ``filters`` find wrong.
        """
        check_format(parameters)
        return cls(
            dataset.name,
            span(parameters, setting.behaviour, setting.now, zoned=dataset.zoned),
            piece(parameters, dataset, setting.behaviour),
            parts_of(dataset, parameters),
            selection_of(dataset, setting, parameters, asker),
        )

    def answer(self, setting: Setting, turn: int) -> Body:
        """Answer with the page."""
        account, behaviour, selection = setting.account, setting.behaviour, self.selection
        indexes: Sequence[int] = range(account.total) if selection is None else account.matching(selection)
        entries, total = page(account, behaviour, self.range, self.slice, indexes=indexes, turn=turn)
        rows = _odd(self.name, behaviour, account.render(entries, self.parts))
        counted = total if self.slice.with_total else None
        zoned = DATASETS[self.name].zoned
        return Body(history(rows, counted, self.range.warnings, zoned=zoned), len(rows))


def parts_of(dataset: Dataset, parameters: Parameters) -> Switched:
    """The parts of a record that are wanted.

    Raises:
        Refusal: Code 496.
    """
    off = [
        switch
        for switch in dataset.switches.values()
        if not truth(parameters, switch.parameter, default=switch.unsaid)
    ]
    # What the vendor does not name is what has no column.
    unnamed = any(not switch.adds for switch in off)
    documented = frozenset(item.name for item in dataset.fields) if unnamed else frozenset()
    return Switched(frozenset(key for switch in off for key in switch.adds), documented)


def selection_of(dataset: Dataset, setting: Setting, parameters: Parameters, asker: int) -> Selection | None:
    """Which records are wanted by the account ``asker``; ``None`` for all.

    Raises:
        Refusal: Codes 194 or 496.
    """
    values: list[tuple[str, frozenset[str]]] = []
    for name, item in dataset.filters.items():
        if item.kind is Kind.BOOLEAN or name in _ELSEWHERE:
            continue
        numbers = item.kind is Kind.INTEGER
        named = (
            map(str, integers(parameters, item.parameter)) if numbers else texts(parameters, item.parameter)
        )
        if text(parameters, item.parameter) is not None:
            values.append((name, frozenset(named)))
    left_out, only = owners(parameters, setting, asker, dataset)
    selection = Selection(
        left_out,
        only,
        tuple(values),
        integer(parameters, "min_waiting_time") or 0,
        truth(parameters, "unserviced", default=False),
    )
    return None if selection == Selection(frozenset(), None) else selection


def _odd(name: str, behaviour: Behaviour, rows: list[bytes]) -> list[bytes]:
    """The rows with the oddities that the behaviour has."""
    if name == TRANSACTIONS.name and behaviour.account_ids == "number":
        return [_ACCOUNT.sub(rb'"account_id":\1', row) for row in rows]
    if name == AUDIT.name and behaviour.audit_values == "text":
        return [orjson.dumps(_as_texts(orjson.loads(row))) for row in rows]
    return rows


def _as_texts(record: dict[str, object]) -> dict[str, object]:
    values = {key: orjson.dumps(record[key]).decode() for key in ("cmd_args", "cmd_result") if key in record}
    return record | values
