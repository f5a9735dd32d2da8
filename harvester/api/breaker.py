"""An outage is waited out, not hammered: one request at a time looks whether the API is back.

::

    closed ──failures in a row──▶ open: frozen ──▶ one probe ──any answer──▶ closed
                                        ▲              │
                                        └───failed─────┘   longer each time; an hour of it ends the run

Every other probe, the first among them, is a question that has no record to stumble over: pages that fail for
what they hold, and fail in a row, are no outage, and none of them would ever end one.

The waiting is a pause of the whole ``Pace``: it holds everyone, stops the clock of deadlines, and is counted
like one that the server asks for.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import structlog

from harvester.api.pacing import Pace, doubled
from harvester.errors import HarvestError, RateLimitedError, TokenError, TransientError, UnavailableError

__all__ = ["Breaker", "OutagePolicy"]

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class OutagePolicy:
    """What counts as an outage, and how long it is worth waiting for its end.

    Attributes:
        failures: So many in a row, of whichever requests. Fewer than the tries of one request, or the last
            request of a run would give up before anyone knew of the outage.
        first: Seconds from the start of the outage to its first probe; each further pause is twice as long.
        cap: Seconds; the longest pause between two probes.
        patience: Seconds an outage may last.
    """

    failures: int = 5
    first: float = 1
    cap: float = 60
    patience: float = 3600


class Breaker:
    """Lets requests pass at the pace; in an outage one alone, and the others once it brought an answer.

    Failures before the first answer ever are no outage: then it is likelier that the endpoint is wrong, and
    whoever typed it should not wait an hour to hear of it.

    Attributes:
        controls: By method, what asks something that the API can always answer. One method's answer says
            nothing of another.
    """

    def __init__(self, pace: Pace, policy: OutagePolicy = OutagePolicy()) -> None:
        """Guard what leaves by ``pace``."""
        self._pace = pace
        self._policy = policy
        self._answered = False
        self._failures = 0  # since the last answer
        self._since: float | None = None
        self._pauses = 0  # of this outage
        self._probe: asyncio.Event | None = None  # set when the probe under way is over
        self.controls: dict[str, Callable[[], Awaitable[object]]] = {}

    @property
    def outage(self) -> bool:
        """Whether there is an outage: what fails now is not the request's own failure."""
        return self._since is not None

    @asynccontextmanager
    async def passage(self, method: str) -> AsyncIterator[None]:
        """Wait until a request may take its connection; what the body raises tells how it went.

        Args:
            method: What it asks for.

        Raises:
            UnavailableError: The outage lasts too long.
            TransientError: The control question, asked in the place of the request, failed.
            TokenError: Likewise.
        """
        probe = await self._turn()
        try:
            if probe is not None:
                await self._look(method)
            yield
        except RateLimitedError:
            self._up()  # whoever asks to slow down is there
            raise
        except TransientError as error:
            self._failed(error, is_probe=probe is not None and probe is self._probe)
            raise
        except HarvestError:
            self._up()
            raise
        else:
            self._up()
        finally:
            if probe is not None:
                self._over(probe)

    async def _turn(self) -> asyncio.Event | None:
        """Wait for a turn; what to set when this request is over, if it is the probe of an outage."""
        while True:
            await self._pace.turn()
            if self._since is None:
                return None
            if self._probe is None:
                self._probe = asyncio.Event()
                return self._probe
            await self._probe.wait()

    async def _look(self, method: str) -> None:
        """Ask the control question; not each time, lest one that the API cannot answer prolong an outage."""
        control = self.controls.get(method)
        if control is None or not self._pauses % 2:
            return
        try:
            await control()
        except (TransientError, TokenError):
            raise
        except HarvestError:  # what refuses is there, and why is for the request itself to hear
            _log.debug("the control question is refused")
        self._up("the API answers another question")

    def _failed(self, error: TransientError, *, is_probe: bool) -> None:
        now = asyncio.get_running_loop().time()
        self._failures += 1
        if self._since is None:
            if not self._answered or self._failures < self._policy.failures:
                return
            self._since, self._pauses = now, 0
            _log.warning("outage", reason=str(error))
        elif not is_probe:
            return  # it left before the outage was known
        pause = doubled(self._policy.first, self._pauses, self._policy.cap)
        if now + pause > self._since + self._policy.patience:
            raise UnavailableError(
                f"the API is out of reach for {now - self._since:.0f} s, the last time: {error}"
            ) from error
        self._pauses += 1
        # The probe's own time is lost to everyone as well: hence since when.
        self._pace.freeze(pause, since=self._since)

    def _up(self, found: str = "the outage is over") -> None:
        self._answered, self._failures = True, 0
        if self._since is None:
            return
        self._pace.freeze(0, since=self._since)
        _log.warning(found, seconds=round(asyncio.get_running_loop().time() - self._since))
        self._since = None
        if self._probe is not None:
            self._over(self._probe)

    def _over(self, probe: asyncio.Event) -> None:
        probe.set()
        if self._probe is probe:  # not that of a later outage
            self._probe = None
