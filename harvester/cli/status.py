"""``harvester status``: what a lake holds."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harvester.cli.figures import amount, count, counted, duration
from harvester.cli.options import LAKE, NAME, option, options
from harvester.window import Window, as_text

if TYPE_CHECKING:
    from harvester.inspection import Holding


@click.command("status")
@options(LAKE, NAME, option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout."))
def command(lake: Path, *, name: str | None, as_json: bool) -> None:
    """Say what a lake holds, and ask the API for nothing.

    Coverage, rows, files, gaps, last runs.

    \b
    Examples:
      harvester status --lake ./lake
      harvester status --lake ./lake --name transactions
      harvester status --lake ./lake --json | jq '.calls.coverage'
    """  # noqa: D301  (\b keeps click from joining the lines)
    import orjson

    from harvester.inspection import holdings

    held = holdings(lake, name=name)
    if as_json:
        content = {holding.name: _plain(asdict(holding)) for holding in held}
        click.echo(orjson.dumps(content, option=orjson.OPT_INDENT_2))
        return
    for line in (line for holding in held for line in _lines(holding)):
        click.echo(line)
    if not held:
        click.echo(f"{lake} holds no dataset yet.")


def _lines(holding: "Holding") -> Iterator[str]:
    options = ", ".join(f"{name.replace('_', '-')} {value}" for name, value in holding.identity.items())
    yield f"{holding.name}  ({options})"
    incomplete = f", {count(holding.incomplete)} of them incomplete" if holding.incomplete else ""
    rows, files = counted(holding.rows, "row"), counted(holding.files, "file")
    yield f"  {rows} in {files}, {amount(holding.bytes)}{incomplete}"
    for window in holding.coverage:
        yield f"  covered  {window}"
    for gap in holding.gaps:
        expected = "?" if gap.expected is None else count(gap.expected)
        yield f"  gap      {gap.window}  {count(gap.received)} of {expected} records: {gap.reason}"
    for item in holding.suspects:
        yield f"  suspect  {item.window}  {item.reason}; harvester repair reads it anew"
    if holding.waiting:
        yield f"  {counted(holding.waiting, 'window')} begun, not published; the next backfill goes on there"
    for run in holding.runs:
        ended = "killed, or still running" if run.ended is None else duration(run.ended - run.started)
        requests = f", {counted(run.summary['requests'], 'request')}" if run.summary else ""
        started = as_text(int(run.started))
        yield f"  run {run.id}  {started}  {run.window}  {run.outcome or '-'}  ({ended}{requests})"


def _plain(value: Any) -> Any:  # noqa: ANN401  (any value of a holding)
    match value:
        case {"start": int() as start, "end": int() as end}:
            return Window(start, end).as_json()
        case dict():
            return {name: _plain(part) for name, part in value.items()}
        case list() | tuple():
            return [_plain(part) for part in value]
        case _:
            return value
