"""One display over several runs, as of ``sync``: each has a name, a noun and speeds of its own."""

import asyncio
import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from harvester.cli.display import Display
from harvester.config import Job
from harvester.datasets import CALLS, TRANSACTIONS
from tests.cli.test_display import JOB, MOMENT, Going, steadily, terminal_of

CALLS_JOB = replace(JOB, name="calls", dataset=CALLS)
TRANSACTIONS_JOB = replace(JOB, name="transactions", dataset=TRANSACTIONS)


async def show(running: Callable[[], Going | None], seconds: float) -> None:
    """Show whatever runs, for so long."""
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(seconds):
            await Display(running, quiet=False).show()


def one_after_the_other(*jobs: Job, seconds: float, between: float = 0.0) -> Callable[[], Going | None]:
    """Steady runs of so many seconds each, and nothing between them for some."""
    clock = asyncio.get_running_loop().time
    begun: list[Going] = []

    def running() -> Going | None:
        turn, since = divmod(clock(), seconds + between)
        if since >= seconds or turn >= len(jobs):
            return None
        if turn >= len(begun):
            begun.append(Going(steadily(), jobs[int(turn)]))
        return begun[int(turn)]

    return running


async def test_a_line_names_the_dataset_that_is_being_read() -> None:
    """Its records, and speeds that begin with its run: what was read of another slows nothing down."""
    with capture_logs() as logs:
        await show(one_after_the_other(CALLS_JOB, TRANSACTIONS_JOB, seconds=25), 45)
    told = [(line["dataset"], line["records"], line["per_second"]) for line in logs]
    assert told == [
        ("calls", 1_000, 0.2),
        ("calls", 2_000, 0.2),
        ("transactions", 500, 0.2),
        ("transactions", 1_500, 0.2),
    ]


async def test_another_run_over_the_same_dataset_is_measured_anew() -> None:
    """A service reads a dataset again and again, and each time from zero: no speed is ever negative."""
    with capture_logs() as logs:
        await show(one_after_the_other(*[CALLS_JOB] * 4, seconds=18), 65)
    assert [line["records"] for line in logs] == [1_000, 200, 1_200, 400, 1_400, 600]
    assert all(line["per_second"] >= 0 for line in logs)
    assert {line["left"] for line in logs} <= {f"34 min {second} s" for second in range(60)}


async def test_no_line_comes_between_two_runs() -> None:
    """There is nothing to tell until the next one has begun."""
    with capture_logs() as logs:
        await show(one_after_the_other(CALLS_JOB, TRANSACTIONS_JOB, seconds=15, between=20), 45)
    assert [line["dataset"] for line in logs] == ["calls", "transactions"]


async def test_the_panel_is_of_the_run_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """Title and noun are those of its dataset, and no speed is negative when it begins."""
    terminal = terminal_of(monkeypatch)
    await show(one_after_the_other(CALLS_JOB, TRANSACTIONS_JOB, seconds=2), 3.9)
    pictures = [" ".join(picture.split()) for picture in terminal.getvalue().split("╭")[1:]]
    told = [re.match(r"─ (\S+) → .*? │ (\S+) ", picture) for picture in pictures]
    heads = [match.groups() for match in told if match is not None]
    assert len(heads) == len(pictures) > 15
    assert heads == sorted(heads)
    assert set(heads) == {("calls", "sessions"), ("transactions", "transactions")}
    assert not re.search(r"-\d", re.sub(r"\x1b\S*", "", "".join(pictures)))


async def test_no_panel_stays_between_two_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """That of the run before is wiped: it would be taken for the present, until the next round perhaps."""
    terminal, going = terminal_of(monkeypatch), Going(lambda: MOMENT)
    clock = asyncio.get_running_loop().time
    shown = asyncio.create_task(Display(lambda: going if clock() < 1 else None, quiet=False).show())
    await asyncio.sleep(2)
    text = terminal.getvalue()  # before the end, which wipes whatever there is
    assert text.count("\x1b[2K", text.rindex("╯")) >= 8
    shown.cancel()
    with pytest.raises(asyncio.CancelledError):
        await shown
