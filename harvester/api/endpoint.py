"""Where requests may go: the one origin that is ever shown a token."""

from ipaddress import ip_address
from urllib.parse import urlsplit

from harvester.errors import ConfigError

__all__ = ["check_endpoint"]

_SUFFIX = "/platform_api"  # the vendor's own clients are configured with or without it
_FORM = "must have the form https://host[:port][/path], without user, query or odd characters"


def check_endpoint(text: str, *, named: str = "the endpoint") -> str:
    """The endpoint in its plain form, without a trailing slash or ``/platform_api``.

    Args:
        text: As it was typed.
        named: What it is called in what is said of it.

    Raises:
        ConfigError: It is not ``https://host[:port][/path]``; plain ``http`` is for this machine alone.
            The text is not quoted: it may hold a password.
    """
    text = text.strip()
    if not text.isascii() or not text.isprintable() or any(sign in text for sign in ' @?#\\"<>'):
        raise ConfigError(f"{named} {_FORM}")
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ConfigError(f"{named} {_FORM}") from None
    if not host or port == 0 or parts.scheme not in {"http", "https"}:
        raise ConfigError(f"{named} {_FORM}")
    if parts.scheme == "http" and not _is_loopback(host):
        raise ConfigError(
            f"tokens for {host} must travel encrypted: use https (http is for this machine only)"
        )
    path = parts.path.rstrip("/").removesuffix(_SUFFIX).rstrip("/")
    return f"{parts.scheme}://{parts.netloc.lower()}{path}"


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
