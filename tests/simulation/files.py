"""The judge of the files behind calls: what the table says of them, what lies there, what was deleted."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from math import inf
from typing import Any
from urllib.parse import urlsplit

import duckdb

from tests.simulation.lake import SeenLake, demand
from tests.simulation.scenario import Life, Scenario

_RECORD, _LOG, _TRANSCRIPT = "record", "log", "transcript"
_COLUMNS = ("call_session_history_id", "kind", "record_id", "url", "status", "path", "bytes", "sha256")


@dataclass(frozen=True, slots=True)
class Link:
    """A file that a session names: whose it is, what it is, the recording's id, its URL without the query."""

    key: int
    kind: str
    number: int | None
    url: str


class FilesJudge:
    """Looks at the files of one lake, again and again."""

    def __init__(self, scenario: Scenario, lake: SeenLake, database: duckdb.DuckDBPyConnection) -> None:
        """Judge ``lake`` by what the sessions of ``scenario`` link to."""
        self._lake = lake
        self._database = database
        self._links = {
            link: session
            for session in scenario.sessions
            if not session.poisoned
            for link in _links(session.record(running=session.ends == inf))
        }
        self._size = scenario.lives[0].behaviour.file_bytes or 0
        self._days = scenario.lives[0].behaviour.recording_days
        self._deleted: set[int] = set()

    def look(self) -> None:
        """What the table calls stored is the vendor's, byte for byte; nothing else lies there (P2-P5).

        Raises:
            WrongError: It is not.
        """
        table = self._table()
        demand(len({_link(row) for row in table}) == len(table), f"P2: a file is listed twice: {table}")
        for row in table:
            self._demand_true(row)
        noted = {row["path"] for row in (*table, *self._journalled())}
        lying = {str(path.relative_to(self._lake.root)) for path in self._lying()}
        demand(lying <= noted, f"P5: files lie there that nobody wrote down: {lying - noted}")

    def deleting(self, number: int, life: Life) -> None:
        """A recording is deleted only where that was said twice, proven on disk and written down (P10).

        Args:
            number: The recording's id.
            life: Of the run that asks for it.

        Raises:
            WrongError: It is not so.
        """
        demand(life.delete == "confirmed", f"recording {number} was deleted, and nobody said so")
        demand(number not in self._deleted, f"recording {number} was deleted twice")
        self._deleted.add(number)
        last = [line["event"] for line in self._audit() if line["record_id"] == number][-1:]
        demand(last == ["intent"], f"recording {number} is deleted, and the audit says {last}")
        known = {_link(row): row for row in (*self._table(), *self._journalled())}
        wanted = [link for link in self._links if link.number == number and link.kind != _LOG]
        for link in wanted:
            row = known.get(link, {"status": "unknown"})
            demand(row["status"] == "stored", f"recording {number} is deleted, and {link} is {row['status']}")
            self._demand_true(row)

    def finish(self) -> None:
        """Every link of the lake has its file, or a reason; nothing is left over (P1, P8).

        Raises:
            WrongError: It is not so.
        """
        table = {_link(row): row for row in self._table()}
        shown = {row[0] for file, _ in self._lake.files().values() for row in file.rows}
        for link, session in self._links.items():
            if link.key not in shown:
                continue
            demand(link in table, f"P1: not listed: {link}")
            row = table[link]
            expected = self._days is not None or link.number in self._deleted
            fine = row["status"] == "stored" or (row["status"] == "gone" and expected)
            demand(fine, f"P1: {row} of {session}")
        left = sorted(path.name for path in (self._lake.workshop / "recordings").rglob("*") if path.is_file())
        demand(not left, f"P8: {left} are left of files")

    def _demand_true(self, row: dict[str, Any]) -> None:
        demand(_link(row) in self._links, f"P3: a file of no session: {row}")
        if row["status"] == "stored":
            path, wanted = self._lake.root / row["path"], self._content(row["url"])
            demand(path.is_file(), f"P4: listed as stored, and not there: {row}")
            demand(path.read_bytes() == wanted, f"P3: {row['path']} is not what the vendor has")
            facts = row["bytes"], row["sha256"]
            demand(facts == (len(wanted), hashlib.sha256(wanted).hexdigest()), f"P3: the table says {facts}")

    def _content(self, url: str) -> bytes:
        return hashlib.shake_256(hashlib.sha256(urlsplit(url).path.encode()).digest()).digest(self._size)

    def _table(self) -> list[dict[str, Any]]:
        paths = sorted((self._lake.root / "recordings").rglob("*.parquet"))
        rows = []
        for path in paths:
            query = f"SELECT {', '.join(_COLUMNS)} FROM read_parquet(?, hive_partitioning = false)"
            rows += self._database.execute(query, [str(path)]).fetchall()
        return [dict(zip(_COLUMNS, row, strict=True)) for row in rows]

    def _journalled(self) -> Iterator[dict[str, Any]]:
        """What is known and not in a table yet; a later line says more than one before it."""
        for path in sorted((self._lake.workshop / "recordings").glob("*.jsonl")):
            for line in filter(None, path.read_bytes().splitlines()):
                known = json.loads(line)
                yield {name: known.get(name, known["key"]) for name in _COLUMNS}

    def _lying(self) -> list[Any]:
        return [path for path in (self._lake.root / "recordings").rglob("_files/*") if path.is_file()]

    def _audit(self) -> list[dict[str, Any]]:
        path = self._lake.workshop / "audit" / "deletions.jsonl"
        return [json.loads(line) for line in path.read_bytes().splitlines()] if path.exists() else []


def _link(row: dict[str, Any]) -> Link:
    return Link(row["call_session_history_id"], row["kind"], row["record_id"], row["url"])


def _links(record: dict[str, Any]) -> Iterator[Link]:
    key = record["call_session_history_id"]
    if log := record.get("log_file_url"):
        yield Link(key, _LOG, None, _plain(log))
    for leg in record.get("calls") or ():
        if url := leg.get("record_url"):
            yield Link(key, _RECORD, int(url.partition("record_id=")[2].partition("&")[0]), _plain(url))
    for item in record.get("records") or ():
        yield Link(key, _RECORD, item["record_id"], _plain(item["record_url"]))
        if url := item.get("transcription_url"):
            yield Link(key, _TRANSCRIPT, item["record_id"], _plain(url))


def _plain(url: str) -> str:
    return url.partition("?")[0]
