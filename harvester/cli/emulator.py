"""``harvester emulator``: a stand-in of the vendor's API, to try things without an account."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harvester.cli.options import option, options
from harvester.datasets import ACD, AUDIT, CALLS, DATASETS, TRANSACTIONS, Dataset
from harvester.errors import ConfigError

if TYPE_CHECKING:
    from harvester.emulator import Emulator

_SHARES = ((CALLS, 1), (TRANSACTIONS, 1), (ACD, 4), (AUDIT, 20))  # of the sessions, one in so many
_CHILD_SHARE = 4
_ROLES = list(dict.fromkeys(role for dataset in DATASETS.values() for role in dataset.roles))


@click.command("emulator")
@options(
    option("--from", "from_", default="2024-01-01", show_default=True, help="First day of its history."),
    option("--to", "to", default="2024-04-01", show_default=True, help="First day after its history."),
    option(
        "--sessions",
        type=click.IntRange(min=0),
        default=300_000,
        show_default=True,
        help="Sessions in its history.",
    ),
    option(
        "--shape",
        type=click.Choice(["uniform", "daily", "burst", "spike"]),
        default="daily",
        show_default=True,
        help="How they lie in time.",
    ),
    option("--seed", type=int, default=0, show_default=True, help="Another seed is another history."),
    option(
        "--children",
        type=click.IntRange(0, 1_000),
        default=0,
        show_default=True,
        help="Child accounts, each with a quarter as many sessions of its own.",
    ),
    option(
        "--includes-children",
        is_flag=True,
        help="Answer the parent with its children's records too, unless it asks for its own.",
    ),
    option("--refused-child", type=int, multiple=True, help="Refuse this child account; may be repeated."),
    option(
        "--port",
        type=click.IntRange(0, 65_535),
        default=0,
        help="Port on loopback; any free one if not given.",
    ),
    option(
        "--latency",
        type=click.FloatRange(0, 86_400),
        default=0.0,
        show_default=True,
        help="Median seconds before an answer.",
    ),
    option(
        "--limit",
        type=click.IntRange(min=1),
        help="Requests per second above which it refuses.  [default: none]",
    ),
    option(
        "--role",
        type=click.Choice(_ROLES),
        default="Owner",
        show_default=True,
        help="Role of the key it hands out.",
    ),
    option(
        "--report-seconds",
        type=click.FloatRange(0, 86_400),
        default=0.0,
        show_default=True,
        help="Seconds until a report is made.",
    ),
    option(
        "--failing-reports",
        type=click.IntRange(min=0),
        default=0,
        show_default=True,
        help="So many reports, the first, fail.",
    ),
    option("--exclusive-end", is_flag=True, help="Leave the second of to_date out of a range."),
    option(
        "--folder",
        type=click.Path(path_type=Path),
        help="Where to put the key file.  [default: a new folder]",
    ),
)
def command(*, folder: Path | None, port: int, role: str, **values: Any) -> None:  # noqa: ANN401  (the history)
    """Serve a synthetic account on loopback.

    Prints its endpoint and where its key file lies. Ctrl-C ends it.

    \b
    Examples:
      harvester emulator
      harvester emulator --sessions 1000000 --from 2023-01-01 --to 2024-01-01 --latency 0.3
      harvester emulator --limit 20 --role Support
      harvester emulator --report-seconds 90 --failing-reports 1
      harvester emulator --sessions 8000 --children 2
    """  # noqa: D301  (\b keeps click from joining the lines)
    import asyncio
    import tempfile

    import orjson

    emulator = _emulator(values)
    folder = folder or Path(tempfile.mkdtemp(prefix="harvester-emulator-"))
    folder.mkdir(parents=True, exist_ok=True)
    credentials = folder / "credentials.json"
    credentials.touch(mode=0o600)
    credentials.write_bytes(orjson.dumps(emulator.credentials(role)))
    asyncio.run(_serve(emulator, port, credentials))


def _emulator(values: dict[str, Any]) -> "Emulator":
    from harvester import notation
    from harvester.emulator import (
        Account,
        Behaviour,
        Emulator,
        Family,
        ReportBehaviour,
        SyntheticAccount,
        example,
    )

    span = notation.span(values["from_"], values["to"])
    parent = example.ACCOUNT_ID

    def history(dataset: Dataset, share: int) -> Account:
        own, *children = (
            SyntheticAccount(
                values["sessions"] // share // (_CHILD_SHARE if number else 1),
                span.start,
                span.end,
                shape=values["shape"],
                seed=values["seed"] + number,
                account_id=parent + number,
                dataset=dataset,
            )
            for number in range(1 + values["children"])
        )
        return Family(own, *children) if children else own

    try:
        histories = {dataset.name: history(dataset, share) for dataset, share in _SHARES}
    except ValueError as error:  # too many for the range, or the range too short for the shape
        raise ConfigError(f"{error}: give other --sessions, or another range") from error
    behaviour = Behaviour(
        to_inclusive=not values["exclusive_end"],
        latency=values["latency"],
        requests_per_second=values["limit"],
        reports=ReportBehaviour(seconds=values["report_seconds"], failing=values["failing_reports"]),
        includes_children=values["includes_children"],
        refused_children=frozenset(values["refused_child"]),
    )
    return Emulator(histories[CALLS.name], behaviour, histories=histories)


async def _serve(emulator: "Emulator", port: int, credentials: Path) -> None:
    import asyncio
    import os
    import signal
    from contextlib import AsyncExitStack

    from harvester.emulator import serve

    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    async with AsyncExitStack() as stack:
        try:
            endpoint = await stack.enter_async_context(serve(emulator, port=port))
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else str(error)
            raise ConfigError(
                f"--port {port} is not to be had ({reason}); leave it out for any free one"
            ) from error
        click.echo(f"endpoint     {endpoint}")
        click.echo(f"credentials  {credentials}")
        await ended.wait()
