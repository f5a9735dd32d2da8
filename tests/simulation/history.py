"""An account that lives: sessions appear, end, come too late or vanish, all by the wall clock.

What the account holds is a function of the moment alone, so that the judge needs no word of what was served.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import inf

from harvester.datasets import CALLS, Dataset, Field, Kind
from harvester.emulator import ListedAccount
from harvester.emulator.account import Record
from harvester.emulator.render import Entry, Parts
from harvester.window import as_text

ACCOUNT_ID = 20
LEG = (Field("call_id", Kind.INTEGER), Field("cost", Kind.NUMBER), Field("successful", Kind.BOOLEAN))
KEPT = frozenset(
    {
        "call_session_history_id",
        "application_id",
        "rule_name",
        "user_id",
        "start_date",
        "duration",
        "custom_data",
        "active",
    }
)


def dataset(page_size: int, pages: int) -> Dataset:
    """The vendor's sessions with few of their fields, so that decoding is quick, and with small caps."""
    fields = tuple(field for field in CALLS.fields if field.name in KEPT)
    legs = Field("calls", Kind.LIST, LEG)
    return replace(CALLS, page_size=page_size, max_offset=page_size * (pages - 1), fields=(*fields, legs))


@dataclass(frozen=True, slots=True)
class Session:
    """One session, or another record, and its life; moments are Unix time.

    Attributes:
        key: Its id.
        second: When it started.
        fields: What else the API says of it; a value may be one that fits no column.
        poisoned: Whether that is so.
        appears: From when on the history shows it.
        ends: Until when it is running.
        leaves: From when on the history shows it no more.
        names: How the API calls its id, its time, and that it runs; nothing if it never does.
        meanwhile: What it says of some fields while it runs, ``None`` for nothing: costs come later.
    """

    key: int
    second: int
    fields: Mapping[str, object] = field(default_factory=dict)
    poisoned: bool = False
    appears: float = -inf
    ends: float = -inf
    leaves: float = inf
    names: tuple[str, str, str] = ("call_session_history_id", "start_date", "active")
    meanwhile: Mapping[str, object] = field(default_factory=lambda: {"calls": None})

    def record(self, *, running: bool) -> dict[str, object]:
        """As the API writes it."""
        key, time, active = self.names
        known: dict[str, object] = {key: self.key, time: as_text(self.second)}
        if active:
            known[active] = running
        said = {**self.fields, **self.meanwhile} if running else self.fields
        return known | {name: value for name, value in said.items() if value is not None}

    def at(self, now: float) -> dict[str, object] | None:
        """Its record at a moment; ``None`` if the history does not show it then."""
        return self.record(running=now < self.ends) if self.appears <= now < self.leaves else None


class History(ListedAccount):
    """The account as it is at one moment, which only moves on.

    Attributes:
        dataset: Which history it is.
    """

    def __init__(self, sessions: Iterable[Session], now: float, dataset: Dataset = CALLS) -> None:
        """Start as it is at ``now``."""
        super().__init__(account_id=ACCOUNT_ID, dataset=dataset)
        self.dataset = dataset
        self._sessions = {session.key: session for session in sessions}
        self._bytes: dict[tuple[int, bool], bytes] = {}
        moments = (m for s in self._sessions.values() for m in (s.appears, s.ends, s.leaves))
        self._moments = sorted({moment for moment in moments if now < moment < inf}, reverse=True)
        for session in self._sessions.values():
            if (record := session.at(now)) is not None:
                self.add(record)

    def advance(self, now: float) -> None:
        """Let everything happen that is due."""
        while self._moments and self._moments[-1] <= now:
            moment = self._moments.pop()
            for session in self._sessions.values():
                if moment in (session.appears, session.ends, session.leaves):
                    self._become(session.key, session.at(moment))

    def _become(self, key: int, record: Record | None) -> None:
        if self.locate(key) is not None:
            self.remove(key)
        if record is not None:
            self.add(record)

    def render(self, entries: Sequence[Entry], _parts: Parts) -> list[bytes]:
        """One JSON object each; a session's bytes are made once.

        Whoever leaves a part out has drawn records without it, or only counts them.
        """
        return [self._rendered(key) for _, key, _ in entries]

    def _rendered(self, key: int) -> bytes:
        record = self._records[key]
        name = key, bool(record.get("active"))
        if name not in self._bytes:
            # Not orjson: it has no integers beyond 64 bits and no broken characters.
            self._bytes[name] = json.dumps(record, separators=(",", ":")).encode()
        return self._bytes[name]
