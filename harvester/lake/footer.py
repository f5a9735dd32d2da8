"""What a published file says about itself, and the seal by which it can be believed without the ledger."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from harvester.datasets import DATASETS, Dataset
from harvester.lake.database import to_json
from harvester.lake.layout import Granularity
from harvester.records.flat import Flat
from harvester.window import Window, as_second

_PREFIX = "harvester."
_SEAL = "harvester.seal"


class FooterError(ValueError):
    """A footer does not say what a published file says."""


def sealed(metadata: Mapping[str, str]) -> dict[str, str]:
    """The same with a hash of it.

    Parquet's page checksums leave the footer out, and a flipped bit there could claim seconds nobody proved.
    """
    return {**metadata, _SEAL: _seal(metadata)}


@dataclass(frozen=True, slots=True)
class Footer:
    """The metadata of a published file.

    Attributes:
        dataset: What its columns mean.
        account_id: Whose history it is.
        identity: What the dataset was started with.
        covers: The proven seconds: disjoint, oldest first.
        complete: False if a gap was let through.
        run: The run that wrote it.
        table: The table of which it is; none if records are nested.
        rows: How many rows the file of each table has; nothing if records are nested.
    """

    dataset: Dataset
    account_id: int
    identity: Mapping[str, Any]
    covers: tuple[Window, ...]
    complete: bool
    run: int
    table: str
    rows: Mapping[str, int]

    @property
    def flat(self) -> Flat | None:
        """The tables that records became; ``None`` if they are nested."""
        return Flat.of(self.dataset) if self.identity.get("tables") == "flat" else None

    @classmethod
    def of(cls, metadata: Mapping[bytes, bytes]) -> Self:
        """Read the key-value metadata of a Parquet file.

        Raises:
            FooterError: The seal is broken or missing, or a value is not as this program writes it.
        """
        try:
            told = {name.decode(): value.decode() for name, value in metadata.items()}
            _check(told)
            identity = json.loads(told["harvester.identity"])
            Granularity(identity["partition"])
            covers = json.loads(told["harvester.covers"])
            return cls(
                dataset=DATASETS[told["harvester.dataset"]],
                account_id=int(told["harvester.account_id"]),
                identity=identity,
                covers=tuple(Window(as_second(start), as_second(end)) for start, end in covers),
                complete=bool(json.loads(told["harvester.complete"])),
                run=int(told["harvester.run"]),
                table=told.get("harvester.table", ""),
                rows=json.loads(told.get("harvester.rows", "{}")),
            )
        except (KeyError, ValueError, TypeError) as error:
            raise FooterError(f"its metadata cannot be read: {error}") from error


def _check(told: Mapping[str, str]) -> None:
    if told.get(_SEAL) != _seal(told):
        raise FooterError("they carry no seal, or were changed")


def _seal(metadata: Mapping[str, str]) -> str:
    own = {name: value for name, value in metadata.items() if name.startswith(_PREFIX) and name != _SEAL}
    return hashlib.sha256(to_json(own).encode()).hexdigest()
