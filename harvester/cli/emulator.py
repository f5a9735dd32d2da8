"""``harvester emulator``: a stand-in of the vendor's API, to try things without an account."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harvester.cli.options import option, options

if TYPE_CHECKING:
    from harvester.emulator import Emulator


@click.command("emulator")
@options(
    option("--from", "from_", default="2024-01-01", show_default=True, help="First day of its history."),
    option("--to", "to", default="2024-04-01", show_default=True, help="First day after its history."),
    option("--sessions", type=int, default=300_000, show_default=True, help="Sessions in its history."),
    option(
        "--shape",
        type=click.Choice(["uniform", "daily", "burst", "spike"]),
        default="daily",
        show_default=True,
        help="How they lie in time.",
    ),
    option("--seed", type=int, default=0, show_default=True, help="Another seed is another history."),
    option("--port", type=int, default=0, help="Port on loopback; any free one if not given."),
    option("--latency", type=float, default=0.0, show_default=True, help="Median seconds before an answer."),
    option("--limit", type=int, help="Requests per second above which it refuses.  [default: none]"),
    option("--role", default="Owner", show_default=True, help="Role of the key it hands out."),
    option(
        "--report-seconds", type=float, default=0.0, show_default=True, help="Seconds until a report is made."
    ),
    option(
        "--failing-reports", type=int, default=0, show_default=True, help="So many reports, the first, fail."
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
    from harvester.datasets import ACD, AUDIT, TRANSACTIONS
    from harvester.emulator import Behaviour, Emulator, ReportBehaviour, SyntheticAccount

    span = notation.span(values["from_"], values["to"])
    drawn = {"shape": values["shape"], "seed": values["seed"]}
    account = SyntheticAccount(values["sessions"], span.start, span.end, **drawn)
    shares = ((TRANSACTIONS, 1), (ACD, 4), (AUDIT, 20))
    histories = {
        dataset.name: SyntheticAccount(
            values["sessions"] // share, span.start, span.end, dataset=dataset, **drawn
        )
        for dataset, share in shares
    }
    behaviour = Behaviour(
        to_inclusive=not values["exclusive_end"],
        latency=values["latency"],
        requests_per_second=values["limit"],
        reports=ReportBehaviour(seconds=values["report_seconds"], failing=values["failing_reports"]),
    )
    return Emulator(account, behaviour, histories=histories)


async def _serve(emulator: "Emulator", port: int, credentials: Path) -> None:
    import asyncio
    import signal

    from harvester.emulator import serve

    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    async with serve(emulator, port=port) as endpoint:
        click.echo(f"endpoint     {endpoint}")
        click.echo(f"credentials  {credentials}")
        await ended.wait()
