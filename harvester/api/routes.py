"""Which files may be asked for, where, and whether a token goes along: the one place that decides it."""

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit, urlunsplit

from harvester.api.endpoint import check_endpoint
from harvester.api.failures import one_line
from harvester.errors import ConfigError
from harvester.links import VENDOR_HOSTS

__all__ = ["AS_NAMED", "Route", "Routes", "UnroutableError"]

AS_NAMED = "vendor"
"""In place of an origin: the vendor's files lie at the hosts that their URLs name."""

_VENDOR = re.compile("|".join(VENDOR_HOSTS))


class UnroutableError(ConfigError):
    """A URL leads to where nothing is asked for."""


@dataclass(frozen=True, slots=True)
class Route:
    """How to ask for a file.

    Attributes:
        url: Where; it may be signed.
        with_token: Whether its host is shown a token.
        host: Of ``url``, for messages.
    """

    url: str = field(repr=False)
    with_token: bool
    host: str


class Routes:
    """The ways to files. Tokens go to the vendor's hosts over TLS, or to the origin that stands for them."""

    def __init__(self, endpoint: str, *, storage: str | None = None, others: Collection[str] = ()) -> None:
        """Decide where the vendor's files lie.

        Args:
            endpoint: Of the API. If it is not the vendor's, it stands for the vendor's storage too: an
                emulator's token is of no use elsewhere, and a token for a proxy is meant for the proxy.
            storage: Another origin that stands for it, or ``AS_NAMED``.
            others: Further hosts, as ``host`` or ``host:port``, that are asked without a token: the
                account's own storage.

        Raises:
            ConfigError: An origin or a host is not usable.
        """
        self._origin: SplitResult | None = None
        if storage is not None and storage != AS_NAMED:
            self._origin = urlsplit(check_endpoint(storage, named="--storage"))
        elif storage is None and not _is_vendors(urlsplit(check_endpoint(endpoint))):
            self._origin = urlsplit(check_endpoint(endpoint))
        self._others = {
            urlsplit(check_endpoint(_as_url(host), named="--also-from")).netloc: _as_url(host)
            for host in others
        }

    def of(self, url: str, *, record_id: int | None = None) -> Route:
        """The way to a file.

        Args:
            url: As the history names it.
            record_id: Added as a parameter of this name, unless the URL has one.

        Raises:
            UnroutableError: Its host is neither the vendor's nor one of the others, or it is no URL.
        """
        parts = _parts(url)
        host, netloc = parts.hostname or "", parts.netloc.lower()
        if _is_vendors(parts):
            query = _with_number(parts.query, record_id)
            if self._origin is None:  # never in clear: old sessions name http
                return Route(urlunsplit(("https", host, parts.path, query, "")), with_token=True, host=host)
            scheme, place, folder, *_ = self._origin
            asked = urlunsplit((scheme, place, folder.rstrip("/") + parts.path, query, ""))
            return Route(asked, with_token=True, host=place)
        if netloc in self._others:
            scheme = urlsplit(self._others[netloc]).scheme
            asked = urlunsplit((scheme, netloc, parts.path, parts.query, ""))
            return Route(asked, with_token=False, host=netloc)
        raise UnroutableError(
            f"{one_line(host)} is not the vendor's: --also-from asks there, without a token"
        )


def _parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url.strip())
        known = parts.hostname and parts.port != 0 and parts.scheme in {"http", "https"}
    except ValueError:
        raise UnroutableError("this is no URL of a file") from None
    if not known or "@" in parts.netloc:
        raise UnroutableError("this is no URL of a file")
    return parts


def _is_vendors(parts: SplitResult) -> bool:
    return _VENDOR.fullmatch((parts.hostname or "").lower()) is not None and parts.port in {None, 80, 443}


def _as_url(host: str) -> str:
    """Others are asked over TLS, but for this machine: ``check_endpoint`` knows which that is."""
    try:
        return check_endpoint(f"http://{host}")
    except ConfigError:
        return f"https://{host}"


def _with_number(query: str, record_id: int | None) -> str:
    if record_id is None or any(name == "record_id" for name, _ in parse_qsl(query)):
        return query
    added = urlencode({"record_id": record_id})
    return f"{query}&{added}" if query else added
