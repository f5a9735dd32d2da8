"""How many requests the server takes, by second and at once."""

from collections import deque

from harvester.emulator.answers import Answer, refused, retry_after
from harvester.emulator.behaviour import Behaviour
from harvester.emulator.refusals import Code, Refusal


class Limits:
    """Refuses what is beyond the limits; requests refused do not count against them."""

    def __init__(self) -> None:
        self._taken: deque[float] = deque()

    def refusal(self, behaviour: Behaviour, at: float, in_flight: int) -> Answer | None:
        """Take the request that arrived ``at``, one of ``in_flight``, or answer why not."""
        while self._taken and at - self._taken[0] >= 1.0:
            self._taken.popleft()
        fastest, most = behaviour.requests_per_second, behaviour.most_in_flight
        if fastest is not None and len(self._taken) >= fastest:
            return _answer(behaviour, Refusal(Code.RATE_LIMIT_EXCEED, "The rate limit is exceeded."))
        if most is not None and in_flight > most:
            return _answer(
                behaviour, Refusal(Code.CONCURRENT_RESOURCE_LIMIT_EXCEEDED, "Too many requests at once.")
            )
        self._taken.append(at)
        return None

    def reset(self) -> None:
        """Take as if nothing had been taken before."""
        self._taken.clear()


def _answer(behaviour: Behaviour, refusal: Refusal) -> Answer:
    headers = retry_after(behaviour.retry_after)
    if behaviour.refuse_by == "http":
        return Answer(b"Too Many Requests", 429, content_type="text/plain", headers=headers)
    return refused(refusal, behaviour.status(refusal.code), headers)
