"""``harvester recordings``: the files behind a lake's calls."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from harvester.cli.exit_codes import ExitCode
from harvester.cli.figures import amount, count, duration
from harvester.cli.options import CA_FILE, CREDENTIALS, ENDPOINT, LAKE, credentials_path, option, options
from harvester.errors import ConfigError
from harvester.links import KINDS

if TYPE_CHECKING:
    from harvester.order import Order
    from harvester.recordings import Recordings
    from harvester.tally import FilesReport

_MOST_LISTED = 20
_EVERY = 10.0  # seconds
_WORDS = ",".join(f"{kind}s" for kind in KINDS)


@click.command("recordings")
@options(
    LAKE,
    option("--name", default="calls", show_default=True, help="The calls whose files are meant."),
    option("--from", "from_", help="First day or second, ISO 8601.  [default: all that is published]"),
    option("--to", "to", help="First day or second after the range.  [default: likewise]"),
    option("--what", default=_WORDS, show_default=True, help="Which files, joined by commas."),
    CREDENTIALS,
    ENDPOINT,
    CA_FILE,
    option(
        "--storage",
        help="Where the files are instead of the vendor's hosts; 'vendor' for these.  [default: with another"
        " --endpoint there, else these]",
    ),
    option(
        "--also-from",
        multiple=True,
        metavar="HOST",
        help="Ask this host too, without a token: storage of your own; may be repeated.",
    ),
    option(
        "--file-rate", default="8", show_default=True, help="Files asked for per second at most, or 'none'."
    ),
    option(
        "--file-concurrency",
        type=click.IntRange(min=1),
        default=8,
        show_default=True,
        help="Files under way at most.",
    ),
    option("--again", is_flag=True, help="Ask again for files that were gone."),
    option(
        "--delete-after",
        is_flag=True,
        help="Say which recordings could be deleted at the vendor; with --yes delete them.",
    ),
    option("--yes", is_flag=True, help="Really delete. There is no way back."),
    option("--rate", default="8", show_default=True, help="Deletions per second at most, or 'none'."),
    option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout."),
)
def command(*, as_json: bool, **values: Any) -> None:  # noqa: ANN401  (the options of an order)
    """Download the recordings, logs and transcripts of harvested calls.

    They go into <lake>/recordings, with a table of them that joins with the calls. What is there already is
    not asked for again; what was cut off goes on where it was. Files that are gone are listed with their
    status. Nothing is ever deleted, unless --delete-after and --yes say so: then the vendor deletes the
    recordings, and their transcripts, that were just proven to be on disk.

    \b
    Examples:
      harvester recordings --lake ./lake --credentials key.json
      harvester recordings --lake ./lake --from 2024-05-01 --to 2024-06-01 --what records,transcripts
      harvester recordings --lake ./lake --what records,transcripts --delete-after

    \b
    Exit codes: 0 all there, or gone; 3 some could not be had, or not be deleted, or are of calls that are
    not harvested; others as of backfill.
    """  # noqa: D301  (\b keeps click from joining the lines)
    import asyncio

    import orjson

    from harvester.cli.key_file import credentials_of
    from harvester.cli.supervise import supervise
    from harvester.recordings import Recordings

    ctx = click.get_current_context()
    order = _order(values)
    work = Recordings(order, credentials_of(order.credentials))
    report, signals = asyncio.run(supervise(work, _Ticker(work), under_way="files under way"))
    if report is not None and as_json:
        click.echo(orjson.dumps(report.as_json(), option=orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2))
    elif report is not None:
        for line in _lines(report, order):
            click.echo(line)
    if signals:
        ctx.exit(ExitCode.SIGNAL + signals[0])
    ctx.exit(ExitCode.GAPS if report is not None and report.outcome == "failures" else ExitCode.COMPLETE)


def _order(values: dict[str, Any]) -> "Order":
    from harvester import notation
    from harvester.order import Order

    start, end = values["from_"], values["to"]
    if (start is None) != (end is None):
        raise ConfigError("--from and --to belong together: give both, or none for all that is published")
    return Order(
        lake=values["lake"],
        name=values["name"],
        credentials=credentials_path(values["credentials"]),
        window=None if start is None else notation.span(start, end),
        kinds=_kinds(values["what"]),
        endpoint=values["endpoint"],
        ca_file=values["ca_file"],
        storage=values["storage"],
        others=values["also_from"],
        rate=notation.rate("--file-rate", values["file_rate"]),
        concurrency=values["file_concurrency"],
        api_rate=notation.rate("--rate", values["rate"]),
        again=values["again"],
        delete=values["delete_after"],
        confirmed=values["yes"],
    )


def _kinds(text: str) -> tuple[str, ...]:
    words = {word.strip() for word in text.split(",")}
    if unknown := sorted(words - set(_WORDS.split(","))):
        raise ConfigError(f"--what knows no {unknown[0]!r}, only {_WORDS}")
    return tuple(kind for kind in KINDS if f"{kind}s" in words)


def _lines(report: "FilesReport", order: "Order") -> Iterator[str]:
    tally = report.tally
    titles = {
        "complete": "All there is, is there",
        "failures": "Finished; some files could not be had, or not be deleted",
        "unknown": "Part of the range is not harvested, so its files are not known",
        "interrupted": "Interrupted; run again to go on",
    }
    outcome = "unknown" if report.outcome == "failures" and not tally.has_unhad else report.outcome
    yield f"{titles[outcome]}: {order.lake}/recordings"
    for window in tally.unharvested[:_MOST_LISTED]:
        yield f"  {window} is not harvested: harvester backfill comes first"
    if len(tally.unharvested) > _MOST_LISTED:
        yield f"  … and {count(len(tally.unharvested) - _MOST_LISTED)} more spans; see --json"
    size = amount(tally.stored_bytes)
    yield f"  stored   {count(tally.stored)} files, {size}; {count(tally.held)} were there already"
    yield f"  gone     {count(tally.gone)} files; {count(tally.known_gone)} more were known to be"
    yield f"  failed   {count(len(tally.failed))} files"
    yield (
        f"  asked    {count(report.meter.requests)} times in {duration(report.seconds)},"
        f" {count(report.meter.retries)} of them again; {amount(report.meter.bytes_received)} received"
    )
    for entry in tally.failed[:_MOST_LISTED]:
        yield f"  {entry.identity}: {entry.reason}"
    for reason, files in tally.left.items():
        yield f"  {count(files)} more were not asked for: {reason}; a later run does"
    if len(tally.failed) > _MOST_LISTED:
        yield f"  … and {count(len(tally.failed) - _MOST_LISTED)} more; the table lists all"
    yield from _deletions(report, order)


def _deletions(report: "FilesReport", order: "Order") -> Iterator[str]:
    tally = report.tally
    if order.delete and order.confirmed:
        absent = count(tally.absent)
        yield f"  deleted  {count(tally.deleted)} recordings at the vendor; {absent} were not there"
    elif order.delete:
        yield (
            f"  {count(tally.deletable)} recordings, {amount(tally.deletable_bytes)}, could be deleted at the"
            " vendor; none was: --yes deletes them"
        )
    if tally.unknown:
        yield (
            f"  Of {count(tally.unknown)} deletions of an earlier run nobody knows how they ended;"
            " --delete-after --yes asks for them again, which does no harm."
        )
    for entry, reason in tally.spared[:_MOST_LISTED]:
        yield f"  not deleted: {entry.identity}: {reason}"
    if len(tally.spared) > _MOST_LISTED:
        yield f"  … and {count(len(tally.spared) - _MOST_LISTED)} more; see --json"


class _Ticker:
    """A line on stderr every ten seconds."""

    def __init__(self, work: "Recordings") -> None:
        self._work = work

    async def show(self) -> None:
        """Say where the run is, until cancelled."""
        import asyncio

        import structlog

        log = structlog.get_logger()
        while True:
            await asyncio.sleep(_EVERY)
            tally, meter = self._work.tally, self._work.meter
            log.info(
                "progress",
                days=tally.days,
                stored=tally.stored,
                held=tally.held,
                gone=tally.gone,
                failed=len(tally.failed),
                under_way=meter.in_flight,
                received=amount(meter.bytes_received),
                requests=meter.requests,
            )
