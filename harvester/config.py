"""What one backfill is, checked once and passed around whole."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

from harvester.account import Account, apart
from harvester.datasets import DATASETS, Content, Dataset
from harvester.errors import ConfigError
from harvester.limits import check_concurrency, check_rate
from harvester.links import TABLE
from harvester.number_key import NumberKey
from harvester.window import Window, as_text

VENDOR = "https://api.voximplant.com"

_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_NAMES = "lower-case letters, digits and _ only, beginning with a letter, 63 at most"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One backfill.

    Attributes:
        dataset: What to ask for.
        name: What it is called in the lake, and its folder there; with an account, as ``account.named``.
        window: The range asked for.
        lake: The lake's folder.
        credentials: The vendor's key file.
        endpoint: Where the API is, without ``/platform_api``.
        ca_file: Certificates to trust instead of the system's.
        rate: Requests per second at most; ``None`` for no limit.
        concurrency: Requests in flight at most.
        partition: ``hour``, ``day`` or ``month``.
        tables: ``nested`` or ``flat``.
        settle: How old, in seconds, a second must be before its history counts as final.
        active_lag: How old, in seconds, a record that is not final yet must be to be taken as it is.
        switches: Which nested parts of a record are asked for.
        filters: What narrows the history; lists are joined by the vendor's ``;``.
        allow_gaps: Publish partitions that could not be proven complete, marked so.
        keep_raw: Keep the answers as evidence.
        redact_urls: Drop signed URLs.
        number_key: Hash phone numbers with it; ``None`` to keep them.
        via: ``pages``, ``reports``, or ``auto``, which chooses by cost; ``None`` for what the dataset can.
        account: Whose history, if accounts are kept apart; ``None`` for whatever the API shows the key.
        children_by: How to ask for a child: ``token``, which speaks for it, or ``parameter``.
        memory: Arrow bytes held at most while rows wait for their turn.
    """

    dataset: Dataset
    name: str
    window: Window
    lake: Path
    credentials: Path
    endpoint: str = VENDOR
    ca_file: Path | None = None
    rate: float | None = 8.0
    concurrency: int = 8
    partition: str = "day"
    tables: str = "nested"
    settle: int = 3_600
    active_lag: int = 86_400
    switches: Mapping[str, bool] = field(default_factory=lambda: MappingProxyType({}))
    filters: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    allow_gaps: bool = False
    keep_raw: bool = False
    redact_urls: bool = False
    number_key: NumberKey | None = None
    via: str | None = None
    account: Account | None = None
    children_by: str = "token"
    memory: int = 64 * 1024 * 1024

    def __post_init__(self) -> None:
        name, account_id = apart(self.name)
        if not _NAME.fullmatch(name) or account_id != (self.account and self.account.id):
            raise ConfigError(f"--name {self.name!r} is not usable: {_NAMES}")
        if name == TABLE:
            raise ConfigError(f"--name {self.name!r} is not usable: the files of calls lie in that folder")
        check_concurrency("--concurrency", self.concurrency)
        check_rate("--rate", self.rate)
        if self.tables == "flat" and not self.dataset.tables:
            raise ConfigError(
                f"--tables flat is for records with lists; {self.dataset.name} have none, so nested is flat:"
                " leave it out"
            )
        for name in self.filters:
            known = self.dataset.filters[name]
            if known.needs is not None and known.needs not in self.filters:
                raise ConfigError(f"{_option(name)} needs {_option(known.needs)}: {known.because}")
        self._check_hiding()
        self._check_way()
        self._check_children()

    def _check_children(self) -> None:
        if self.account is None:
            return
        children = self.dataset.children
        parameters = () if children is None else (children.named, children.only)
        for name in self.filters:
            if self.dataset.filters[name].parameter in parameters:
                raise ConfigError(f"{_option(name)} and --accounts contradict each other: leave one out")
        if self.is_child and self.children_by == "parameter" and children is None:
            raise ConfigError(
                f"the vendor's method for {self.dataset.name} has no parameter for child accounts: leave out"
                " --children-by parameter"
            )

    def _check_way(self) -> None:
        name, beyond = self.dataset.name, " and ".join(self._beyond_reports)
        if self.via == "pages" and not self.dataset.paged:
            raise ConfigError(f"{name} can be had by report only: leave out --via pages")
        if self.via == "reports" and self.dataset.report is None:
            raise ConfigError(f"the vendor makes no reports of {name}: leave out --via reports")
        if self.via == "reports" and beyond:
            raise ConfigError(f"--via reports needs {beyond} for {name}: its columns are not known")

    def _check_hiding(self) -> None:
        if self.keep_raw and (self.redact_urls or self.number_key):
            option = "--redact-urls" if self.redact_urls else "--hash-numbers"
            raise ConfigError(f"--keep-raw keeps answers as received, with all that {option} is to hide")
        named = {name for name, content in self.dataset.contents.items() if content is Content.NUMBER}
        if self.number_key and (filters := sorted(named & set(self.filters))):
            raise ConfigError(
                f"{_option(filters[0])} would be written into the lake, as what the dataset is"
                " about: leave it out, or --hash-numbers"
            )

    @property
    def identity(self) -> dict[str, object]:
        """What makes two datasets different: the lake refuses to mix them under one name."""
        form = {} if self.tables == "nested" else {"tables": self.tables}
        hiding: dict[str, object] = {"redact_urls": True} if self.redact_urls else {}
        if self.number_key is not None:
            hiding["hash_numbers"] = f"key {self.number_key.fingerprint}"
        whose = (
            {} if self.account is None else {"account_id": self.account.id, "child": self.account.is_child}
        )
        return {
            "dataset": self.dataset.name,
            **whose,
            "partition": self.partition,
            **form,
            **{name: self.switches.get(name, True) for name in self.dataset.switches},
            **self.filters,
            **hiding,
        }

    @classmethod
    def of_identity(cls, identity: Mapping[str, object], **settings: Any) -> Self:  # noqa: ANN401  (the rest of the fields)
        """A job over the dataset that was started with ``identity``, as the ledger keeps it.

        A key that ``settings`` give is used if the numbers of the dataset are hashed; whether it is the same
        key, the ledger knows.

        Raises:
            ConfigError: The settings are not usable, or this version does not know the dataset.
        """
        if "hash_numbers" not in identity:
            settings["number_key"] = None
        try:
            dataset = DATASETS[str(identity["dataset"])]
            shape: dict[str, Any] = {
                "partition": str(identity["partition"]),
                "tables": str(identity.get("tables", "nested")),
                "switches": {name: bool(identity[name]) for name in dataset.switches},
                "filters": {name: str(identity[name]) for name in dataset.filters if name in identity},
                "redact_urls": bool(identity.get("redact_urls")),
                "account": Account.of_identity(identity),
            }
        except KeyError as error:
            raise ConfigError(
                f"the ledger tells of a dataset that this version cannot ask for: {error}"
            ) from error
        return cls(dataset=dataset, **shape, **settings)

    @property
    def way(self) -> str:
        """How the run reads: ``pages``, ``reports``, or ``auto`` if there is a choice."""
        if not self.dataset.paged:
            return "reports"
        if self.via == "auto" and (self.dataset.report is None or self._beyond_reports):
            return "pages"
        return self.via or "pages"

    @property
    def _beyond_reports(self) -> list[str]:
        """What would have to be left out for a report to carry all that is asked for."""
        report = self.dataset.report
        asked = [name for name in (report.without if report else ()) if self.switches.get(name, True)]
        return [_option(f"no_{name}") for name in asked]

    @property
    def table_names(self) -> tuple[str, ...]:
        """The tables that it fills, that of the records first; one without a name if records are nested."""
        return ("",) if self.tables == "nested" else self.dataset.tables

    @property
    def shared(self) -> dict[str, str]:
        """The parameters that every question of the run shares."""
        switches = {
            switch.parameter: "true" if self.switches.get(name, True) else "false"
            for name, switch in self.dataset.switches.items()
        }
        filters = {self.dataset.filters[name].parameter: value for name, value in self.filters.items()}
        return switches | filters | self._child

    @property
    def _child(self) -> dict[str, str]:
        """The parameters that say which child is meant, if that is not said by the token."""
        children = self.dataset.children
        if not self.is_child or self.account is None or children is None or self.children_by == "token":
            return {}
        return {children.named: str(self.account.id), children.only: "true"}

    @property
    def is_child(self) -> bool:
        """Whether the history of a child account is asked for, and nothing else."""
        return self.account is not None and self.account.is_child

    @property
    def issuer(self) -> int | None:
        """The account that tokens are to speak for; ``None`` for the key's own."""
        by_token = self.is_child and self.children_by == "token"
        return self.account.id if by_token and self.account else None

    @property
    def budget(self) -> float | None:
        """Requests per second at most, of the run and of the method; ``None`` for no limit."""
        return min((rate for rate in (self.rate, self.dataset.rate) if rate is not None), default=None)

    def settled(self, now: float) -> Window | None:
        """The part of the range whose history counts as final; ``None`` if there is none yet.

        Raises:
            ConfigError: The whole range lies in the future.
        """
        if self.window.start >= now:
            raise ConfigError(f"--from {as_text(self.window.start)} lies in the future")
        end = min(self.window.end, int(now) - self.settle)
        return Window(self.window.start, end) if end > self.window.start else None


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"
