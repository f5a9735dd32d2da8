"""``--redact-urls`` and ``--hash-numbers`` over whole runs: what is hidden is nowhere, all else is there."""

import asyncio
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pytest

from harvester.api.credentials import load_credentials
from harvester.cli.main import main
from harvester.cli.repair import _jobs
from harvester.config import Job
from harvester.emulator import Behaviour, Fault, Faults, ListedAccount
from harvester.emulator.render import Entry, Parts
from harvester.errors import ConfigError, LakeError
from harvester.harvest import Backfill
from harvester.inspection import damages, holdings
from harvester.number_key import NumberKey
from harvester.todo import damaged
from harvester.verification import Verify
from harvester.window import Window, as_text
from tests.acceptance.harness import DAY, SPRING, bench, small_bench
from tests.acceptance.test_resume import SLOW

START, END = SPRING - 2 * DAY, SPRING
EVERY = 600
ROWS = 2 * DAY // EVERY
MISFITS = (99, 199)
SECRET = b"0123456789abcdef0123456789abcdef"
HIDING: dict[str, Any] = {"redact_urls": True, "number_key": NumberKey(SECRET)}


def _number(row: int) -> str:
    return f"7999123{row % 50:04}"


def _hashed(number: str) -> str:
    return hmac.new(SECRET, number.encode(), "sha256").hexdigest()[:32]


def _account(every: int = EVERY) -> ListedAccount:
    """Evenly spaced sessions; fifty numbers; two do not fit, for their number is a number."""
    return ListedAccount(_record(row, START + row * every) for row in range(2 * DAY // every))


def _record(row: int, second: int) -> dict[str, object]:
    number: object = _number(row) if row not in MISFITS else int(_number(row))
    call = {"remote_number": number, "local_number": "", "record_url": f"https://store/{_number(row)}?sign=x"}
    return {
        "call_session_history_id": row + 1,
        "start_date": as_text(second),
        "log_file_url": "https://store/log?sign=x",
        "calls": [call | {"peer_number": _number(row)}],
    }


class _Keyless(ListedAccount):
    """Its sessions come without their key, so that their bytes alone tell them apart."""

    def render(self, entries: Sequence[Entry], parts: Parts) -> list[bytes]:
        """As the history, but for that."""
        return [
            re.sub(rb'(?<="call_session_history_id":)\d+', b"null", raw)
            for raw in super().render(entries, parts)
        ]


def _rows(lake: Path) -> list[tuple[Any, ...]]:
    return (
        duckdb.connect()
        .execute(
            f"SELECT call_session_history_id, log_file_url, calls[1].remote_number, calls[1].local_number,"
            f" calls[1].record_url, extra FROM '{lake}/calls/**/*.parquet' ORDER BY ALL"
        )
        .fetchall()
    )


def _expected(every: int = EVERY) -> list[tuple[Any, ...]]:
    return [
        (
            row + 1,
            None,
            _hashed(_number(row)),
            "",
            None,
            f'{{"calls":{{"0":{{"peer_number":"{_hashed(_number(row))}"}}}}}}',
        )
        for row in range(2 * DAY // every)
        if row not in MISFITS
    ]


def _traces(lake: Path) -> list[Path]:
    """Files that hold a number or a link in clear."""
    files = [path for path in lake.rglob("*") if path.is_file()]
    return [path for path in files if any(mark in path.read_bytes() for mark in (b"7999123", b"store"))]


async def test_nothing_that_is_to_be_hidden_is_in_the_lake(tmp_path: Path) -> None:
    """No file has a number or a link, be it ledger, quarantine or footer; and all sessions are there."""
    async with bench(tmp_path, _account()) as it:
        report = await it.harvest(START, END, **HIDING)
        assert (report.outcome, report.rows, report.quarantined) == (
            "complete",
            ROWS - len(MISFITS),
            len(MISFITS),
        )
        assert _rows(tmp_path / "lake") == _expected()
        assert _traces(tmp_path / "lake") == []
        kept = [
            json.loads(json.loads(line)["text"])
            for path in (tmp_path / "lake" / "_harvester" / "quarantine" / "calls").iterdir()
            for line in path.read_text().splitlines()
        ]
        assert [one["calls"][0]["remote_number"] for one in kept] == [
            _hashed(_number(row)) for row in MISFITS
        ]


@pytest.mark.large
@pytest.mark.parametrize("seconds", [0.4, 0.8])
async def test_a_run_that_goes_on_hides_as_the_first_did(tmp_path: Path, seconds: float) -> None:
    """Answers in the spool are decoded the same way by the next run, and again when memory is short."""
    async with bench(tmp_path, _account(every=15), SLOW) as it:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(seconds):
                await it.harvest(START, END, **HIDING)
        asked = len(it.emulator.requests)
        report = await it.harvest(START, END, memory=1, **HIDING)
        assert report.outcome == "complete"
        assert report.requests < report.rows // 1000 + asked + 8
        assert _rows(tmp_path / "lake") == _expected(every=15)
        assert _traces(tmp_path / "lake") == []


async def test_repair_hides_as_the_backfill_did(tmp_path: Path) -> None:
    """It is hidden as the ledger says: a file read anew has the same hashes, and verify finds no fault."""
    async with bench(tmp_path, _account()) as it:
        await it.harvest(START, END, **HIDING)
        lake, credentials = tmp_path / "lake", load_credentials(tmp_path / "key.json")[0]
        next((lake / "calls").rglob("*.parquet")).unlink()
        assert not (await Verify(lake=lake).run())[0].is_sound
        (holding,) = holdings(lake)
        window = damages(holding)
        assert window is not None
        settings: dict[str, Any] = {
            "credentials": tmp_path / "key.json",
            "endpoint": it.endpoint,
            "rate": None,
        }
        with pytest.raises(ConfigError, match="give its --hash-numbers KEYFILE"):
            list(_jobs(lake, None, settings | {"lake": lake, "number_key": None}))
        settings["number_key"] = HIDING["number_key"]
        job = Job.of_identity(holding.identity, name="calls", window=window, lake=lake, **settings)
        report = await Backfill(job, credentials, scope=damaged).run()
        assert (report.outcome, report.partitions) == ("complete", 1)
        assert _rows(lake) == _expected()
        assert _traces(lake) == []
        assert (await Verify(lake=lake).run())[0].is_sound


async def test_records_that_differ_in_what_is_hidden_are_as_many(tmp_path: Path) -> None:
    """Two without a key that differ in a link alone look alike in quarantine, and the API's counts agree."""
    link = "https://store/{}?sign=x"
    records = [
        {"call_session_history_id": key, "start_date": as_text(START), "log_file_url": link.format(key)}
        for key in (1, 2)
    ]
    async with bench(tmp_path, _Keyless(records)) as it:
        report = await it.harvest(START, END, **HIDING)
        assert (report.outcome, report.rows, report.quarantined) == ("complete", 0, 2)
        lake, credentials = tmp_path / "lake", load_credentials(tmp_path / "key.json")[0]
        first, second = duckdb.execute(
            f"SELECT text FROM read_json('{lake}/_harvester/quarantine/calls/*.jsonl')"
        ).fetchall()
        assert first == second

        def job(name: str, identity: Mapping[str, Any], window: Window) -> Job:
            settings = {"credentials": tmp_path / "key.json", "endpoint": it.endpoint, "rate": None, **HIDING}
            del settings["redact_urls"]
            return Job.of_identity(identity, name=name, window=window, lake=lake, **settings)

        (result,) = await Verify(lake=lake, job=job, credentials=credentials).run()
        assert [count.api for count in result.counts] == [2]
        assert result.is_sound


def test_what_recover_sets_aside_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Answers in a spool that nobody knows stay as received when all else is hidden: recover says so."""
    lake = tmp_path / "lake"

    async def interrupted() -> None:
        async with small_bench(tmp_path, _account(), Behaviour(gzip=False)) as it:
            await it.harvest(START, START + DAY, **HIDING)
            behind = Fault("error_code", share=1.0, code=104, when=lambda asked: asked["offset"] != "0")
            it.emulator.faults = Faults((behind,))
            with pytest.raises(ExceptionGroup):
                await it.harvest(START, END, **HIDING)

    asyncio.run(interrupted())
    for _ in range(2):
        (lake / "_harvester/ledger.sqlite").unlink()
        assert main(["recover", "--lake", str(lake)]) == 0
        (spool,) = (lake / "_harvester").glob("before-recover-*/spool")
        assert {path.relative_to(spool).parts[0] for path in _traces(lake)} == {"calls"}
        told = capsys.readouterr().out
        assert f"{spool} holds answers as received, with all that the lake hides" in told
    for path in _traces(lake):
        path.unlink()
    (lake / "_harvester/ledger.sqlite").unlink()
    assert main(["recover", "--lake", str(lake)]) == 0
    assert "as received" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("settings", "difference"),
    [
        (
            {},
            "hash-numbers is key [0-9a-f]{16} there and not set here; redact-urls is on there and ",
        ),
        ({**HIDING, "redact_urls": False}, "redact-urls is on there and not set here"),
        ({**HIDING, "number_key": NumberKey(b"x" * 32)}, "hash-numbers is key [0-9a-f]{16} there and key "),
    ],
    ids=["neither", "urls", "another key"],
)
async def test_a_lake_never_mixes_two_ways_of_hiding(
    tmp_path: Path, settings: dict[str, Any], difference: str
) -> None:
    """Nor two keys: the run is refused before anything is asked."""
    async with bench(tmp_path, _account()) as it:
        await it.harvest(START, START + 3600, **HIDING)
        it.emulator.reset()
        with pytest.raises(LakeError, match=difference):
            await it.harvest(START, END, **settings)
        assert it.emulator.requests == []
