"""``GetAccountInfo`` and ``GetChildrenAccounts``; what they say of an account is made up but for its id."""

from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from harvester.emulator.parameters import USUAL_COUNT, Parameters, integer, integers, text, truth
from harvester.emulator.question import Body, Setting
from harvester.emulator.refusals import Code, Refusal

_ORDERS = {f"child_{key}": key for key in ("account_id", "account_name", "account_email")}
_BRIEF = ("account_id",)
_MEDIUM = ("account_id", "account_name", "account_email")


@dataclass(frozen=True, slots=True)
class AccountQuestion:
    """``GetAccountInfo``: the cheapest way to learn whether a key works."""

    asker: int

    @classmethod
    def read(cls, _setting: Setting, _parameters: Parameters, asker: int) -> "AccountQuestion":
        """Take any parameters."""
        return cls(asker)

    def answer(self, _setting: Setting, _turn: int) -> Body:
        """Answer with the account."""
        return Body(orjson.dumps({"result": _shown(self.asker)}))


@dataclass(frozen=True, slots=True)
class ChildrenQuestion:
    """A page of the list of children.

    Attributes:
        ids: Those wanted that there are.
        order: What they are sorted by.
        keys: What is said of each; all if empty.
        first: How many are skipped.
        count: How many are sent at most.
    """

    ids: tuple[int, ...]
    order: str
    keys: tuple[str, ...]
    first: int
    count: int

    @classmethod
    def read(cls, setting: Setting, parameters: Parameters, asker: int) -> "ChildrenQuestion":
        """Read the parameters; a child has no children.

        Raises:
            Refusal: Codes 134, 194 or 496.
        """
        filters = {name: text(parameters, name) for name in _ORDERS}
        if not any(filters.values()):
            raise Refusal(Code.REQUIRED_IS_EMPTY, "The 'child_account_id' parameter is required.")
        order = _ORDERS.get(parameters.get("order_by", "child_account_name"))
        if order is None:
            raise Refusal(Code.INVALID, "The 'order_by' parameter is invalid.")
        children = setting.account.children if asker == setting.account.account_id else ()
        brief = _BRIEF if truth(parameters, "brief_output", default=False) else ()
        medium = _MEDIUM if truth(parameters, "medium_output", default=False) else ()
        return cls(
            tuple(child for child in _named(parameters, children) if _fits(child, filters)),
            order,
            brief or medium,
            integer(parameters, "offset") or 0,
            integer(parameters, "count") or USUAL_COUNT,
        )

    def answer(self, _setting: Setting, _turn: int) -> Body:
        """Answer with the page."""
        by_id = self.order == "account_id"
        ids = sorted(self.ids, key=None if by_id else lambda child: str(_shown(child)[self.order]))
        found = [_shown(child) for child in ids]
        page = found[self.first : self.first + self.count]
        if self.keys:
            page = [{key: account[key] for key in self.keys} for account in page]
        body = {"result": page, "total_count": len(found), "count": len(page)}
        return Body(orjson.dumps(body), len(page))


def _named(parameters: Parameters, children: tuple[int, ...]) -> tuple[int, ...]:
    if parameters.get("child_account_id", "all") == "all":
        return children
    ids = integers(parameters, "child_account_id")
    if not set(ids) <= set(children) and not truth(parameters, "ignore_invalid_accounts", default=False):
        raise Refusal(Code.INVALID_CHILD_ACCOUNT_ID, "The child_account_id is invalid.")
    return tuple(child for child in children if child in ids)


def _fits(child: int, filters: Mapping[str, str | None]) -> bool:
    """Whether a part of its name and its address are as wanted."""
    account = _shown(child)
    parts = ((filters[f"child_{key}"], str(account[key])) for key in _MEDIUM[1:])
    return all(part is None or part in value for part, value in parts)


def _shown(account_id: int) -> dict[str, object]:
    return {
        "account_id": account_id,
        "account_name": f"account{account_id}",
        "account_email": f"owner@account{account_id}.example",
        "active": True,
        "created": "2013-01-01 00:00:00",
        "currency": "USD",
        "balance": 100.5,
    }
