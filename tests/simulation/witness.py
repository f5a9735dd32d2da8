"""Hears what one life tells, and judges what can be judged by that alone (P7, P8, P10, P11, P12)."""

from itertools import pairwise
from math import ceil
from typing import Any

from tests.simulation.lake import demand
from tests.simulation.scenario import Life

MOST_REQUESTS = 6_000  # of one run; a hundred sessions need a tenth of it, faults and all
_MOMENT = 1e-3  # seconds within which things that happen at once may be ordered either way


class Witness:
    """Of one life.

    Attributes:
        killed: Whether it was killed.
        asked: The questions that it asked and that were answered, in order.
    """

    def __init__(self, life: Life, *, excused: bool) -> None:
        """Listen to ``life``; ``excused`` if some seconds of its history may be beyond reach."""
        self.killed = False
        self.asked: list[tuple[Any, ...]] = []
        self._life = life
        self._excused = excused
        self._over = False
        self._requests = 0
        self._reports: list[dict[str, Any]] = []
        self._failure: dict[str, Any] | None = None

    def hear(self, what: str, facts: dict[str, Any]) -> None:
        """Take in what it tells.

        Raises:
            WrongError: That breaks a promise.
        """
        life = self._life
        match what:
            case "asked":
                self._requests += 1
                demand(self._requests <= MOST_REQUESTS, f"P8, P11: more than {MOST_REQUESTS} requests")
                if facts["rows"] and not facts["fault"]:
                    self.asked.append(tuple(facts["asked"]))
            case "killed":
                self.killed = True
            case "broken":
                demand(False, f"the simulation itself failed: {facts['text']}")  # noqa: FBT003  (it never holds)
            case "failed":
                self._failure = facts
            case "ended":
                self._requests = 0
                self._reports.append(facts["report"])
            case "collected":
                outcome = facts["report"]["outcome"]
                stopped = outcome == "interrupted" and life.death.stopped is not None
                wanted = (
                    outcome == "complete" if life.last else outcome in {"complete", "failures"} or stopped
                )
                demand(wanted, f"P10, P11: the files ended with {facts['report']}")
            case "verified":
                demand(not facts["findings"], f"P12: verify finds {facts['findings']}")
            case "over":
                self._over = True
                self._pace(facts["wire"])
                demand("eyJ" not in str(facts["logs"]), "P9: a token in a log")
            case _:
                pass  # the judge of the lake hears the rest

    def judge(self) -> None:
        """Judge the life as a whole.

        Raises:
            WrongError: It broke a promise.
        """
        life, failure = self._life, self._failure
        demand(self._over or self.killed, "P11: a life ended without a word")
        if failure is not None:
            expected = failure["error"] in life.may_fail and failure["code"] in range(1, 5)
            demand(expected, f"P10: it failed with {failure}")
        for report in self._reports:
            outcome, gaps = report["outcome"], report["gaps"]
            wrong = [*gaps, *(report["doubted"] if outcome != "interrupted" else ())]
            demand((outcome == "gaps") == bool(wrong), f"P10: {outcome} with what is wrong: {wrong}")
            demand(
                outcome != "interrupted" or life.death.stopped is not None, "P10: interrupted, and by nobody"
            )
        if life.last:
            wanted = {"complete", "gaps"} if self._excused else {"complete"}
            # What an earlier life found wrong is mended behind the harvest, and judged at the end.
            outcomes = {
                "complete" if report["doubted"] and not report["gaps"] else report["outcome"]
                for report in self._reports
            }
            demand(outcomes and outcomes <= wanted, f"P11: the calm ended with {self._reports}")

    def _pace(self, wire: list[tuple[float, str]]) -> None:
        """No more than the budget leaves in any second, and nothing during a pause."""
        rate = self._life.settings["rate"]
        sent = [at for at, asked in wire if not asked]
        for first, last in zip(sent, sent[ceil(rate) :] if rate else (), strict=False):
            demand(last - first > 1 - _MOMENT, f"P7: {ceil(rate) + 1} requests within {last - first} s")
        for at, asked in wire:
            if asked:
                inside = [other for other in sent if at + _MOMENT < other < at + float(asked) - _MOMENT]
                demand(not inside, f"P7: asked at {inside} during a pause of {asked} s from {at}")
        demand(all(left[0] <= right[0] for left, right in pairwise(wire)), "the wire's clock runs backwards")
