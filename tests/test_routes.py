import pytest

from harvester.api.routes import AS_NAMED, Routes, UnroutableError
from harvester.config import VENDOR
from harvester.errors import ConfigError

STORE = "storage-gw-ru-02.voximplant.com"
PROXY = "https://files.proxy.example:8443/vox"


@pytest.mark.parametrize(
    ("url", "asked"),
    [
        (f"https://{STORE}/a/b.mp3?record_id=7", f"https://{STORE}/a/b.mp3?record_id=7"),
        (f"http://{STORE.upper()}/a.mp3", f"https://{STORE}/a.mp3"),
        ("http://www-ru-16-89.voximplant.com:80/a.mp3", "https://www-ru-16-89.voximplant.com/a.mp3"),
        (f"https://{STORE}:443/a.mp3#x", f"https://{STORE}/a.mp3"),
    ],
)
def test_the_vendors_hosts_are_shown_a_token_over_tls_alone(url: str, asked: str) -> None:
    """Whatever scheme the history names; path and query stay as they are."""
    route = Routes(VENDOR).of(url)
    assert (route.url, route.with_token) == (asked, True)


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/a.mp3",
        "https://voximplant.com.evil.example/a.mp3",
        "https://evilvoximplant.com/a.mp3",
        "https://voximplant.com/a.mp3",
        "https://app.account.voximplant.com/a.mp3",
        f"https://{STORE}.evil.example/a.mp3",
        f"https://{STORE}@evil.example/a.mp3",
        f"https://evil.example\\@{STORE}/a.mp3",
        f"https://user:word@{STORE}/a.mp3",
        f"https://{STORE}:8443/a.mp3",
        f"https://{STORE}:99999/a.mp3",
        f"ftp://{STORE}/a.mp3",
        f"//{STORE}/a.mp3",
        "https://127.0.0.1/a.mp3",
        "https://[::1/a.mp3",
        "http://169.254.169.254/latest/meta-data",
        "file:///etc/passwd",
        "a.mp3",
        "",
    ],
)
def test_nothing_else_is_asked(url: str) -> None:
    """No other host, however it is dressed up; and no file of this machine."""
    for routes in (Routes(VENDOR), Routes(VENDOR, storage=PROXY), Routes("http://127.0.0.1:1")):
        with pytest.raises(UnroutableError) as refused:
            routes.of(url)
        assert "word" not in str(refused.value)


def test_hosts_of_ones_own_are_asked_without_a_token() -> None:
    """Over TLS, but for this machine; by name and port."""
    routes = Routes(VENDOR, others=("s3.example", "127.0.0.1:9000"))
    route = routes.of("https://s3.example/a.mp3?X-Amz-Signature=1")
    assert (route.url, route.with_token) == ("https://s3.example/a.mp3?X-Amz-Signature=1", False)
    assert routes.of("http://s3.example/a.mp3").url == "https://s3.example/a.mp3"
    local = routes.of("http://127.0.0.1:9000/a.mp3")
    assert (local.url, local.with_token) == ("http://127.0.0.1:9000/a.mp3", False)
    with pytest.raises(UnroutableError):
        routes.of("https://s3.example:8443/a.mp3")
    assert "Signature" not in repr(route)


@pytest.mark.parametrize(
    ("routes", "asked"),
    [
        (Routes("http://127.0.0.1:8080"), "http://127.0.0.1:8080/a.mp3?x=1"),
        (Routes("https://api.proxy.example/vox"), "https://api.proxy.example/vox/a.mp3?x=1"),
        (Routes(VENDOR, storage=PROXY), f"{PROXY}/a.mp3?x=1"),
        (Routes("https://api.proxy.example", storage=AS_NAMED), f"https://{STORE}/a.mp3?x=1"),
        (Routes("https://api-eu.voximplant.com"), f"https://{STORE}/a.mp3?x=1"),
    ],
    ids=["emulator", "proxy of all", "proxy of files", "proxy of the API", "another API of the vendor"],
)
def test_one_origin_can_stand_for_the_vendors_hosts(routes: Routes, asked: str) -> None:
    """With another endpoint the token is meant for that one, and goes nowhere else unless it is said."""
    route = routes.of(f"https://{STORE}/a.mp3?x=1")
    assert (route.url, route.with_token) == (asked, True)


def test_a_transcript_is_asked_for_by_its_number() -> None:
    """The vendor wants the recording's id as a parameter, once."""
    routes = Routes(VENDOR)
    assert routes.of(f"https://{STORE}/a.txt", record_id=7).url == f"https://{STORE}/a.txt?record_id=7"
    assert routes.of(f"https://{STORE}/a.txt?b=1", record_id=7).url.endswith("/a.txt?b=1&record_id=7")
    assert routes.of(f"https://{STORE}/a.txt?record_id=8", record_id=7).url.endswith("?record_id=8")


@pytest.mark.parametrize("storage", ["http://files.example", "files.example", "https://a:b@files.example"])
def test_an_origin_that_would_show_the_token_to_anybody_is_refused(storage: str) -> None:
    """In clear to another machine, or not an origin at all."""
    with pytest.raises(ConfigError):
        Routes(VENDOR, storage=storage)
