"""Every answer of the tables, once and for ever, through the real client and the real transport."""

import asyncio
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from math import inf
from pathlib import Path
from traceback import format_exception

import pytest
import trustme

from harvester.api.auth import TokenSource
from harvester.api.client import Client
from harvester.api.clock import Limits
from harvester.api.persistence import Meter
from harvester.api.transport import Transport
from harvester.errors import RefusedError, UnreadableError
from tests.asking import FORM, METHOD, Longest, now
from tests.keys import CREDENTIALS
from tests.wire.bodies import BANS, CODINGS, DOCUMENTS, ENVELOPES, REDIRECTS, STATUSES
from tests.wire.case import OTHER, RECORD, Act, Case, answer
from tests.wire.framing import BOMBS, BREAKS, FRAMES
from tests.wire.server import Visit, playing, serving

pytestmark = pytest.mark.large

CASES = (*BREAKS, *CODINGS, *FRAMES, *BANS, *STATUSES, *ENVELOPES, *DOCUMENTS, *REDIRECTS, *BOMBS)
LIMITS = Limits(connections=4, body_bytes=2 << 20)


@pytest.fixture(scope="module")
def ca_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate to trust, unused here: reading the system's takes a tenth of a second each time."""
    path = tmp_path_factory.mktemp("wire") / "ca.pem"
    trustme.CA().cert_pem.write_to_path(path)
    return path


class Stage:
    """Plays a case to so many requests, and answers well from then on."""

    def __init__(self, case: Case, other: str, times: float) -> None:
        """Prepare; ``other`` is the host and port that must not be asked."""
        self._parts = [
            part.replace(OTHER.encode(), other.encode()) if isinstance(part, bytes) else part
            for part in case.parts
        ]
        self._early = case.early
        self._left = times
        self.asked = 0

    async def play(self, visit: Visit) -> None:
        """One connection."""
        while True:
            if not (self._early and self._left > 0):
                await visit.request()
            self.asked += 1
            if self._left <= 0:
                await visit.send(answer())
                continue
            self._left -= 1
            if not await self._act(visit):
                return

    async def _act(self, visit: Visit) -> bool:
        """Send the parts; whether the connection lives on."""
        parts = iter(self._parts)
        for part in parts:
            match part:
                case bytes():
                    await visit.send(part)
                case Act.CLOSE:
                    return False
                case Act.RESET:
                    await asyncio.sleep(0.01)  # what was sent has arrived
                    visit.writer.transport.abort()
                    return False
                case Act.HANG:
                    await visit.reader.read()
                    return False
                case Act.DRIP:
                    for _ in range(100):
                        await asyncio.sleep(10)
                        await visit.send(b" ")
                case Act.FLOOD:
                    flood = next(parts)
                    assert isinstance(flood, bytes)
                    for _ in range(2_000):
                        await visit.send(flood)
        return True


@asynccontextmanager
async def playing_case(case: Case, times: float, ca_file: Path) -> AsyncIterator[tuple[Client, Stage, Meter]]:
    """A client of a server that plays ``case``; afterwards nobody has connected to the other server."""
    meter = Meter()
    async with serving(playing(answer())) as (other, visits):
        stage = Stage(case, other.removeprefix("http://"), times)
        async with (
            serving(stage.play) as (endpoint, _),
            Transport(endpoint, LIMITS, ca_file=ca_file) as transport,
        ):
            tokens = TokenSource(CREDENTIALS, now=now)
            yield (
                Client(transport, tokens, rate=8, concurrency=4, random=Longest(), now=now, meter=meter),
                stage,
                meter,
            )
        assert visits == []


@pytest.mark.parametrize("case", CASES, ids=str)
async def test_an_answer_once(case: Case, ca_file: Path) -> None:
    """It is a page, or asked again, or ends the request by name; the next question has its own."""
    loop = asyncio.get_running_loop()
    async with playing_case(case, 1, ca_file) as (client, _, meter):
        if case.error is None:
            _, page = await client.fetch(METHOD, FORM)
            assert page.records == [RECORD]
            assert meter.requests == case.tries
            assert case.words in meter.last_error
            assert loop.time() >= case.pause
        else:
            with pytest.raises(case.error, match=case.words or None):
                await client.fetch(METHOD, FORM)
            assert meter.requests == 1
            await asyncio.sleep(6 * 3_600)  # no pause is kept for longer
        _, page = await client.fetch(METHOD, FORM)
        assert page.records == [RECORD]


@pytest.mark.parametrize("case", [case for case in CASES if case.error is None and case.tries > 1], ids=str)
async def test_an_answer_for_ever(case: Case, ca_file: Path) -> None:
    """However often it comes, the request ends by name after its tries, and the server was asked no more."""
    loop = asyncio.get_running_loop()
    async with playing_case(case, inf, ca_file) as (client, stage, meter):
        with pytest.raises(case.at_last, match=case.words or None) as caught:
            await client.fetch(METHOD, FORM)
        assert "eyJ" not in "".join(format_exception(caught.value))
        # Eight tries, or a quarter of an hour if each takes two minutes; a refused token has one more. Of the
        # API's own answers three that are the same.
        slow = 1 if Act.DRIP in case.parts and "in time" in case.words else 0
        few = {RefusedError: 2, UnreadableError: 3}.get(type(caught.value))
        assert meter.requests in ({8, 8 - slow} if few is None else {few})
        assert loop.time() - meter.pauses <= 900 + LIMITS.total
        assert stage.asked <= meter.requests


@pytest.mark.parametrize("case", BOMBS, ids=str)
async def test_a_bomb_stays_small(case: Case, ca_file: Path) -> None:
    """What is read of an answer without end is bounded, as received and unpacked."""
    async with playing_case(case, 1, ca_file) as (client, _, meter):
        tracemalloc.start()
        try:
            await client.fetch(METHOD, FORM)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert meter.bytes_received <= 3 << 20
        assert peak <= 96 << 20  # the limit, and what 16 KiB more may inflate to
