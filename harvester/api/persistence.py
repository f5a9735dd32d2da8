"""The only place that tries again: within its budget, after a delay, with a fresh token, past an outage."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import Random
from typing import Generic, TypeVar

import structlog

from harvester.api.auth import TokenSource
from harvester.api.breaker import Breaker, OutagePolicy
from harvester.api.budget import RetryBudget
from harvester.api.failures import refusal
from harvester.api.pacing import Pace, doubled
from harvester.api.protocol import Quick
from harvester.api.slots import Slots
from harvester.errors import (
    MalformedAnswerError,
    RateLimitedError,
    TokenError,
    TransientError,
    UnansweredError,
    UnavailableError,
    UnreadableError,
)

T = TypeVar("T")
Way = TypeVar("Way")

_log = structlog.get_logger()
_OUTAGES = OutagePolicy()
_LONGEST_KEPT = 6 * 3600  # seconds; what asks for more is asked again then: nobody waits for years
_LEAST_DELAY = 0.1  # seconds; the vendor rejects quick repeats of a request (code 484)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long one request is worth trying.

    Before try ``n + 1`` passes ``uniform(0, min(cap, base * 2 ** (n - 1)))`` seconds: full jitter, so that
    requests which failed together do not return together.

    Attributes:
        attempts: Most tries, the first included. A fresh token's try is not counted, nor what fails in an
            outage.
        alike: Most tries that bring the same malformed answer: asked once more, the API would say it again.
        deadline: Seconds from the first try to the start of the last. Pauses that the server asks for are not
            counted: they have a bound of their own, and each costs a try. Nor are outages, and the time a
            try waits for its turn or for the retry budget.
        base: Seconds; upper end of the first delay.
        cap: Seconds; upper end of any delay.
        longest_pause: Seconds the server may ask for at once. While more is left of a pause, requests fail
            at once, and none leaves.
    """

    attempts: int = 8
    alike: int = 3
    deadline: float = 900
    base: float = 0.5
    cap: float = 30
    longest_pause: float = 900


@dataclass(slots=True)
class Meter:
    """What asking has cost so far; the display reads it.

    Attributes:
        requests: Tries, failed ones included.
        retries: Those of them that were not the first.
        bytes_received: Bodies as received.
        bytes_decoded: Their JSON text.
        pauses: Seconds the API made everyone wait, by asking for it or by being away.
        cuts: How often the rate was cut, since the API refused more.
        in_flight: Tries under way, those that wait at the door included.
        last_error: Why the latest failed try failed.
    """

    requests: int = 0
    retries: int = 0
    bytes_received: int = 0
    bytes_decoded: int = 0
    pauses: float = 0.0
    cuts: int = 0
    in_flight: int = 0
    last_error: str = ""


@dataclass(slots=True)
class Failures:
    """Those of one request, but for what fails in an outage.

    Attributes:
        count: How many.
        alike: How many malformed answers of the API's own in a row were the same.
        turn: The loop's time when the latest try had its turn.
    """

    count: int = 0
    alike: int = 0
    turn: float = 0.0
    _digest: bytes | None = None

    def note(self, error: TransientError) -> None:
        """One more."""
        self.count += 1
        digest = error.digest if isinstance(error, MalformedAnswerError) else None
        if digest is not None:  # what has none says nothing of the answer
            self.alike = self.alike + 1 if digest == self._digest else 1
            self._digest = digest


class Persistent(Generic[Way]):
    """Tries again what fails, within its budget; what a try is, its heirs know."""

    def __init__(
        self,
        transport: Way,
        tokens: TokenSource,
        *,
        rate: float | None,
        concurrency: int,
        policy: RetryPolicy = RetryPolicy(),
        outages: OutagePolicy = _OUTAGES,
        pace: Pace | None = None,
        random: Random,
        now: Callable[[], float],
        meter: Meter,
        quick: Quick | None = None,
    ) -> None:
        """Prepare to ask.

        Args:
            transport: Brings one reply.
            tokens: Of the account.
            rate: Most requests in any second, repeated ones included; no limit if ``None``.
            concurrency: Most requests at a time.
            policy: When to give up.
            outages: When to give up for everyone.
            pace: Of the account, if others ask beside or after this client; then ``rate`` is not used.
            random: Spreads the delays.
            now: The local wall clock, Unix seconds.
            meter: Counts.
            quick: Reads answers that are as documented.
        """
        self._transport = transport
        self._tokens = tokens
        self._pace = pace or Pace(rate)
        self._before = (self._pace.paused, self._pace.cuts)
        self._breaker = Breaker(self._pace, outages)
        self._budget = RetryBudget()
        self._slots = Slots(concurrency)
        self._policy = policy
        self._random = random
        self._now = now
        self._meter = meter
        self._quick = quick

    @property
    def skew(self) -> float:
        """How far the vendor's clock is ahead of the local one, in seconds, by the last answer."""
        return self._tokens.skew

    async def _persist(self, method: str, attempt: Callable[[], Awaitable[T]], *, urgent: bool = False) -> T:
        """What ``attempt`` brings, however often it takes; the errors are those of ``Client.fetch``."""
        clock, loop = self._pace.clock, asyncio.get_running_loop()
        queued = clock()
        deadline = queued + self._policy.deadline
        failures, renewed, first = Failures(), False, True
        while True:
            self._check_pause(method)
            try:
                async with self._slots.taken(urgent=urgent), self._breaker.passage(method):
                    deadline += max(0.0, clock() - queued)
                    failures.turn = loop.time()
                    if first:
                        self._budget.first_try()
                    first = False
                    return await attempt()
            except TokenError as error:
                self._meter.last_error = str(error)
                if renewed:
                    raise refusal(error) from None
                renewed = True
            except TransientError as error:
                self._meter.last_error = str(error)
                if not self._breaker.outage:
                    failures.note(error)
                _log.debug("failed", method=method, failures=failures.count, reason=str(error))
                await self._back_off(method, error, failures, deadline)
            finally:
                paused, cuts = self._before
                self._meter.pauses, self._meter.cuts = self._pace.paused - paused, self._pace.cuts - cuts
            queued = clock()
            await self._budget.repeat()
            self._meter.retries += 1

    def _check_pause(self, method: str) -> None:
        """Neither ask in a pause that is too long to wait for, nor wait: another request was told of it."""
        # Rounded: a pause as long as is allowed may be a hair longer by the difference of two times.
        if (rest := round(self._pace.rest, 3)) > self._policy.longest_pause:
            raise UnavailableError(
                f"{method}: the API asked for a pause, of which {rest:.0f} s are left, more than the"
                f" {self._policy.longest_pause:.0f} s allowed"
            )

    def _hold(self, pause: float, error: TransientError, failed: Failures) -> None:
        """Have everybody wait, and ask more slowly if a request was one too many."""
        self._pace.freeze(pause, refused=failed.turn if isinstance(error, RateLimitedError) else None)

    def _keep(self, pause: float, error: TransientError, failed: Failures) -> None:
        """See that a pause is kept by whoever asks next, as the request that was told of it gives up."""
        self._hold(min(pause, _LONGEST_KEPT), error, failed)

    async def _back_off(self, method: str, error: TransientError, failed: Failures, deadline: float) -> None:
        policy, asked = self._policy, error.retry_after
        if asked is not None and asked > policy.longest_pause:
            self._keep(asked, error, failed)
            raise UnavailableError(
                f"{method}: the API asks for a pause of {asked:.0f} s, more than the"
                f" {policy.longest_pause:.0f} s allowed: {error}"
            ) from error
        if self._breaker.outage:  # what comes next is its probe's turn, not this request's
            self._pace.freeze(asked or 0.0)
            return
        failures = failed.count
        if failed.alike >= policy.alike:
            raise UnreadableError(f"{method}: the same answer came {failed.alike} times: {error}") from error
        ceiling = doubled(policy.base, failures - 1, policy.cap)
        delay = max(self._random.uniform(0, ceiling), _LEAST_DELAY)
        for_all = asked is not None or isinstance(error, RateLimitedError)
        if failures >= policy.attempts or self._pace.clock() + delay > deadline:
            if for_all:
                self._keep(max(delay, asked or 0.0), error, failed)
            kind = UnavailableError if for_all else UnansweredError
            raise kind(f"{method} failed {failures} times, the last time: {error}") from error
        if not for_all:
            await asyncio.sleep(delay)
            return
        # The whole account is meant: what the others ask meanwhile would only lengthen the ban.
        self._hold(max(delay, asked or 0.0), error, failed)
