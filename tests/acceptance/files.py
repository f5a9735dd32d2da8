"""Runs over the files of a small account, and what became of them, by DuckDB and by the bytes."""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import duckdb

from harvester.api.credentials import load_credentials
from harvester.emulator import ListedAccount
from harvester.order import Order
from harvester.recordings import Recordings
from harvester.tally import FilesReport
from harvester.window import as_text
from tests.acceptance.harness import DAY, SPRING, Bench

STORE = "https://storage-gw-ru-02.voximplant.com"
START, END = SPRING - 2 * DAY, SPRING
KEYS = range(1, 7)
FILES = 6 + 6 + 6 + 3  # recordings in the list, those of calls alone, logs, transcripts


def url(key: int, name: str) -> str:
    """A URL as the vendor writes it."""
    kind = "logs" if name.startswith("log") else "records"
    return f"{STORE}/voximplant-{kind}-secure/{as_text(second(key))[:10].replace('-', '/')}/{key}/{name}"


def second(key: int) -> int:
    """When a session was: three of them on each of two days."""
    return START + (key - 1) // 3 * DAY + key


def session(key: int, **changes: Any) -> dict[str, object]:
    """A session with a log, two recordings, and every other time a transcript."""
    number = key * 100
    transcript = {"transcription_url": url(key, "text.txt"), "transcription_status": "Complete"}
    return {
        "call_session_history_id": key,
        "start_date": as_text(second(key)),
        "log_file_url": url(key, f"log?sessionid={key}"),
        "calls": [
            {"call_id": 1, "record_url": url(key, f"leg.mp3?record_id={number + 1}&sign=hunter2")},
            # Also in the list below: the same recording, so it is one file.
            {"call_id": 2, "record_url": url(key, f"record.mp3?record_id={number}")},
        ],
        "records": [
            {
                "record_id": number,
                "record_url": url(key, f"record.mp3?record_id={number}"),
                **(transcript if key % 2 else {"transcription_status": "Not required"}),
            }
        ],
    } | changes


def account(**changes: Any) -> ListedAccount:
    """Six sessions."""
    return ListedAccount(session(key, **changes) for key in KEYS)


def run_of(it: Bench, *, now: Callable[[], float] | None = None, **settings: Any) -> Recordings:
    """A run over the files of the lake, without a budget unless ``settings`` give one."""
    path = it.folder / "key.json"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(json.dumps(it.emulator.credentials("Owner")))
    settings = {"name": "calls", "endpoint": it.endpoint, "rate": None, "api_rate": None, **settings}
    order = Order(lake=it.folder / "lake", credentials=path, **settings)
    return Recordings(order, load_credentials(path)[0], now=now or it.now)


async def collect(it: Bench, **settings: Any) -> FilesReport:
    """Run to the end."""
    return await run_of(it, **settings).run()


def changed(key: int, **changes: Any) -> dict[str, object]:
    """A session whose recording of the list says something else; ``None`` takes a field away."""
    (record,) = cast("list[dict[str, object]]", session(key)["records"])
    record = {name: value for name, value in {**record, **changes}.items() if value is not None}
    return session(key, records=[record])


def forget_calls(lake: Path) -> None:
    """Make the next harvest read all calls anew."""
    for folder in (*lake.glob("calls*"), lake / "_harvester" / "spool"):  # flat tables have several
        shutil.rmtree(folder)
    (lake / "_harvester" / "ledger.sqlite").unlink()


def rows(lake: Path, columns: str = "*", where: str = "true") -> list[tuple[Any, ...]]:
    """The table of the files, as a reader's glob finds it."""
    return (
        duckdb.connect()
        .execute(
            f"SELECT {columns} FROM read_parquet('{lake}/recordings/**/*.parquet') WHERE {where} ORDER BY ALL"
        )
        .fetchall()
    )


def check_stored(it: Bench) -> int:
    """Every file that the table calls stored is the vendor's, byte for byte; returns how many there are."""
    lake = it.folder / "lake"
    stored = rows(lake, "url, path, bytes, sha256", "status = 'stored'")
    for address, path, size, digest in stored:
        content = (lake / path).read_bytes()
        assert content == it.emulator.files.content(urlsplit(address).path)
        assert (size, digest) == (len(content), hashlib.sha256(content).hexdigest())
    lying = [path for path in lake.glob("recordings/**/_files/*") if path.is_file()]
    assert {str(path.relative_to(lake)) for path in lying} == {path for _, path, _, _ in stored}
    return len(stored)


def audit(lake: Path) -> list[dict[str, Any]]:
    """The lines of the audit log."""
    path = lake / "_harvester" / "audit" / "deletions.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def events(lines: Iterable[dict[str, Any]]) -> list[tuple[str, int]]:
    """What happened to which recording."""
    return [(line["event"], line["record_id"]) for line in lines]
