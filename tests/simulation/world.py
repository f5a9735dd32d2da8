"""One seed from its first life to its last: forks the lives, hears what they tell, and has it judged."""

import gc
import hashlib
import os
import signal
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from math import inf
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import orjson

from harvester.pipeline import fetchers
from tests.simulation.draw import draw
from tests.simulation.files import FilesJudge
from tests.simulation.judge import Judge
from tests.simulation.lake import SeenLake, WrongError, demand
from tests.simulation.life import live
from tests.simulation.network import CLEAR
from tests.simulation.scenario import Life, Scenario
from tests.simulation.watch import Teller
from tests.simulation.witness import Witness

MEMORY = Path("/dev/shm")  # noqa: S108  (a file system in memory, where there is one)
_JUDGED = frozenset({"shown", "published", "deleting"})
_GOOD = b"+"

_Lived = Callable[[Teller], None]
_Hears = Callable[[bytes], str]


@dataclass(slots=True)
class Outcome:
    """What came of a seed.

    Attributes:
        seed: The seed.
        wrong: Which promise was broken; empty if none was.
        counts: What happened, and how often.
        trace: All that happened, a line each.
    """

    seed: int
    wrong: str = ""
    counts: Counter[str] = field(default_factory=Counter)
    trace: list[str] = field(default_factory=list)

    @property
    def digest(self) -> str:
        """Hash of all that happened: equal runs have equal ones."""
        return hashlib.sha256("\n".join(self.trace).encode()).hexdigest()


def simulate(seed: int, database: duckdb.DuckDBPyConnection) -> Outcome:
    """Run one seed."""
    scenario, outcome = draw(seed), Outcome(seed)
    memory = MEMORY if MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(prefix=f"seed-{seed}-", dir=memory) as folder:
        world = _World(scenario, Path(folder) / "lake", database, outcome)
        try:
            world.run()
        except WrongError as error:
            outcome.wrong = str(error)
    return outcome


class _World:
    def __init__(
        self, scenario: Scenario, lake: Path, database: duckdb.DuckDBPyConnection, outcome: Outcome
    ) -> None:
        self._scenario = scenario
        self._lake = lake
        seen = SeenLake(lake, scenario.dataset, scenario.tables, database)
        self._judge = Judge(scenario, seen)
        self._files = FilesJudge(scenario, seen, database) if scenario.files else None
        self._orders: set[str] = set()
        self._outcome = outcome
        self._now = scenario.begins
        self._asked: Counter[tuple[Any, ...]] = Counter()
        # Answers that may be asked for again: what kills cost, and the one that taught that ``from_date`` is
        # no part of the range. It told too little of its own window, and may be the first of the next.
        self._again = int(not scenario.lives[0].behaviour.from_inclusive)

    def run(self) -> None:
        began = self._now
        for number, life in enumerate(self._scenario.lives):
            self._now += max(life.pause, 1)
            began = self._now
            self._outcome.counts["lives"] += 1
            self._live(number, life)
        self._judge.finish(self._now, began=began)
        if self._files:
            self._files.finish()
        if _is_plain(self._scenario):
            self._outcome.counts["plain"] += 1
            repeated = self._repeated()
            demand(repeated <= self._again, f"P5: {repeated} answers were asked for again, not {self._again}")

    def _repeated(self) -> int:
        """How many answers were asked for more than once.

        The second page of a window that was cut may be: it tells how much is left, and if that is little, the
        window begins anew. So may be the first page of a second that is read by filters: has nothing come?
        """
        second = str(self._scenario.dataset.page_size)
        narrowed = {asked[:2] for asked in self._asked if any(asked[5:])}

        def excused(asked: tuple[Any, ...]) -> bool:
            return asked[2] == second or (asked[2] == "0" and not any(asked[5:]) and asked[:2] in narrowed)

        return sum(times - 1 - excused(asked) for asked, times in self._asked.items() if times > 1)

    def _live(self, number: int, life: Life) -> None:
        begins, witness = self._now, Witness(life, excused=bool(self._scenario.beyond))

        def hear(line: bytes) -> str:
            what, at, facts = orjson.loads(line)
            self._now = begins + at
            self._outcome.counts[what] += 1
            self._hear(what, facts, life)
            self._outcome.trace.append(f"{number} {at:.6f} {what} {orjson.dumps(facts).decode()}")
            witness.hear(what, facts)
            return str(what)

        lived = partial(live, self._scenario, number, self._lake, begins)
        (_forked if life.death.kills else _here)(lived, hear)
        witness.judge()
        if self._files:
            self._files.look()
        if witness.killed:
            self._again += life.settings["concurrency"] + fetchers(life.settings["concurrency"])
            if life.death.power:
                self._tear(Random(f"power {life.behaviour.seed}"))
        if not life.last:
            self._asked.update(witness.asked)
        ledger = self._lake / "_harvester" / "ledger.sqlite"
        if witness.killed or not ledger.exists() or not ledger.stat().st_size:
            self._judge.look(self._now)
        else:
            self._judge.compare(self._now, owned=False)

    def _hear(self, what: str, facts: dict[str, Any], life: Life) -> None:
        match what:
            case "shown":
                self._judge.look(self._now)
            case "published":
                facts["files"] = self._judge.compare(self._now, owned=True)
            case "ordered":
                self._ordered(facts)
            case "deleting" if self._files:
                self._files.deleting(facts["number"], life)
            case _:
                pass  # the witness hears the rest

    def _ordered(self, facts: dict[str, Any]) -> None:
        """A report is ordered once, whatever is killed when."""
        asked = repr((facts["type"], sorted(facts["filters"].items())))
        demand(not (self._scenario.still and asked in self._orders), f"P5: ordered twice: {asked}")
        self._orders.add(asked)

    def _tear(self, random: Random) -> None:
        """A power cut: of what was written without a sync, some is lost and some is garbage."""
        for path in sorted((self._lake / "_harvester" / "spool").rglob("*.spool")):
            content = path.read_bytes()
            match random.choice(("whole", "short", "garbled", "longer")):
                case "short":
                    content = content[: random.randrange(len(content) + 1)]
                case "garbled" if content:
                    place = random.randrange(len(content))
                    content = content[:place] + random.randbytes(20) + content[place + 20 :]
                case "longer":
                    content += bytes(random.randrange(200))
                case _:
                    pass
            path.write_bytes(content)
            self._outcome.counts["torn"] += 1


def _is_plain(scenario: Scenario) -> bool:
    """Whether nothing but kills can make the program ask a question again."""
    troubled = any(
        life.faults or life.weather != CLEAR or life.death.power or life.limited for life in scenario.lives
    )
    unsteady = any(
        max(session.appears, session.ends) > scenario.begins or session.leaves < inf
        for session in scenario.sessions
    )
    shuffled = scenario.lives[-1].behaviour.order == "shuffled"
    # The look-back of sync is asked for again on purpose.
    renewed = any(life.does == "sync" for life in scenario.lives)
    crowds = Counter(session.second for session in scenario.sessions)
    # What does not fit has no key: pages that reach into a crowded second are not known again by it.
    odd = any(
        session.poisoned and crowds[session.second] >= 2 * scenario.dataset.page_size
        for session in scenario.sessions
    )
    # Reports are counted twice, before and after, and judged by their orders; caps are found by asking, and
    # where they are lower than documented, windows are read again in vain.
    caps = [life.behaviour.max_offset for life in scenario.lives]
    lowered = any(most is not None and most < scenario.dataset.max_offset for most in caps)
    otherwise = scenario.by_report or not scenario.dataset.caps_published or lowered
    return not (troubled or unsteady or odd or shuffled or renewed or otherwise or scenario.beyond)


def _here(life: _Lived, hear: _Hears) -> None:
    """Live it in this process, and judge in its midst: a fork costs much more."""
    wrong: list[Exception] = []

    def say(line: bytes) -> None:
        if not wrong:
            try:
                hear(line)
            except Exception as error:  # noqa: BLE001  (raised below: the program might make something of it)
                wrong.append(error)
        if wrong:
            raise BrokenPipeError

    life(Teller(say, good=lambda: True))
    for error in wrong:
        raise error


def _forked(life: _Lived, hear: _Hears) -> None:
    """Live it in a process of its own, and hear what it tells through a pipe."""
    told, out = os.pipe()
    back, answer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            gc.disable()  # a collection would copy every page
            os.close(told)
            os.close(answer)
            life(Teller(partial(os.write, out), good=lambda: os.read(back, 1) == _GOOD))
        finally:
            os._exit(0)  # nothing may run on in the fork
    os.close(out)
    os.close(back)
    try:
        with os.fdopen(told, "rb") as lines:
            for line in lines:
                if hear(line) in _JUDGED:
                    os.write(answer, _GOOD)
    finally:
        os.close(answer)
        os.kill(child, signal.SIGKILL)  # it may be found wanting in the middle of its life
        os.waitpid(child, 0)
