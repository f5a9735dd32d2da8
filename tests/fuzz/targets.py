"""What is fuzzed: functions of bytes that never raise, whatever the bytes, and whose promises hold."""

import math
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType

import click
import orjson

from harvester import notation
from harvester.api.auth import TokenSource
from harvester.api.envelope import answer_of
from harvester.api.pages import Columns, read_page
from harvester.api.protocol import parse
from harvester.api.reply import Reply, check_status, retry_after
from harvester.cli.config_file import command_named, load_defaults
from harvester.datasets import CALLS
from harvester.errors import HarvestError
from harvester.lake.spool import SpoolFile
from harvester.number_key import NumberKey
from harvester.records.decode import Decoder
from harvester.records.redaction import Redaction
from tests.keys import CREDENTIALS

_LIMIT = 1 << 22  # bytes of JSON
_COLUMNS = Columns(CALLS.time_field, CALLS.key, CALLS.running)
_REDACTION = Redaction.of(CALLS, urls=True, key=NumberKey(b"k" * 32))
_PLAIN, _HIDING = Decoder(CALLS), Decoder(CALLS, _REDACTION)
_FOLDER = tempfile.TemporaryDirectory(prefix="fuzz-")


def answer(data: bytes) -> None:
    """Body, page, records, Arrow: each record is a row or in quarantine, with and without hiding."""
    try:
        page = parse(answer_of(Reply(200, {}, data)), limit=_LIMIT)
    except HarvestError:
        return
    plain = _PLAIN.decode(page.records, page.text)
    plain.batch.validate(full=True)
    assert plain.batch.num_rows + len(plain.quarantined) == len(page.records)
    assert all(item.raw in page.text for item in plain.quarantined)
    hiding = _HIDING.decode(page.records, page.text)
    hiding.batch.validate(full=True)
    assert hiding.batch.num_rows == plain.batch.num_rows
    assert hiding.quarantined == plain.quarantined
    for text in filter(None, hiding.batch["extra"].to_pylist()):
        assert isinstance(orjson.loads(text), dict)
    assert read_page(plain, page.total, _COLUMNS, descending=False).count == len(page.records)
    assert _REDACTION is not None
    for item in plain.quarantined:
        hidden = _REDACTION.text(item.raw)
        assert b"://" not in hidden or b'"' in hidden
        assert hidden.count(b"\n") <= item.raw.count(b"\n")


def headers(data: bytes) -> None:
    """Status, ``Retry-After`` and ``Date``: a pause of at least nothing, an error of ours, or nothing."""
    status, _, rest = data.partition(b"\n")
    after, _, date = rest.decode("latin-1").partition("\n")
    found = {"retry-after": after, "date": date}
    pause = retry_after(found, 1.7e9)
    assert pause is None or (pause >= 0 and not math.isnan(pause))
    with suppress(HarvestError):
        check_status(Reply(int.from_bytes(status[:2], "big"), found, b""), 1.7e9)
    source = TokenSource(CREDENTIALS, now=lambda: 1.7e9)
    source.observe_date(date)
    assert math.isfinite(source.skew)


def config_file(data: bytes) -> None:
    """A TOML file: options, or one sentence of what is wrong with it."""
    path = Path(_FOLDER.name) / "config.toml"
    path.write_bytes(data)
    command = command_named("backfill")
    context = click.Context(command, info_name="backfill")
    try:
        load_defaults(context, None, path)  # type: ignore[arg-type]  # the parameter is not looked at
        values = command.make_context("backfill", [], default_map=context.default_map).params
        notation.span(values["from_"], values["to"])
        notation.rate("--rate", values["rate"])
        notation.duration("--settle", values["settle"])
    except (HarvestError, click.ClickException):
        return


def spool(data: bytes) -> None:
    """A file that begins well and goes on as it likes: what is whole is kept, and appending goes on."""
    path = Path(_FOLDER.name) / "1.spool"
    path.unlink(missing_ok=True)
    cut, garbage = (data[0], data[1:]) if data else (0, b"")
    first = SpoolFile(path)
    first.append("a", "identity", garbage[: cut % 7])
    whole = path.read_bytes()
    first.append("b", "gzip", garbage)
    torn = path.read_bytes()[: len(whole) + cut]
    for content in (whole + garbage, torn, torn + garbage, garbage):
        path.write_bytes(content)
        file = SpoolFile(path)
        assert (file.get("a") == ("identity", garbage[: cut % 7])) is content.startswith(whole)
        file.append("c", "identity", garbage)
        assert SpoolFile(path).get("c") == ("identity", garbage)
        assert len(list(SpoolFile(path).answers())) >= 1


TARGETS: Mapping[str, Callable[[bytes], None]] = MappingProxyType(
    {"answer": answer, "headers": headers, "config": config_file, "spool": spool}
)
