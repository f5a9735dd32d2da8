"""What a lake holds, as jobs; and for ``harvester sync`` what it is to hold from now on."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import structlog

from harvester.account import Account, apart, named
from harvester.cli.jobs import accounts, each
from harvester.cli.options import EVERY
from harvester.cli.passed_over import refuse_passed_over
from harvester.config import Job
from harvester.datasets import CALLS, DATASETS
from harvester.errors import ConfigError
from harvester.inspection import Holding, holdings
from harvester.lake.layout import Layout
from harvester.lake.opening import has_begun
from harvester.window import Window

_log = structlog.get_logger()
_END_OF_TIME = 253_402_300_799  # the last instant that can be written


def kept_jobs(values: Mapping[str, Any], start: int | None, settings: Mapping[str, Any]) -> list[Job]:
    """A job for each dataset: asked for and hidden as it was harvested, or what begins here.

    Args:
        values: The options.
        start: From when on the history is to be filled; ``None`` if that was not said.
        settings: Those of every job.

    Raises:
        ConfigError: There is nothing, and nobody knows from when on, or what was said to begin it with would
            be passed over.
        HarvestError: The API was to list the child accounts, and does not.
    """
    name, dataset = values["name"], values["dataset"]
    held = [item for item in _held(settings["lake"], name) if dataset in {EVERY, item.identity["dataset"]}]
    asking = Job(dataset=CALLS, name=CALLS.name, window=Window(0, 1), **settings)  # nothing is asked by it
    whose = accounts(values, asking)
    there = held if values["accounts"] is None else _of_accounts(held, values["accounts"], whose)
    meant = {item.name: item.identity for item in there}
    if name is None or apart(name)[1] is None:  # else one account is meant, and nobody joins it
        meant |= _joining(held, whose)
    if held and not meant:
        raise ConfigError(f"--accounts leaves out {name!r}, which --name means: leave out one of the two")
    if not meant:
        return each(_begun(name, dataset, start, settings), whose)
    return [
        kept_job(one, meant[one], _until_ever(first, one), settings)
        for one, first in _beginnings(held, meant, start).items()
    ]


def kept_job(name: str, identity: Mapping[str, Any], window: Window, settings: Mapping[str, Any]) -> Job:
    """A job over a dataset of the lake: asked for and hidden as it was harvested.

    Raises:
        ConfigError: Its numbers are hashed, and the settings have no key to do so; or they are not usable.
    """
    if settings["number_key"] is None and "hash_numbers" in identity:
        raise ConfigError(f"the numbers of {name!r} are hashed: give its --hash-numbers KEYFILE")
    return Job.of_identity(identity, name=name, window=window, **settings)


def _held(lake: Path, name: str | None) -> list[Holding]:
    """The datasets of the lake, or those of this name; none if it holds nothing yet."""
    if not has_begun(Layout(lake, "")):
        return []
    return [item for item in holdings(lake, runs=0) if name in {None, item.name, apart(item.name)[0]}]


def _of_accounts(held: Sequence[Holding], said: str, whose: Sequence[Account]) -> list[Holding]:
    """The datasets of the accounts that ``--accounts`` means.

    By ``all`` also of those that the API does not list any more: to be left out in silence is not for them.
    """
    ids = {one.id for one in whose}
    kept = [item for item in held if "account_id" in item.identity]
    return [item for item in kept if said == EVERY or item.identity["account_id"] in ids]


def _joining(held: Sequence[Holding], whose: Sequence[Account]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Accounts that a dataset does not hold yet, by name: harvested as the others are."""
    known = {item.name for item in held}
    like = {apart(item.name)[0]: item for item in reversed(held)}
    for name, item in sorted(like.items()):
        for account in whose:
            if named(name, account) not in known:
                identity = {**item.identity, "account_id": account.id, "child": account.is_child}
                yield named(name, account), identity


def _beginnings(held: Sequence[Holding], meant: Iterable[str], start: int | None) -> dict[str, int | None]:
    """From when on each dataset is to be kept: as said, or as it is.

    A dataset whose first run came to nothing (it was refused, or killed) is no reason to let the others grow
    old. It is named and left out, unless it is the only one.
    """
    first = {name: _beginning(held, name) if start is None else start for name in meant}
    if all(second is None for second in first.values()):
        return first
    for name in (name for name, second in first.items() if second is None):
        _log.warning(
            "left out, for the lake covers nothing of it yet: say --from when, or begin with backfill",
            dataset=name,
        )
    return {name: second for name, second in first.items() if second is not None}


def _beginning(held: Sequence[Holding], name: str) -> int | None:
    """The first second of what a dataset covers; of an account that covers nothing, of what the others do."""
    alike = [item for item in held if item.coverage and apart(item.name)[0] == apart(name)[0]]
    own = [item for item in alike if item.name == name]
    return min((item.coverage[0].start for item in own or alike), default=None)


def _begun(name: str | None, dataset: str, start: int | None, settings: Mapping[str, Any]) -> list[Job]:
    refuse_passed_over(click.get_current_context())
    paged = [item for item in DATASETS.values() if item.paged]
    begun = paged if dataset == EVERY else [DATASETS[dataset]]
    if name is not None and len(begun) > 1:
        raise ConfigError(f"the lake holds nothing named {name!r}: say with --dataset what it is to be")
    return [
        Job(dataset=item, name=name or item.name, window=_until_ever(start, item.name), **settings)
        for item in begun
    ]


def _until_ever(start: int | None, name: str) -> Window:
    if start is None:
        raise ConfigError(f"the lake holds nothing of {name!r} yet: say --from when, or begin with backfill")
    return Window(start, _END_OF_TIME)
