"""Which files to fetch, from where, and what to do then."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harvester.account import Account
from harvester.config import VENDOR, Job
from harvester.datasets import DATASETS
from harvester.errors import ConfigError
from harvester.limits import check_concurrency
from harvester.links import KINDS, LINKS, Link
from harvester.window import Window


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One run over the files of a dataset.

    Attributes:
        lake: The lake's folder.
        name: The dataset in it whose files are meant.
        credentials: The vendor's key file.
        window: The records meant; all that are published if it is ``None``.
        kinds: Which kinds of files.
        endpoint: Where the API is.
        ca_file: Certificates to trust instead of the system's.
        storage: Where the vendor's files are, as of ``Routes``.
        others: Further hosts that are asked without a token.
        rate: Requests for files per second at most; ``None`` for no limit.
        concurrency: Files under way at most.
        api_rate: Requests to the API per second at most, for deletions.
        again: Ask again for what was gone.
        delete: Have the vendor delete what is proven on disk.
        confirmed: Really do.
    """

    lake: Path
    name: str
    credentials: Path
    window: Window | None = None
    kinds: tuple[str, ...] = KINDS
    endpoint: str = VENDOR
    ca_file: Path | None = None
    storage: str | None = None
    others: tuple[str, ...] = ()
    rate: float | None = 8.0
    concurrency: int = 8
    api_rate: float | None = 8.0
    again: bool = False
    delete: bool = False
    confirmed: bool = False

    def __post_init__(self) -> None:
        if self.confirmed and not self.delete:
            raise ConfigError("--yes confirms --delete-after, which was not given")
        check_concurrency("--file-concurrency", self.concurrency)

    def links(self, identity: Mapping[str, Any]) -> tuple[Link, ...]:
        """The links that the records of a dataset have.

        Raises:
            ConfigError: There are none of a kind that is wanted: they were not harvested, or not kept.
        """
        dataset = DATASETS.get(str(identity.get("dataset")))
        links = LINKS.get(dataset.name, ()) if dataset else ()
        if dataset is None or not links:
            raise ConfigError(f"the records of {self.name!r} have no files; those of {', '.join(LINKS)} do")
        if identity.get("redact_urls"):
            raise ConfigError(
                f"{self.name!r} was harvested with --redact-urls, so the lake does not know where its files"
                " are: harvest it under another --name, or into another lake, without"
            )
        left_out = {
            field: name
            for name, switch in dataset.switches.items()
            if not identity.get(name, True)
            for field in switch.adds
        }
        links = tuple(link for link in links if link.top not in left_out)
        for kind in self.kinds:
            if not any(link.kind == kind for link in links):
                others = ",".join(f"{other}s" for other in self.kinds if other != kind)
                switches = " ".join(f"--no-{name}" for name in sorted(set(left_out.values())))
                raise ConfigError(
                    f"{self.name!r} was harvested with {switches}, so the lake knows no {kind}s; leave them"
                    f" out with --what {others or 'logs'}"
                )
        return links

    def account(self, identity: Mapping[str, Any]) -> Account | None:
        """Whose shelf the files have: a child's, if accounts are kept apart or by filters it alone is meant.

        Keys and numbers are unique within an account only.

        Raises:
            ConfigError: Files of a child are to be deleted, and only its parent's name would be asked with.
        """
        account, dataset = Account.of_identity(identity), DATASETS[str(identity["dataset"])]
        children = dataset.children
        if account is not None or children is None:
            return account
        said = {item.parameter: str(identity.get(name, "")) for name, item in dataset.filters.items()}
        child = said[children.named]
        if said[children.only] != "true" or not child.isdecimal():
            return None
        if self.delete:
            raise ConfigError(
                f"{self.name!r} is of the child account {child}, and --delete-after would ask in its parent's"
                " name, where the same number may be another recording: harvest it with --accounts"
            )
        return Account(int(child), is_child=True)

    def job(self, identity: Mapping[str, Any], *, rate: float | None, concurrency: int) -> Job:
        """How to ask, for files or for deletions, for the dataset that was started with ``identity``.

        Raises:
            ConfigError: The settings are not usable.
        """
        return Job.of_identity(
            identity,
            name=self.name,
            window=self.window or Window(0, 1),  # nothing is asked by it
            lake=self.lake,
            credentials=self.credentials,
            endpoint=self.endpoint,
            ca_file=self.ca_file,
            rate=rate,
            concurrency=concurrency,
        )
