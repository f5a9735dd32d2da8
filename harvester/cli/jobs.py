"""The jobs that the options describe: of which datasets, and of whose histories."""

import asyncio
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from harvester.account import Account, named
from harvester.cli import dataset_options
from harvester.cli.options import EVERY, job
from harvester.config import Job
from harvester.datasets import DATASETS
from harvester.errors import ConfigError


def jobs(values: Mapping[str, Any], **more: bool) -> list[Job]:
    """The jobs that the options describe: one, or one of each dataset, or of each account, or of both.

    Raises:
        ConfigError: They do not describe one.
        HarvestError: The API was to list the child accounts, and does not.
    """
    orders = _orders(values, **more)
    return each(orders, accounts(values, orders[0]))


def _orders(values: Mapping[str, Any], **more: bool) -> list[Job]:
    """One job, or one of each dataset.

    Brief calls are left out: they hold nothing that the calls do not. Of the others, a switch is for those
    that know it, and flat tables are for those with lists; a filter must be known to each, or the others
    would be harvested whole.

    Raises:
        ConfigError: They do not describe one.
    """
    if values["dataset"] != EVERY:
        return [job(values, **more)]
    if values["name"]:
        raise ConfigError(f"--name is the name of one dataset: leave it out with --dataset {EVERY}")
    orders = []
    for dataset in (item for item in DATASETS.values() if item.paged):
        others: dict[str, str | None] = dict.fromkeys(
            dataset_options.SWITCHES.keys() - dataset.switches.keys()
        )
        if not dataset.tables:
            others["tables"] = "nested"
        orders.append(job({**values, "dataset": dataset.name, **others}, **more))
    return orders


def accounts(values: Mapping[str, Any], asking: Job) -> list[Account]:
    """The accounts that ``--accounts`` means, the key's own first; none if it was not said.

    Args:
        values: The options.
        asking: How to ask the API, if it has to be asked.

    Raises:
        ConfigError: The ids are none, or the key file is not usable.
        HarvestError: The API does not list the children.
    """
    if values["accounts"] is None:
        return []
    from harvester.api.credentials import load_credentials

    credentials, _ = load_credentials(asking.credentials)
    if values["accounts"] == EVERY:
        from harvester.children import children

        ids = {credentials.account_id, *asyncio.run(children(asking, credentials))}
    else:
        ids = set(_ids(values["accounts"]))
    own = credentials.account_id
    return [
        Account(number, is_child=number != own) for number in sorted(ids, key=lambda one: (one != own, one))
    ]


def each(orders: Iterable[Job], whose: Iterable[Account]) -> list[Job]:
    """Every order for every account; the orders themselves if there is none."""
    orders, whose = list(orders), list(whose)
    if not whose:
        return orders
    return [
        replace(order, name=named(order.name, account), account=account)
        for order in orders
        for account in whose
    ]


def _ids(text: str) -> list[int]:
    parts = [part.strip() for part in text.split(",")]
    if not all(re.fullmatch(r"[0-9]{1,19}", part) and 0 < int(part) < 1 << 63 for part in parts):
        raise ConfigError(
            f"--accounts {text!r} is neither 'all' nor ids joined by commas, as 4714487,4714488"
        )
    return [int(part) for part in parts]
