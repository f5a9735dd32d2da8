"""The pause that the API asked for, kept for the next process: it would ask in the midst of a ban.

A file and not the ledger: it is the account's, not a dataset's, and whoever reads it in vain loses nothing.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import orjson

from harvester.lake.layout import Layout

_LEAST = 60.0  # seconds; a shorter one is over before it matters
_MOST = 6 * 3600.0  # seconds, whatever the file says: nobody waits for years


@dataclass(frozen=True, slots=True)
class PauseFile:
    """Where it is kept."""

    path: Path

    @classmethod
    def of(cls, layout: Layout) -> Self:
        """That of a lake."""
        return cls(layout.workshop / "pause.json")

    def keep(self, seconds: float, now: float) -> None:
        """Write down a pause of so many seconds from ``now`` (Unix time), unless it is short.

        Raises:
            OSError: The disk refuses it.
        """
        if seconds <= _LEAST:
            return
        draft = self.path.with_suffix(".draft")
        draft.write_bytes(orjson.dumps({"since": now, "until": now + min(seconds, _MOST)}))
        draft.replace(self.path)

    def left(self, now: float) -> float:
        """Seconds that are left of it at ``now`` (Unix time); 0.0 if there is none.

        A clock that stands before its beginning was set back, and says nothing: such a pause could last for
        years.

        Raises:
            OSError: It cannot be read.
        """
        try:
            kept = orjson.loads(self.path.read_bytes())
            since, until = float(kept["since"]), float(kept["until"])
        except (FileNotFoundError, ValueError, TypeError, KeyError):  # none, or torn by a crash
            return 0.0
        return max(0.0, min(until, since + _MOST) - now) if since <= now else 0.0
