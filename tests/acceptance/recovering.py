"""A small lake of five days, one of them empty, and what ``recover`` makes of it."""

from pathlib import Path

from harvester.emulator import ListedAccount
from harvester.lake.recover import Recovery, rebuild
from harvester.window import Window
from tests.acceptance.damage import file_of
from tests.acceptance.harness import DAY, SPRING, Bench
from tests.acceptance.verifying import record

START, END = SPRING - 5 * DAY, SPRING
EMPTY = Window(START + 2 * DAY, START + 3 * DAY)  # the third day has no session


def history() -> ListedAccount:
    """A session each ten minutes, two in one second once a day; none on the third day."""
    seconds = [*range(START, END, 600), *range(START + 600, END, DAY)]
    kept = [second for second in seconds if second not in EMPTY]
    return ListedAccount(record(number, second) for number, second in enumerate(kept, start=1))


def ledger_of(it: Bench) -> Path:
    """The lake's ledger."""
    return it.folder / "lake" / "_harvester" / "ledger.sqlite"


def day_of(it: Bench, number: int) -> Path:
    """The file of a day, the first is 0."""
    return file_of(it, START + number * DAY)


def recovered(it: Bench) -> Recovery:
    """What ``harvester recover`` does."""
    return rebuild(it.folder / "lake", now=it.now(), jobs=2)
