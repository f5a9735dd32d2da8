"""How a synthetic history spreads over its range: a non-decreasing map from rank to second."""

import random
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate, pairwise
from types import MappingProxyType

HOUR = 3_600
DAY = 24 * HOUR
BURSTS = 5
BURST_ROWS = 0.8
BURST_TIME = 0.02

# Calls of a telephone line by hour of the day (UTC) and by day of the week, Monday first.
HOURS = (4, 3, 2, 2, 2, 4, 10, 25, 60, 85, 100, 98, 80, 82, 100, 96, 92, 75, 55, 40, 28, 18, 10, 6)
WEEKDAYS = (1.0, 0.97, 0.95, 0.96, 0.92, 0.35, 0.22)
EPOCH_WEEKDAY = 3  # 1970-01-01 was a Thursday


class Curve:
    """The inverse of a piecewise linear cumulative weight."""

    __slots__ = ("_bounds", "_ranks", "_slopes")

    def __init__(self, bounds: Sequence[int], weights: Sequence[float], sessions: int) -> None:
        """Spread ``sessions`` over the spans between ``bounds`` in proportion to ``weights``.

        Args:
            bounds: Unix seconds, strictly increasing; span k is ``[bounds[k], bounds[k + 1])``.
            weights: One per span, at least 0; not all 0, unless there are no sessions.
            sessions: What the weights are scaled to. Weights that already sum to it keep their exact value,
                so a span of whole weight K behind whole weights gets exactly K sessions.
        """
        scale = sessions / (sum(weights) or 1.0)
        self._bounds = tuple(bounds)
        self._ranks = (0.0, *accumulate(weight * scale for weight in weights))
        spans = zip(pairwise(self._bounds), pairwise(self._ranks), strict=True)
        self._slopes = tuple((end - start) / (high - low or 1.0) for (start, end), (low, high) in spans)

    def second(self, rank: float) -> int:
        """Return the Unix second at ``rank``, 0 <= rank <= sessions; it never falls while the rank rises."""
        span = bisect_right(self._ranks, rank, 0, len(self._slopes)) - 1
        second = self._bounds[span] + int((rank - self._ranks[span]) * self._slopes[span])
        # Rounding must not carry the last rank of a span into the next one, which would break the order.
        last = self._bounds[span + 1] - 1
        return second if second < last else last  # noqa: FURB136  (min() takes longer; it runs for each record)


def uniform(start: int, end: int, sessions: int, _seed: int, _spike: int) -> Curve:
    """Every second is alike."""
    return Curve((start, end), (1.0,), sessions)


def daily(start: int, end: int, sessions: int, _seed: int, _spike: int) -> Curve:
    """Busy by day and on weekdays, by the hour."""
    bounds = [start, *range(start - start % HOUR + HOUR, end, HOUR), end]
    weights = [
        HOURS[low % DAY // HOUR] * WEEKDAYS[(low // DAY + EPOCH_WEEKDAY) % 7] * (high - low)
        for low, high in pairwise(bounds)
    ]
    return Curve(bounds, weights, sessions)


def burst(start: int, end: int, sessions: int, seed: int, _spike: int) -> Curve:
    """80 % of the rows lie in 2 % of the time, in five bursts."""
    cell = (end - start) // BURSTS
    width = round(cell * BURST_TIME)
    if not width:
        raise ValueError(f"bursts need a range of at least {BURSTS * round(1 / BURST_TIME)} seconds")
    rng = random.Random(seed)  # noqa: S311  (a shape, not a secret)
    bounds = [start]
    for number in range(BURSTS):
        at = start + number * cell + rng.randrange(1, cell - width)
        bounds += (at, at + width)
    bounds.append(end)
    quiet, busy = (1 - BURST_ROWS) / (1 - BURST_TIME), BURST_ROWS / BURST_TIME
    weights = [(busy if k % 2 else quiet) * (high - low) for k, (low, high) in enumerate(pairwise(bounds))]
    return Curve(bounds, weights, sessions)


def spike(start: int, end: int, sessions: int, _seed: int, rows: int) -> Curve:
    """Exactly ``rows`` sessions (all, if there are fewer) lie in the second in the middle of the range."""
    rows = min(rows, sessions)
    if end - start == 1:
        return Curve((start, end), (1.0,), sessions)
    at = (start + end) // 2
    spans = [(start, at), (at, at + 1), (at + 1, end)]
    before = (sessions - rows) // 2 if end - at > 1 else sessions - rows
    weights = [before, rows, sessions - rows - before]
    kept = [(span, weight) for span, weight in zip(spans, weights, strict=True) if span[0] < span[1]]
    return Curve([kept[0][0][0], *(span[1] for span, _ in kept)], [weight for _, weight in kept], sessions)


SHAPES: Mapping[str, Callable[[int, int, int, int, int], Curve]] = MappingProxyType(
    {"uniform": uniform, "sparse": uniform, "daily": daily, "burst": burst, "spike": spike}
)
