from collections.abc import Callable
from dataclasses import dataclass
from email.utils import formatdate

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.api.auth import TokenSource
from tests.keys import CREDENTIALS, PRIVATE_KEY

NOON = 1_700_000_000.0


@dataclass
class Clock:
    """The local wall clock."""

    time: float = NOON

    def __call__(self) -> float:
        """Unix seconds."""
        return self.time


def claims(token: str) -> dict[str, object]:
    """The claims of a token whose signature holds."""
    payload: dict[str, object] = jwt.decode(
        token,
        PRIVATE_KEY.public_key(),
        algorithms=["RS256"],
        options={"verify_exp": False, "verify_iat": False},
    )
    return payload


def dated(seconds: float) -> str:
    """A ``Date`` header."""
    return formatdate(seconds, usegmt=True)


def test_a_token_says_what_the_vendor_asks() -> None:
    """Key id in the header; account as text, and a life of at most an hour, in the claims; nothing else."""
    token = TokenSource(CREDENTIALS, now=Clock()).token()
    assert jwt.get_unverified_header(token) == {"alg": "RS256", "typ": "JWT", "kid": "key-1"}
    content = claims(token)
    assert content["iss"] == "20"
    assert content["iat"] == NOON - 5
    assert isinstance(content["exp"], int)
    assert NOON < content["exp"] <= NOON - 5 + 3600
    assert set(content) == {"iss", "iat", "exp"}


def test_a_child_account_is_named_as_the_issuer() -> None:
    """The parent's key signs for the child."""
    assert claims(TokenSource(CREDENTIALS, now=Clock(), account_id=77).token())["iss"] == "77"


def test_a_token_serves_until_four_fifths_of_its_life() -> None:
    """The same token until then, a fresh one after."""
    clock = Clock()
    source = TokenSource(CREDENTIALS, now=clock)
    first = source.token()
    clock.time += 0.8 * 1800 - 1
    assert source.token() == first
    clock.time += 1
    assert claims(source.token())["iat"] == clock.time - 5


def test_a_clock_set_back_makes_a_fresh_token() -> None:
    """A token signed by a clock that ran ahead is not used any longer."""
    clock = Clock()
    source = TokenSource(CREDENTIALS, now=clock)
    source.token()
    clock.time -= 600
    assert claims(source.token())["iat"] == clock.time - 5


def test_renewing_signs_anew() -> None:
    """After ``renew`` the next token is a new one."""
    clock = Clock()
    source = TokenSource(CREDENTIALS, now=clock)
    first = source.token()
    clock.time += 10
    source.renew()
    assert source.token() != first
    assert claims(source.token())["iat"] == clock.time - 5


def test_a_token_that_was_replaced_already_renews_nothing() -> None:
    """Many requests may be refused with one token; the first replaces it for all."""
    clock = Clock()
    source = TokenSource(CREDENTIALS, now=clock)
    old = source.token()
    clock.time += 10
    source.renew(old)
    fresh = source.token()
    assert fresh != old
    clock.time += 10
    source.renew(old, earlier=True)
    assert source.token() == fresh


def test_issued_in_future_dates_tokens_back() -> None:
    """Each complaint moves the issue date back, five minutes at most; the life keeps its length."""
    source = TokenSource(CREDENTIALS, now=Clock())
    issued = []
    for _ in range(7):
        content = claims(source.token())
        assert content["exp"] == int(str(content["iat"])) + 1800
        issued.append(content["iat"])
        source.renew(earlier=True)
    assert issued == [NOON - back for back in (5, 65, 125, 185, 245, 300, 300)]


@pytest.mark.parametrize("ahead", [-86_400, -600, -30, 30, 600, 86_400])
def test_the_vendors_clock_counts(ahead: int) -> None:
    """Tokens are dated by the vendor's clock, as its answers show it."""
    clock = Clock()
    source = TokenSource(CREDENTIALS, now=clock)
    source.token()
    source.observe_date(dated(NOON + ahead))
    assert source.skew == pytest.approx(ahead, abs=1)
    assert claims(source.token())["iat"] == pytest.approx(NOON + ahead - 5, abs=1)


@pytest.mark.parametrize("ahead", [-2, 0, 1])
def test_less_than_the_headers_grain_is_no_skew(ahead: int) -> None:
    """A date of whole seconds cannot show a smaller difference, and the token stays."""
    clock = Clock()
    source = TokenSource(CREDENTIALS, now=clock)
    first = source.token()
    clock.time += 7
    source.observe_date(dated(clock.time + ahead))
    assert source.skew == 0
    assert source.token() == first


def test_a_small_change_of_skew_keeps_the_token() -> None:
    """Dates that jitter by some seconds do not cost a signature each."""
    clock = Clock()
    source = TokenSource(CREDENTIALS, now=clock)
    source.observe_date(dated(NOON + 100))
    first = source.token()
    clock.time += 1
    source.observe_date(dated(NOON + 105))
    assert source.token() == first
    source.observe_date(dated(NOON + 110))
    assert source.token() != first


@pytest.mark.parametrize("header", [None, "", "yesterday", "Mon, 99 Foo 2024 00:00:00 GMT", "1700000000"])
def test_what_is_no_date_teaches_nothing(header: str | None) -> None:
    """A strange header leaves the skew as it was."""
    source = TokenSource(CREDENTIALS, now=Clock())
    source.observe_date(dated(NOON + 100))
    source.observe_date(header)
    assert source.skew == pytest.approx(100, abs=1)


@given(st.text())
def test_no_header_is_an_error(header: str) -> None:
    """Whatever a server sends as its date, asking goes on."""
    source = TokenSource(CREDENTIALS, now=Clock())
    source.observe_date(header)
    assert source.token()


@pytest.mark.parametrize("action", [TokenSource.token, TokenSource.renew])
def test_the_key_never_shows(action: Callable[[TokenSource], object]) -> None:
    """The text form of a token source holds neither key nor token."""
    source = TokenSource(CREDENTIALS, now=Clock())
    action(source)
    assert "eyJ" not in repr(source)
    assert "PRIVATE" not in repr(source)
