"""How many records to expect where: a week's profile, learned from what was already read."""

from bisect import bisect_left
from collections.abc import Mapping
from itertools import accumulate
from math import inf

from harvester.window import Window

_HOUR = 3600
_WEEK = 168  # hours
_PRIOR = 24.0  # hours of flat history that a new profile starts from, so that one busy hour does not rule
_EPOCH = 72  # hours from a Monday, 00:00, to the Unix epoch: a Thursday


class Density:
    """Relative weight of every hour of the week.

    Weights are relative: they say how to share out a known total over time, not how large it is.
    """

    def __init__(self, known: Mapping[str, object] | None = None) -> None:
        """Start flat, or from what an earlier run learned (``facts``)."""
        known = known or {}
        rows, hours = _numbers(known.get("density_rows")), _numbers(known.get("density_hours"))
        self._rows = rows if rows and hours else [0.0] * _WEEK
        self._hours = hours if rows and hours else [0.0] * _WEEK
        self._weights: list[float] | None = None

    @property
    def facts(self) -> dict[str, list[float]]:
        """What was learned, for the next run."""
        return {
            "density_rows": [round(rows, 1) for rows in self._rows],
            "density_hours": [round(hours, 3) for hours in self._hours],
        }

    def observe(self, window: Window, hourly: Mapping[int, int]) -> None:
        """Learn how the records of a proven window lie.

        Args:
            window: The span.
            hourly: How many records came in each hour, by hours since the epoch; hours without any left out.
        """
        for cell, part in _hours(window):
            self._hours[cell] += part
        for hour, rows in hourly.items():
            self._rows[(hour + _EPOCH) % _WEEK] += rows
        self._weights = None

    def cut(self, window: Window, share: float) -> int:
        """The second of ``window`` before which about ``share`` (0 to 1) of its records lie.

        Returns:
            A second after the first and not after the end.
        """
        weights = self._profile()
        full_weeks, rest = divmod(window.seconds, _WEEK * _HOUR)
        week = sum(weights)
        tail = list(_hours(Window(window.end - rest, window.end))) if rest else []
        total = full_weeks * week + sum(weights[cell] * part for cell, part in tail)
        wanted = share * total
        weeks = min(int(wanted // week), full_weeks) if week else 0
        start = window.start + weeks * _WEEK * _HOUR
        if start >= window.end:
            return window.end
        near = list(_hours(Window(start, min(window.end, start + _WEEK * _HOUR))))
        sums = list(accumulate(weights[cell] * part for cell, part in near))
        place = min(bisect_left(sums, wanted - weeks * week), len(near) - 1)
        before = sums[place - 1] if place else 0.0
        weight = sums[place] - before
        inside = min(1.0, (wanted - weeks * week - before) / weight) if weight else 1.0
        seconds = sum(part for _, part in near[:place]) + near[place][1] * inside
        return min(window.end, max(window.start + 1, start + round(seconds * _HOUR)))

    def _profile(self) -> list[float]:
        if self._weights is None:
            known = any(self._rows) and any(self._hours)  # the facts of mere seconds round to no hours
            mean = sum(self._rows) / sum(self._hours) if known else 1.0
            self._weights = [
                (rows + _PRIOR * mean) / (hours + _PRIOR) / mean
                for rows, hours in zip(self._rows, self._hours, strict=True)
            ]
        return self._weights


def _hours(window: Window) -> list[tuple[int, float]]:
    """The hours of the week that a window crosses: which, and what part of each."""
    result = []
    second = window.start
    while second < window.end:
        hour = second // _HOUR
        end = min((hour + 1) * _HOUR, window.end)
        result.append(((hour + _EPOCH) % _WEEK, (end - second) / _HOUR))
        second = end
    return result


def _numbers(known: object) -> list[float] | None:
    """The figures of a week, or ``None`` if ``known`` is anything else."""
    if not isinstance(known, list) or len(known) != _WEEK:
        return None
    if not all(isinstance(number, int | float) and 0 <= number < inf for number in known):
        return None
    return [float(number) for number in known]
