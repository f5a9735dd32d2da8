"""The rate that the API takes, where that is less than the budget: found by its refusals.

The vendor publishes no limit, only the codes that say one was passed (reference "Rate limits and speed").
After a refusal requests leave at seven tenths of the rate that was refused, and it is tried again after a
minute, by the curve of TCP's CUBIC (RFC 9438)::

    refused ┤             ▄▄▄▄▄█       steep at first, flat near what was refused,
            │       ▄▄▄▀▀▀      ▀▄▄    steep again beyond it: a limit that is gone
    7 / 10  ┤▄▄▄▄▀▀▀                   costs minutes, and one that stays a refusal
            └──────────────────────    a minute or less
             0                 60 s
"""

import math
from collections import deque

__all__ = ["Throttle"]

_KEPT = 0.7  # of the rate that was refused
_PERIOD = 60.0  # seconds until it is tried again
_LEAST = 0.1  # requests a second, or the budget where that is less: a wait has an end
_SEEN = 5.0  # seconds that a rate is measured by
_FEWEST, _SOONEST = 3, 1.0  # requests, and seconds between the first and the last, by which it can be


class Throttle:
    """Says when a request may leave, so that they leave no faster than the API was found to take them.

    All times are of one clock, in seconds.

    Attributes:
        cuts: How often the rate was cut.
    """

    def __init__(self, budget: float | None) -> None:
        """Hold nobody back yet.

        Args:
            budget: Requests a second that leave at most, which others see to; any number if ``None``.
        """
        self._budget = math.inf if budget is None else budget
        self._refused = math.inf  # requests a second
        self._cut = -math.inf
        self._resumed = 0.0  # after the pause of the last cut
        self._turns: deque[float] = deque()  # of the last seconds, but none before the last cut
        self._last = -math.inf  # turn
        self.cuts = 0

    def wait(self, now: float) -> float:
        """Seconds from ``now`` until the next may leave, as it looks now: after a cut they are more."""
        return max(0.0, self._last + 1 / self.rate(now) - now)

    def pass_one(self, now: float) -> None:
        """Note that one leaves."""
        self._last = now
        self._forget(now)
        self._turns.append(now)

    def rate(self, now: float) -> float:
        """Requests a second at ``now``; infinite where there is no limit but the budget."""
        periods = max(0.0, now - self._resumed) / _PERIOD
        rate = self._refused * (1 + (1 - _KEPT) * (periods - 1) ** 3)
        return math.inf if rate >= self._budget else max(rate, min(_LEAST, self._budget))

    def refuse(self, turn: float, now: float, resume: float) -> bool:
        """Cut the rate, since the API took a request for one too many; whether it was cut.

        Not for one that left before the last cut: it had not heard of it. Its pause counts all the same.

        Args:
            turn: When the request had its turn.
            now: When the answer came.
            resume: When the next may leave.
        """
        if turn <= self._cut:
            self._resumed = max(self._resumed, resume)
            return False
        self._forget(now)  # who heard of it may have asked nothing for long
        rate = min(self.rate(now), self._budget, self._measured())
        if rate == math.inf:  # no budget, and all of them within a second, if there were any
            if len(self._turns) < _FEWEST:
                return False
            rate = len(self._turns)
        self._refused, self._cut, self._resumed = rate, now, resume
        self._turns.clear()
        self.cuts += 1
        return True

    def _forget(self, now: float) -> None:
        while self._turns and self._turns[0] <= now - _SEEN:
            self._turns.popleft()

    def _measured(self) -> float:
        """Requests a second that left lately; infinite if they are too few, or too close, to say so."""
        count, span = len(self._turns), self._turns[-1] - self._turns[0] if self._turns else 0.0
        return (count - 1) / span if count >= _FEWEST and span >= _SOONEST else math.inf
