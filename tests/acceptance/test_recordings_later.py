"""Files whose calls are read anew: a call has ended since, or the history says that a file lies elsewhere."""

import json
from pathlib import Path

from harvester.emulator import Behaviour, ListedAccount
from tests.acceptance.files import END, START, check_stored, collect, forget_calls, rows, session
from tests.acceptance.harness import Bench, bench

GONE = Behaviour(recording_days=1, log_days=1)  # whatever is asked for
MOVED = "gw-ru-07"


async def read_anew(it: Bench, key: int, *, moved: bool = False, **changes: object) -> None:
    """Let a call be another, from another host if ``moved``, and harvest it as if for the first time."""
    forget_calls(it.folder / "lake")
    text = json.dumps(session(key, **changes))
    it.account.replace(json.loads(text.replace("gw-ru-02", MOVED) if moved else text))  # type: ignore[attr-defined]
    await it.harvest(START, END)
    it.emulator.files.reset()


async def test_what_was_gone_while_its_call_ran_is_asked_for_when_it_has_ended(tmp_path: Path) -> None:
    """A recording may come into being at the end of its call: a 404 before says nothing of it."""
    async with bench(tmp_path, ListedAccount([session(5, active=True)]), GONE) as it:
        await it.harvest(START, END)
        report = await collect(it)
        assert (report.outcome, report.tally.stored, report.tally.gone) == ("complete", 0, 4)
        assert rows(tmp_path / "lake", "DISTINCT status, http_status, reason") == [
            ("gone", 404, "gone while its call still ran")
        ]
        assert (await collect(it)).tally.known_gone == 4, "while it runs it is not asked for again and again"
        await read_anew(it, 5)
        assert (await collect(it)).tally.gone == 4
        assert (await collect(it)).tally.known_gone == 4, "and once when it has ended"
        await read_anew(it, 5, active=True)
        assert (await collect(it)).tally.known_gone == 4


async def test_a_recording_that_a_running_call_did_not_have_is_stored(tmp_path: Path) -> None:
    """It is had by the first run after the call was read as ended."""
    async with bench(tmp_path, ListedAccount([session(5, active=True)]), GONE) as it:
        await it.harvest(START, END)
        await collect(it)
        await read_anew(it, 5)
        it.emulator.behaviour = Behaviour()
        report = await collect(it)
        assert (report.outcome, report.tally.stored, report.tally.known_gone) == ("complete", 4, 0)
        assert check_stored(it) == 4


async def test_what_was_gone_is_asked_for_where_the_history_says_that_it_lies_now(tmp_path: Path) -> None:
    """That it is not at one place says nothing of another; each place is asked once."""
    async with bench(tmp_path, ListedAccount([session(2)]), GONE) as it:
        await it.harvest(START, END)
        assert (await collect(it)).tally.gone == 3
        await read_anew(it, 2, moved=True)
        report = await collect(it, kinds=("record",))
        assert (report.tally.gone, report.tally.known_gone) == (2, 0)
        assert (await collect(it, kinds=("record",))).tally.known_gone == 2
        await read_anew(it, 2)
        it.emulator.behaviour = Behaviour()
        assert (await collect(it, kinds=("record",))).tally.stored == 2
        assert check_stored(it) == 2
