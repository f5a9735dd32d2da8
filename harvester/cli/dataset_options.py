"""The options that follow from the datasets: what a record is asked for with, and what narrows a history."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from harvester.cli.narrowing import Narrowing
from harvester.datasets import DATASETS, Dataset, Kind
from harvester.errors import ConfigError

SWITCHES = {name: switch for dataset in DATASETS.values() for name, switch in dataset.switches.items()}
"""Of every dataset, by option."""

FILTERS = {name: one for dataset in DATASETS.values() for name, one in dataset.filters.items()}
"""Of every dataset, by option; several may share one."""

_KNOWN = (*SWITCHES, *FILTERS)


def flag(name: str) -> str:
    """An option's name as it is typed."""
    return f"--{name.replace('_', '-')}"


def switch_options() -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    """Names and click's settings of each switch; if nothing is said, everything is asked for."""
    for name, switch in SWITCHES.items():
        text = f"Ask for {switch.what}, or not.  [{_of(name)}; default: ask]"
        yield (f"{flag(name)}/{flag(f'no_{name}')}", name), {"default": None, "help": text}


def filter_options() -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    """Names and click's settings of each filter."""
    for name, item in FILTERS.items():
        several = "; may be repeated" if item.several else ""
        text = {"help": f"Only those {item.what}{several}.  [{_of(name)}]"}
        if item.kind is Kind.BOOLEAN:
            yield (flag(name), name), {"is_flag": True, **text}
        else:
            kind = int if item.kind is Kind.INTEGER else str
            yield (flag(name), name), {"type": kind, "multiple": item.several, "cls": Narrowing, **text}


def check_known(values: Mapping[str, Any], dataset: Dataset) -> None:
    """Refuse what would be ignored: something else would be harvested than was meant.

    Raises:
        ConfigError: An option of another dataset was said.
    """
    mine = {*dataset.switches, *dataset.filters}
    given = [name for name in _KNOWN if name not in mine and _is_given(name, values.get(name))]
    for name in given[:1]:
        typed = flag(f"no_{name}") if values[name] is False else flag(name)
        known = [*(flag(f"no_{switch}") for switch in dataset.switches), *map(flag, dataset.filters)]
        raise ConfigError(
            f"{typed} is an option of --dataset {_of(name).replace(', ', ' or ')}, not of"
            f" {dataset.name!r}, which takes {', '.join(known)}"
        )


def chosen(values: Mapping[str, Any], names: Iterable[str]) -> dict[str, str]:
    """The filters that were said, as the vendor takes them."""
    filters = {}
    for name in names:
        match values[name]:
            case None | () | False:
                continue
            case True:
                filters[name] = "true"
            case tuple() as several:
                filters[name] = ";".join(str(one) for one in several)
            case value:
                filters[name] = str(value)
    return filters


def _is_given(name: str, value: object) -> bool:
    """Whether an option was said; of a filter that is a flag, ``False`` says nothing."""
    return value is not None and value != () and (value is not False or name in SWITCHES)


def _of(name: str) -> str:
    """The datasets that know an option."""
    return ", ".join(item.name for item in DATASETS.values() if name in {*item.switches, *item.filters})
