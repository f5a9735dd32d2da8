"""Where tokens may go, checked before anything is asked: a plain endpoint, over TLS that can be trusted."""

import traceback
from pathlib import Path

import pytest

from harvester.api.endpoint import check_endpoint
from harvester.api.transport import Transport
from harvester.errors import ConfigError
from tests.posting import LIMITS


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("https://api.voximplant.com", "https://api.voximplant.com"),
        ("https://api.voximplant.com/", "https://api.voximplant.com"),
        ("https://api.voximplant.com/platform_api/", "https://api.voximplant.com"),
        (" HTTPS://API.voximplant.com:8443/Proxy/platform_api", "https://api.voximplant.com:8443/Proxy"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("http://127.0.0.1", "http://127.0.0.1"),
        ("http://127.9.9.9:1/x/", "http://127.9.9.9:1/x"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_good_endpoints_take_their_plain_form(text: str, plain: str) -> None:
    """HTTPS goes anywhere, plain HTTP to this machine; the vendor's path is optional."""
    assert check_endpoint(text) == plain


@pytest.mark.parametrize(
    "text",
    [
        "",
        "api.voximplant.com",
        "//api.voximplant.com",
        "ftp://api.voximplant.com",
        "file:///etc/passwd",
        "https://",
        "https://:443",
        "https://api.voximplant.com?x=hunter2",
        "https://api.voximplant.com#hunter2",
        "https://user:hunter2@api.voximplant.com",
        "https://api.voximplant.com:hunter2",
        "https://api.voximplant.com:0",
        "https://api.voximplant.com:99999",
        "https://[::1",
        "https://api\tvoximplant.com",
        "https://api voximplant.com",
        "https://api\\voximplant.com",
        "https://аpi.voximplant.com",  # noqa: RUF001  (the first letter is Cyrillic)
        "http://api.voximplant.com",
        "http://localhost.example.com",
        "http://127.1",
        "http://10.0.0.1",
        "http://0.0.0.0",
    ],
)
def test_bad_endpoints_are_refused(text: str) -> None:
    """No token goes to an endpoint that is not plainly one; what was typed is not repeated."""
    with pytest.raises(ConfigError) as caught:
        check_endpoint(text)
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))


def test_a_transport_checks_its_endpoint() -> None:
    """Whoever opens a transport, tokens travel encrypted."""
    with pytest.raises(ConfigError, match="must travel encrypted"):
        Transport("http://api.voximplant.com", LIMITS)


@pytest.mark.parametrize("content", [None, "", "not a certificate"])
def test_an_unusable_ca_file_is_refused(tmp_path: Path, content: str | None) -> None:
    """Missing or not PEM: said before anything is asked."""
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigError, match="cannot use the CA file"):
        Transport("https://api.voximplant.com", LIMITS, ca_file=path)
