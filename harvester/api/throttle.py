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
_SOONEST = 1.0  # seconds after which it can be


class Throttle:
    """Gives requests their turns, no faster than the API was found to take them.

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
        self._refused: float | None = None  # requests a second; ``None`` while the budget alone holds
        self._cut = -math.inf
        self._resumed: float | None = None  # when the first request left, of all or since the last cut
        self._turns: deque[float] = deque()  # of the last seconds, and those to come
        self._next = 0.0
        self.cuts = 0

    def turn(self, now: float) -> float:
        """Give a request its turn; how many seconds from ``now`` that is.

        In the order of asking. Who lets a turn pass, since a pause has begun, asks for another.
        """
        at = now
        if (rate := self.rate(now)) is not None:
            at = max(now, self._next)
            self._next = at + 1 / rate
        if self._resumed is None:
            self._resumed = at
        while self._turns and self._turns[0] <= now - _SEEN:
            self._turns.popleft()
        self._turns.append(at)
        return at - now

    def rate(self, now: float) -> float | None:
        """Requests a second at ``now``; ``None`` if there is no limit but the budget."""
        if self._refused is None or self._resumed is None:
            return None
        periods = max(0.0, now - self._resumed) / _PERIOD
        rate = self._refused * (1 + (1 - _KEPT) * (periods - 1) ** 3)
        if rate >= self._budget:
            self._refused = None
            return None
        return max(rate, min(_LEAST, self._budget))

    def refuse(self, turn: float, now: float, resume: float) -> bool:
        """Cut the rate, since the API took a request for one too many; whether it was cut.

        Not for one that left before the last cut, which had not heard of it; nor in the first second, when
        nobody knows yet at what rate they leave.

        Args:
            turn: When the request had its turn.
            now: When the answer came.
            resume: When the next may leave.
        """
        if turn <= self._cut:
            return False
        rate = min(self.rate(now) or math.inf, self._measured(now))
        if rate == math.inf:
            return False
        self._refused = min(rate, self._budget)
        self._cut, self._resumed = now, resume
        self.cuts += 1
        return True

    def _measured(self, now: float) -> float:
        """Requests a second that left before ``now``; infinite if that cannot be said."""
        seen = 0.0 if self._resumed is None else min(_SEEN, now - self._resumed)
        if seen < _SOONEST:
            return math.inf
        return max(1, sum(now - seen <= at <= now for at in self._turns)) / seen
