"""An account that lives: sessions appear, run, end, and get their costs and transcripts later, by a clock."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import inf
from random import Random

from harvester.emulator import ListedAccount
from harvester.emulator.account import Record
from harvester.window import Window, as_text


@dataclass(frozen=True, slots=True)
class Living:
    """A session and what becomes of it; moments are Unix time.

    Attributes:
        key: Its id.
        second: When it started.
        appears: From when on the history shows it.
        ends: Until when it is running.
        costed: From when on its cost is known.
        transcribed: From when on its transcript is there.
        leaves: From when on the history shows it no more.
    """

    key: int
    second: int
    appears: float = -inf
    ends: float = -inf
    costed: float = -inf
    transcribed: float = -inf
    leaves: float = inf

    def at(self, now: float) -> dict[str, object] | None:
        """As the API writes it; ``None`` if it does not."""
        if not self.appears <= now < self.leaves:
            return None
        record: dict[str, object] = {
            "call_session_history_id": self.key,
            "start_date": as_text(self.second),
            "active": now < self.ends,
        }
        if now < self.ends:
            return record
        call: dict[str, object] = {"call_id": self.key, "successful": True}
        call |= {"cost": 0.25} if now >= self.costed else {}
        status = "Complete" if now >= self.transcribed else "In progress"
        recording = {"record_id": self.key, "cost": 0.01, "transcription_status": status}
        return {**record, "duration": 60, "calls": [call], "records": [recording]}

    @property
    def moments(self) -> tuple[float, ...]:
        """When it changes."""
        return self.appears, self.ends, self.costed, self.transcribed, self.leaves


class LivingAccount(ListedAccount):
    """The account as it is at one moment, which only moves on."""

    def __init__(self, sessions: Iterable[Living], now: float) -> None:
        """Start as it is at ``now``."""
        sessions = list(sessions)
        shown = (session.at(now) for session in sessions)
        super().__init__(record for record in shown if record is not None)
        self.changes = sorted(
            (
                (moment, session.key)
                for session in sessions
                for moment in session.moments
                if now < moment < inf
            ),
            reverse=True,
        )
        self._living: Mapping[int, Living] = {session.key: session for session in sessions}

    def advance(self, now: float) -> None:
        """Let everything happen that is due."""
        while self.changes and self.changes[-1][0] <= now:
            moment, key = self.changes.pop()
            record = self._living[key].at(moment)
            if record is None or key not in self._records:
                self._come_or_go(key, record)
            elif record != self._records[key]:
                self._records[key] = record  # its time is the same, and so is its place
                self.version += 1

    def _come_or_go(self, key: int, record: Record | None) -> None:
        if key in self._records:
            self.remove(key)
        if record is not None:
            self.add(record)


def crowd(
    random: Random, span: Window, per_day: int, *, late: float = 0.0, settle: int = 3_600
) -> list[Living]:
    """Sessions of ``span``: some run for hours, some get costs and transcripts late.

    Args:
        random: Draws them.
        span: When they start.
        per_day: How many on average.
        late: The share of those that the history shows only hours after they settled.
        settle: Seconds.
    """
    sessions = []
    for key in range(1, span.seconds * per_day // 86_400 + 1):
        second = random.randrange(span.start, span.end)
        ends = second + (random.uniform(0, 5 * 3_600) if random.random() < 0.02 else random.uniform(0, 600))
        costed = ends + (random.uniform(0, 8 * 3_600) if random.random() < 0.03 else 60)
        transcribed = ends + random.uniform(0, 20 * 3_600) if random.random() < 0.01 else costed
        appears: float = second
        if random.random() < late:
            appears = second + settle + random.uniform(3_600, 36 * 3_600)
        sessions.append(Living(key, second, appears, ends, costed, transcribed))
    return sessions
