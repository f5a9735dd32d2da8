"""What a service tells whoever watches it: one small JSON file, always whole."""

import errno
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryFile
from types import MappingProxyType

import orjson
import structlog

from harvester import __version__
from harvester.errors import ConfigError
from harvester.round import Round
from harvester.secret import printable

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How a service does.

    Attributes:
        lake: The lake that is kept, as an absolute path.
        state: ``starting``, ``ok``, ``gaps``, ``failing`` or ``ended``.
        rounds: Rounds so far, failed ones included.
        failures: Rounds that failed, one after the other, up to now.
        success: When the last round began in which nothing failed, Unix time; perhaps of a service before.
        ended: When the last round ended.
        due: When the next one is due; ``None`` if there is none.
        errors: What failed in the last round, by dataset.
        datasets: What the last round did, by dataset; a failed one leaves what was there.
    """

    lake: Path
    state: str = "starting"
    rounds: int = 0
    failures: int = 0
    success: float | None = None
    ended: float | None = None
    due: float | None = None
    errors: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    datasets: Mapping[str, Round] = field(default_factory=lambda: MappingProxyType({}))

    def after(
        self,
        rounds: Mapping[str, Round],
        errors: Mapping[str, BaseException],
        *,
        began: float,
        ended: float,
        due: float | None,
    ) -> "Health":
        """How it does after one more round; ``rounds`` and ``errors`` by dataset."""
        return replace(
            self.seen(rounds, errors),
            rounds=self.rounds + 1,
            failures=self.failures + 1 if errors else 0,
            success=self.success if errors else began,
            ended=ended,
            due=due,
        )

    def seen(self, rounds: Mapping[str, Round], errors: Mapping[str, BaseException]) -> "Health":
        """The same with news of some datasets."""
        datasets = {**self.datasets, **rounds}
        gaps = any(done.gaps or done.refused for done in datasets.values())
        return replace(
            self,
            state="failing" if errors else "gaps" if gaps else "ok",
            errors={name: printable(str(error)) for name, error in errors.items()},
            datasets=datasets,
        )

    def as_json(self) -> dict[str, object]:
        """As plain JSON values; moments in ISO 8601, UTC."""
        return {
            "version": __version__,
            "lake": str(self.lake),
            "pid": os.getpid(),
            "state": self.state,
            "rounds": self.rounds,
            "failures": self.failures,
            "last_success": _moment(self.success),
            "last_end": _moment(self.ended),
            "next_round": _moment(self.due),
            "errors": dict(self.errors),
            "datasets": {name: done.as_json() for name, done in self.datasets.items()},
        }


class HealthFile:
    """Where it is told; ``None`` tells nobody."""

    def __init__(self, path: Path | None) -> None:
        """See that a file can be written there, so that a path which cannot is known at once.

        Nothing is written yet: the file may be of a service that is running.

        Raises:
            ConfigError: None can.
        """
        self._path = path
        if path is None:
            return
        try:
            with TemporaryFile(dir=path.parent):
                pass
            if path.is_dir():
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        except OSError as error:
            raise ConfigError(f"cannot write --health-file {path}: {error.strerror}") from error

    def begun(self, lake: Path) -> Health:
        """How a service of ``lake`` begins: with the last success that the file tells of this lake.

        Whoever watches goes by its age, and a service that is started again is no outage.
        """
        told: object = None
        with suppress(OSError, ValueError):  # there is none, or it is not ours
            told = None if self._path is None else orjson.loads(self._path.read_bytes())
        health = Health(lake=lake.absolute())
        if not isinstance(told, dict) or told.get("lake") != str(health.lake):
            return health
        with suppress(KeyError, TypeError, ValueError):
            return replace(health, success=datetime.fromisoformat(told["last_success"]).timestamp())
        return health

    def tell(self, health: Health) -> None:
        """Replace the file; what the disk refuses is said, and is no reason to end: the file is old then."""
        try:
            self._replace(health)
        except OSError as error:
            _log.warning("the health file cannot be written", path=str(self._path), reason=str(error))

    def _replace(self, health: Health) -> None:
        if self._path is not None:
            draft = self._path.with_name(f".{self._path.name}.draft")
            draft.write_bytes(orjson.dumps(health.as_json(), option=orjson.OPT_INDENT_2))
            draft.replace(self._path)


def _moment(second: float | None) -> str | None:
    return None if second is None else datetime.fromtimestamp(second, UTC).isoformat(timespec="seconds")
