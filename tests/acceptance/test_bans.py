"""A pause that the API asks for is kept by the runs to come too, whichever process they are."""

import json
import time
from dataclasses import replace
from pathlib import Path

import pytest

from harvester.emulator import Fault, Faults, SyntheticAccount
from harvester.errors import UnavailableError
from harvester.lake.layout import Layout
from harvester.lake.pause import PauseFile
from tests.acceptance.harness import DAY, SPRING, Bench, small_bench
from tests.acceptance.oracle import exact

START, END = SPRING - 2 * DAY, SPRING
HOUR = 3_600
NOON = SPRING + 300 * DAY

pytestmark = pytest.mark.large


def _account() -> SyntheticAccount:
    return SyntheticAccount(300, START, END, seed=12)


def _banned(seconds: int) -> Faults:
    return Faults((Fault("http_429", share=1.0, retry_after=seconds),))


def _at(it: Bench, moment: float) -> Bench:
    return replace(it, now=lambda: moment)


async def _refused(it: Bench, words: str) -> None:
    with pytest.RaisesGroup(
        pytest.RaisesExc(UnavailableError, match=words), allow_unwrapped=True, flatten_subgroups=True
    ):
        await it.harvest(START, END, concurrency=1)


async def test_no_run_asks_in_a_ban(tmp_path: Path) -> None:
    """F06: each ends at once and says when it may ask again; in its last minutes one waits."""
    async with small_bench(tmp_path, _account(), faults=_banned(HOUR)) as it:
        await _refused(_at(it, NOON), "a pause of 3600 s")
        for later in (0, 60, 2_690):
            await _refused(_at(it, NOON + later), "until 2025-01-26 01:00:01 UTC: nothing is asked before")
        assert len(it.emulator.requests) == 1
        it.emulator.faults = Faults()
        report = await _at(it, NOON + HOUR - 600).harvest(START, END)
        assert report.outcome == "complete"
        assert it.verdict(START, END) == exact(it.account.total)
        first, second = (asked.arrived for asked in it.emulator.requests[:2])
        assert second - first >= 600


@pytest.mark.parametrize("moment", [NOON - 1, NOON - 35 * DAY, NOON + 6 * HOUR + 1])
async def test_no_clock_makes_a_ban_last(tmp_path: Path, moment: float) -> None:
    """Of a clock that was set back it says nothing, and six hours is the most that is believed."""
    async with small_bench(tmp_path, _account(), faults=_banned(100_000)) as it:
        await _refused(_at(it, NOON), "a pause of 100000 s")
        await _refused(_at(it, NOON + HOUR), "until 2025-01-26 06:00:01 UTC")
        it.emulator.faults = Faults()
        assert (await _at(it, moment).harvest(START, END)).outcome == "complete"


@pytest.mark.real_time
async def test_workers_keep_what_one_of_them_was_told(tmp_path: Path) -> None:
    """It is written down by the owner of the lake."""
    async with small_bench(tmp_path, _account(), faults=_banned(HOUR)) as it:
        with pytest.raises((UnavailableError, ExceptionGroup)):
            await it.harvest(START, END, processes=2, concurrency=2)
        asked = len(it.emulator.requests)
        assert 1 <= asked <= 2
        left = PauseFile.of(Layout(tmp_path / "lake", "calls")).left(time.time())
        assert HOUR - 60 < left <= HOUR
        with pytest.raises((UnavailableError, ExceptionGroup), match="nothing is asked before"):
            await it.harvest(START, END, processes=2, concurrency=2)
        assert len(it.emulator.requests) == asked


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"since": 1}', '{"since": "x", "until": 2}', '{"since": null, "until": 2}']
)
def test_what_is_torn_is_no_pause(tmp_path: Path, text: str) -> None:
    """It is not synced: a power cut may leave anything, and no run ends for it."""
    file = PauseFile(tmp_path / "pause.json")
    assert file.left(100) == 0
    file.path.write_text(text)
    assert file.left(1) == 0
    file.keep(61, 100)
    assert json.loads(file.path.read_text()) == {"since": 100, "until": 161}
    assert (file.left(99), file.left(100), file.left(161)) == (0, 61, 0)


def test_a_short_pause_is_not_written_down(tmp_path: Path) -> None:
    """The next process takes longer to start."""
    file = PauseFile(tmp_path / "pause.json")
    file.keep(60, 100)
    assert not file.path.exists()
