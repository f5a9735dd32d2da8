"""``harvester datasets``: what can be harvested, by which method, with which options and columns."""

from collections.abc import Iterable, Iterator
from typing import Any

import click

from harvester.cli.dataset_options import flag
from harvester.cli.options import option, options
from harvester.datasets import DATASETS, Dataset, Field


@click.command("datasets")
@options(option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout."))
def command(*, as_json: bool) -> None:
    """List the datasets, and ask for nothing.

    The vendor's method, the roles it needs, key and time, how much it serves at a time, options and columns.

    \b
    Examples:
      harvester datasets
      harvester datasets --json | jq 'keys'
    """  # noqa: D301  (\b keeps click from joining the lines)
    import orjson

    if as_json:
        content = {dataset.name: _plain(dataset) for dataset in DATASETS.values()}
        click.echo(orjson.dumps(content, option=orjson.OPT_INDENT_2))
        return
    for dataset in DATASETS.values():
        for line in _lines(dataset):
            click.echo(line)


def _lines(dataset: Dataset) -> Iterator[str]:
    caps = f"{dataset.page_size:,} {dataset.noun}, offset up to {dataset.max_offset:,}"
    yield f"{dataset.name}  ({dataset.method})"
    yield f"  roles      {', '.join(dataset.roles)}"
    yield f"  key        {dataset.key}"
    yield f"  time       {dataset.time_field}"
    if dataset.paged:
        yield f"  page       {caps}" + (
            "" if dataset.caps_published else "; not published, learned by asking"
        )
    if dataset.report is not None:
        without = " ".join(flag(f"no_{name}") for name in dataset.report.without)
        yield f"  report     {dataset.report.method}" + (f", with {without}" if without else "")
    if dataset.rate is not None:
        yield f"  rate       {dataset.rate:g} requests/s at most"
    if dataset.switches:
        yield f"  leave out  {', '.join(flag(f'no_{name}') for name in dataset.switches)}"
    yield f"  filters    {', '.join(map(flag, dataset.filters))}"
    if dataset.tables:
        yield f"  tables     {', '.join(dataset.tables)} (with --tables flat)"
    yield "  columns"
    yield from _columns(dataset.fields, "    ")
    yield "    extra  string, the JSON text of what has no column"


def _columns(fields: Iterable[Field], indent: str) -> Iterator[str]:
    for item in fields:
        yield f"{indent}{item.name}  {item.kind.value}"
        yield from _columns(item.fields, indent + "  ")


def _plain(dataset: Dataset) -> dict[str, Any]:
    return {
        "method": dataset.method,
        "roles": dataset.roles,
        "key": dataset.key,
        "time": dataset.time_field,
        "page_size": dataset.page_size,
        "max_offset": dataset.max_offset,
        "caps_published": dataset.caps_published,
        "paged": dataset.paged,
        "report": dataset.report and dataset.report.method,
        "rate": dataset.rate,
        "switches": {name: switch.parameter for name, switch in dataset.switches.items()},
        "filters": {name: item.parameter for name, item in dataset.filters.items()},
        "tables": dataset.tables,
        "columns": _tree(dataset.fields),
    }


def _tree(fields: Iterable[Field]) -> dict[str, Any]:
    return {item.name: _tree(item.fields) if item.fields else item.kind.value for item in fields}
