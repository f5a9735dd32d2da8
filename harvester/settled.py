"""Whether what was asked had settled by the API's clock, too: this machine's alone decided what to ask."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from harvester.errors import ClockError

_CLOCKS = 600  # seconds by which clocks may differ; for that a settle lag has room (reliability F21)


class Answered(Protocol):
    """Whoever was answered."""

    @property
    def skew(self) -> float:
        """Seconds by which the API's clock is ahead of this machine's, by its last answer."""
        ...


@dataclass(frozen=True, slots=True)
class Settled:
    """Looks at both clocks.

    Attributes:
        settle: Seconds after which history counts as final.
        now: Gives Unix time by this machine.
        client: Knows the API's clock.
    """

    settle: int
    now: Callable[[], float]
    client: Answered

    def check(self, end: int) -> None:
        """Refuse an answer about seconds in which records may still appear: nobody would ask for these again.

        Args:
            end: Where the seconds end that were asked for, Unix time.

        Raises:
            ClockError: This machine is too far ahead.
        """
        if end > self.now() + self.client.skew - max(0, self.settle - _CLOCKS):
            raise ClockError(-self.client.skew)
