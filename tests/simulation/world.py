"""One seed from its first life to its last: forks the lives, hears what they tell, and judges."""

import gc
import hashlib
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, NoReturn

import duckdb
import orjson

from tests.simulation.judge import Judge, WrongError
from tests.simulation.life import Teller, live
from tests.simulation.scenario import Life, Scenario, draw

MEMORY = Path("/dev/shm")  # noqa: S108  (a file system in memory, where there is one)
MOST_REQUESTS = 6_000  # of one life; two hundred sessions need a tenth of it, faults and all
_MOMENT = 1e-3  # seconds within which what happens at once may be ordered either way


@dataclass(slots=True)
class Outcome:
    """What came of a seed.

    Attributes:
        seed: The seed.
        digest: Hash of all that happened: equal runs have equal ones.
        wrong: Which promise was broken; empty if none was.
        counts: How often what happened.
        trace: All that happened, a line each.
    """

    seed: int
    digest: str = ""
    wrong: str = ""
    counts: Counter[str] = field(default_factory=Counter)
    trace: list[str] = field(default_factory=list)


def simulate(seed: int, database: duckdb.DuckDBPyConnection) -> Outcome:
    """Run one seed."""
    scenario, outcome = draw(seed), Outcome(seed)
    with tempfile.TemporaryDirectory(
        prefix=f"seed-{seed}-", dir=MEMORY if MEMORY.is_dir() else None
    ) as folder:
        lake = Path(folder) / "lake"
        lake.mkdir()
        world = _World(scenario, lake, Judge(scenario, lake, database), outcome)
        try:
            world.run()
        except WrongError as error:
            outcome.wrong = str(error)
        except Exception as error:
            error.add_note(f"seed {seed}")
            raise
    outcome.digest = hashlib.sha256("\n".join(outcome.trace).encode()).hexdigest()
    outcome.counts["seeds"] += 1
    return outcome


class _World:
    def __init__(self, scenario: Scenario, lake: Path, judge: Judge, outcome: Outcome) -> None:
        self._scenario = scenario
        self._lake = lake
        self._judge = judge
        self._outcome = outcome
        self._now = scenario.begins

    def run(self) -> None:
        for number, life in enumerate(self._scenario.lives):
            self._now += max(life.pause, 0)
            self._live(number, life)
        self._judge.finish(self._now)

    def _live(self, number: int, life: Life) -> None:
        counts, begins = self._outcome.counts, self._now
        witness = _Witness(life, self._scenario)
        counts["lives"] += 1
        for what, at, facts, answer in _told(self._scenario, number, self._lake, begins):
            self._now = begins + at
            if what != "over":
                self._note(number, what, at, facts)
            counts[what] += 1
            if what == "shown":
                self._judge.look(self._now)
            elif what == "published":
                self._judge.compare(self._now)
            else:
                witness.hear(what, facts)
            if answer is not None:
                os.write(answer, b"+")
        witness.judge()
        if life.death.power and witness.killed:
            self._tear(Random(f"power {self._scenario.seed} {number}"))
        if (self._lake / "calls").exists():
            self._judge.look(self._now)

    def _note(self, number: int, what: str, at: float, facts: dict[str, Any]) -> None:
        self._outcome.trace.append(f"{number} {at:.6f} {what} {orjson.dumps(facts).decode()}")

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
            path.write_bytes(content)
            self._outcome.counts["spool files torn"] += 1


class _Witness:
    """Hears what one life tells, and judges what can be judged by that alone (P7, P8, P9, P10, P11)."""

    def __init__(self, life: Life, scenario: Scenario) -> None:
        self._life = life
        self._scenario = scenario
        self.killed = False
        self._over = False
        self._requests = 0
        self._reports: list[dict[str, Any]] = []
        self._failure: dict[str, Any] | None = None

    def hear(self, what: str, facts: dict[str, Any]) -> None:
        match what:
            case "asked":
                self._requests += 1
                _demand(self._requests <= MOST_REQUESTS, f"P8/P11: more than {MOST_REQUESTS} requests")
            case "killed":
                self.killed = True
            case "broken":
                raise WrongError(f"the simulation itself failed: {facts['text']}")
            case "failed":
                self._failure = facts
            case "ended":
                self._reports.append(facts["report"])
            case "verified":
                _demand(not facts["findings"], f"P12: verify finds {facts['findings']}")
            case "over":
                self._over = True
                self._pace(facts["wire"])

    def judge(self) -> None:
        _demand(self._over or self.killed, "P11: a life ended without a word")
        life, failure = self._life, self._failure
        if failure is not None:
            _demand(
                failure["error"] in life.may_fail and failure["code"] in range(1, 5),
                f"P10: it failed with {failure}",
            )
        for report in self._reports:
            outcome, gaps = report["outcome"], report["gaps"]
            _demand((outcome == "gaps") == bool(gaps), f"P10: {outcome} with gaps {gaps}")
            if outcome == "interrupted":
                _demand(life.death.stopped < float("inf"), "P10: interrupted by nobody")
        if life.last:
            _demand(self._reports, "P11: the calm did not end well")
            legitimate = bool(self._scenario.beyond)
            wanted = {"complete", "gaps"} if legitimate else {"complete"}
            _demand(self._reports[-1]["outcome"] in wanted, f"P10/P11: {self._reports[-1]}")

    def _pace(self, wire: list[tuple[float, str]]) -> None:
        rate = self._life.settings["rate"]
        sent = [at for at, asked in wire if not asked]
        if isinstance(rate, float):
            for first, last in zip(sent, sent[int(rate) :], strict=False):
                # One more than the budget, R + 1 in all, is beyond it if they leave within less than a second.
                _demand(last - first > 1 - _MOMENT, f"P7: {int(rate) + 1} requests within {last - first} s")
        for at, asked in wire:
            if asked:
                inside = [other for other in sent if at + _MOMENT < other < at + float(asked) - _MOMENT]
                _demand(not inside, f"P7: asked at {inside} during a pause of {asked} s from {at}")


def _told(
    scenario: Scenario, number: int, lake: Path, begins: float
) -> Iterator[tuple[str, float, dict[str, Any], int | None]]:
    """What a life tells, until it is over; the last value is where to answer, if it waits for that."""
    told, out = os.pipe()
    back, answer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(told)
        os.close(answer)
        _become(scenario, number, lake, begins, Teller(out, back))
    os.close(out)
    os.close(back)
    try:
        with open(told, "rb") as lines:  # noqa: PTH123  (a pipe has no path)
            for line in lines:
                what, at, facts = orjson.loads(line)
                yield what, at, facts, answer if what in {"shown", "published"} else None
    finally:
        os.close(answer)  # a life that waits for an answer ends itself
        os.waitpid(child, 0)


def _become(scenario: Scenario, number: int, lake: Path, begins: float, teller: Teller) -> NoReturn:
    gc.disable()  # a life is short, and a collection would copy the parent's pages
    live(scenario, number, lake, begins, teller)


def _demand(holds: object, text: str) -> None:
    if not holds:
        raise WrongError(text)


__all__ = ["Outcome", "shutil", "simulate"]
