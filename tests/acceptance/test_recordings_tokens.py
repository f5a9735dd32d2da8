"""Tokens and files: a second server stands by that must never see a token, and mostly sees nobody."""

from pathlib import Path

import pytest

from harvester.emulator import Fault, Faults, ListedAccount
from harvester.errors import RefusedError
from tests.acceptance.files import END, FILES, START, account, check_stored, collect, rows, session
from tests.acceptance.harness import DAY, bench
from tests.wire.server import Visit, serving

BODY = b"of another server"


async def other(visit: Visit) -> None:
    """Serve the same file to everybody, and keep what was asked."""
    while True:
        visit.requests.append(await visit.reader.readuntil(b"\r\n\r\n"))
        await visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(BODY), BODY))


def strange(place: str) -> ListedAccount:
    """One session whose files lie elsewhere, as the vendor says."""
    parts = {"calls": [{"call_id": 1, "record_url": f"{place}/leg.mp3?X-Signature=hunter2"}]}
    return ListedAccount([session(1, log_file_url=f"{place}/log", records=[], **parts)])


async def test_the_storage_is_shown_a_token_each_time(tmp_path: Path) -> None:
    """Files are secured, so each request has one."""
    async with bench(tmp_path, account()) as it:
        await it.harvest(START, END)
        await collect(it)
        assert [asked.with_token for asked in it.emulator.files.asked] == [True] * FILES


async def test_other_hosts_are_not_asked(tmp_path: Path) -> None:
    """A URL that leads elsewhere is listed with its host, and nobody there hears of it."""
    async with serving(other) as (place, visits):
        async with bench(tmp_path, strange(place)) as it:
            await it.harvest(START, END)
            report = await collect(it)
            assert report.outcome == "failures"
            assert it.emulator.files.asked == []
        assert visits == []
    reasons = rows(tmp_path / "lake", "DISTINCT status, http_status, reason")
    assert reasons == [
        ("failed", None, "127.0.0.1 is not the vendor's: --also-from asks there, without a token")
    ]


async def test_other_hosts_that_are_named_are_asked_without_a_token(tmp_path: Path) -> None:
    """Storage of one's own: the URL is asked for as it is, signature and all, and no token goes along."""
    async with serving(other) as (place, visits):
        async with bench(tmp_path, strange(place)) as it:
            await it.harvest(START, END)
            report = await collect(it, others=(place.removeprefix("http://"),), concurrency=1)
            assert (report.outcome, report.tally.stored) == ("complete", 2)
        requests = b"".join(request for visit in visits for request in visit.requests)
    assert requests.count(b"GET ") == 2
    assert b"/leg.mp3?X-Signature=hunter2" in requests
    assert b"authorization" not in requests.lower()
    assert b"eyJ" not in requests
    ((path,), *_) = rows(tmp_path / "lake", "path", "kind = 'record'")
    assert (tmp_path / "lake" / path).read_bytes() == BODY


@pytest.mark.parametrize("named", [False, True], ids=["unknown", "named"])
async def test_a_redirect_is_not_followed(tmp_path: Path, *, named: bool) -> None:
    """Wherever it leads: the file is failed, the place is named, and nobody comes there."""
    async with serving(other) as (place, visits):
        async with bench(tmp_path, account()) as it:
            await it.harvest(START, END)
            moved = Fault("redirect", location=f"{place}/a.mp3?sign=hunter2", requests=(3,))
            it.emulator.files.faults = Faults((moved,))
            report = await collect(it, others=(place.removeprefix("http://"),) if named else ())
            (failed,) = report.tally.failed
            assert (failed.http_status, failed.reason) == (
                307,
                "redirected to 127.0.0.1, which is not followed",
            )
            assert check_stored(it) == FILES - 1
        assert visits == []


async def test_a_token_is_in_no_file(tmp_path: Path) -> None:
    """Not in the table, not in the journal of a run that failed, not beside a file that was cut off."""
    async with bench(tmp_path, account()) as it:
        await it.harvest(START, END)
        it.emulator.files.faults = Faults((Fault("short_body", share=0.5), Fault("hang_up", share=0.3)))
        await collect(it)
        for path in (tmp_path / "lake").rglob("*"):
            if path.is_file():
                assert b"eyJ" not in path.read_bytes()


@pytest.mark.parametrize(("name", "refused_runs"), [("log", 0), ("record.mp3", 1)], ids=["later", "first"])
async def test_a_file_that_is_refused_for_ever_keeps_no_other_waiting(
    tmp_path: Path, name: str, refused_runs: int
) -> None:
    """It alone fails, since the host takes the token for others; if it comes first, the next run shows it."""
    async with bench(tmp_path, account()) as it:
        await it.harvest(START, END)
        refused = Fault("http_401", share=1.0, when=lambda asked: asked["path"].endswith(f"/1/{name}"))
        it.emulator.files.faults = Faults((refused,))
        for _ in range(refused_runs):
            with pytest.RaisesGroup(pytest.RaisesExc(RefusedError), flatten_subgroups=True):
                await collect(it, concurrency=1)
        for stored in (FILES - 1, 0):
            report = await collect(it, concurrency=1)
            assert (report.outcome, report.tally.stored) == ("failures", stored)
            (failed,) = report.tally.failed
            assert failed.http_status == 401
            assert str(failed.reason).endswith("does not accept the token, for this file")
        assert check_stored(it) == FILES - 1
        it.emulator.files.faults = Faults()
        assert (await collect(it)).outcome == "complete"


async def test_a_token_that_is_refused_on_the_way_ends_the_asking(tmp_path: Path) -> None:
    """A key that is revoked meanwhile: files fail in a row, and the rest is left to the next run."""
    sessions = [session(key, calls=[], records=[]) for key in range(1, 81)]
    async with bench(tmp_path, ListedAccount(sessions)) as it:
        await it.harvest(START, START + 40 * DAY)
        it.emulator.files.faults = Faults((Fault("http_401", requests=range(3, 9999)),))
        report = await collect(it, concurrency=1)
        assert (report.outcome, report.tally.stored, len(report.tally.failed)) == ("failures", 2, 25)
        assert sum(report.tally.left.values()) == 80 - 27
