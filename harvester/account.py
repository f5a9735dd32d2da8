"""Accounts whose histories are kept apart in one lake: the key's own, and its children.

Sources: the vendor's reference page of ``GetChildrenAccounts``, and
https://voximplant.com/docs/guides/managementapi/authorization for a token of a child.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

__all__ = ["LIST_METHOD", "LIST_ROLES", "Account", "apart", "named"]

LIST_METHOD = "GetChildrenAccounts"
LIST_ROLES = ("Owner",)

_FOLDER = "account_id="
_NAME = re.compile(rf"(.*)/{_FOLDER}([1-9][0-9]{{0,18}})", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Account:
    """One account.

    Attributes:
        id: The vendor's number of it.
        is_child: Whether it is a child of the key's account; else it is that.
    """

    id: int
    is_child: bool

    @classmethod
    def of_identity(cls, identity: Mapping[str, object]) -> Self | None:
        """The account whose dataset began with ``identity``; ``None`` if accounts are not kept apart."""
        if "account_id" not in identity:
            return None
        return cls(int(str(identity["account_id"])), is_child=bool(identity["child"]))


def named(name: str, account: Account | None) -> str:
    """The name in the lake of an account's dataset, and its folder; ``name`` itself for ``None``."""
    return name if account is None else f"{name}/{_FOLDER}{account.id}"


def apart(name: str) -> tuple[str, int | None]:
    """The name of the dataset, and the account's id if the name has one."""
    found = _NAME.fullmatch(name)
    return (name, None) if found is None else (found[1], int(found[2]))
