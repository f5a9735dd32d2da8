"""Keys and tokens: who may ask, for how long, and what."""

import json
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from jwt.api_jws import PyJWS

from harvester.emulator.tokens import _CACHED, Asker, Keys
from tests.emulator.asking import PRIVATE_KEY, refused

NOW = 1_717_000_000


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = float(NOW)

    def __call__(self) -> float:
        """The time."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """Set to ``NOW``."""
    return Clock()


@pytest.fixture
def keys(clock: Clock) -> Keys:
    """Keys of account 42 and its child 43."""
    return Keys(42, (43,), clock, PRIVATE_KEY)


def signed(credentials: dict[str, Any], headers: dict[str, Any] | None = None, **claims: object) -> str:
    """The header of a request, with a token of ten minutes and some claims of its own."""
    payload = {"iss": "42", "iat": NOW, "exp": NOW + 600} | claims
    payload = {name: value for name, value in payload.items() if value is not None}
    header = {"kid": credentials["key_id"]} if headers is None else headers
    # PyJWT would not sign an integer issuer, which official clients send.
    text = PyJWS().encode(json.dumps(payload).encode(), credentials["private_key"], "RS256", header)
    return f"Bearer {text}"


def test_credentials_are_what_the_vendor_hands_out(keys: Keys) -> None:
    """Four fields, the key in PKCS#8; every key has its own id."""
    first, second = keys.issue(("Owner",)), keys.issue(())
    assert set(first) == {"account_email", "account_id", "key_id", "private_key"}
    assert first["account_id"] == 42
    assert first["key_id"] != second["key_id"]
    pem = str(first["private_key"])
    assert pem.startswith("-----BEGIN PRIVATE KEY-----\n")
    assert getattr(load_pem_private_key(pem.encode(), None), "key_size", 0) == 2048


@pytest.mark.parametrize(("issuer", "account"), [("42", 42), (42, 42), ("43", 43), (43, 43)])
def test_a_token_speaks_for_an_account(keys: Keys, issuer: object, account: int) -> None:
    """The issuer is a number or its text, and may be a child of the key's account."""
    token = signed(keys.issue(("Owner", "Admin")), iss=issuer)
    assert keys.asker(token) == Asker(account, frozenset({"Owner", "Admin"}))


CLAIMS: list[tuple[dict[str, Any], int]] = [
    ({"iss": None}, 100),
    ({"iss": "someone"}, 100),
    ({"iss": "²"}, 100),
    ({"iss": "44"}, 115),
    ({"iat": None}, 447),
    ({"exp": None}, 447),
    ({"exp": "soon"}, 447),
    ({"iat": True}, 447),
    ({"exp": NOW + 3_601}, 454),
    ({"iat": NOW + 6, "exp": NOW + 60}, 455),
    ({"iat": NOW - 60, "exp": NOW}, 456),
]


@pytest.mark.parametrize(("claims", "code"), CLAIMS, ids=[str(claims) for claims, _ in CLAIMS])
def test_wrong_claims(keys: Keys, claims: dict[str, Any], code: int) -> None:
    """Each wrong claim has its code."""
    with refused(code):
        keys.asker(signed(keys.issue(("Owner",)), **claims))


def test_claims_at_their_limits(keys: Keys) -> None:
    """An hour of life, five seconds ahead, a second left, and claims the vendor ignores: all right."""
    credentials = keys.issue(("Owner",))
    limits: tuple[dict[str, Any], ...] = (
        {"exp": NOW + 3_600},
        {"iat": NOW + 5, "exp": NOW + 60},
        {"iat": NOW - 60.5, "exp": NOW + 1},
        {"nbf": NOW + 60, "aud": "x", "sub": 5, "jti": 7},
    )
    for claims in limits:
        assert keys.asker(signed(credentials, **claims)).account_id == 42


HEADERS: list[tuple[Callable[[str], str | None], int]] = [
    (lambda _: None, 100),
    (lambda token: token.replace("Bearer", "Basic"), 100),
    (lambda _: "Bearer ", 447),
    (lambda _: "Bearer a.b.c", 447),
    (lambda token: token[:-8] + "AAAAAAAA", 100),
    (lambda token: token.replace(".", ".e30", 1), 447),
]


@pytest.mark.parametrize(("change", "code"), HEADERS)
def test_wrong_headers(keys: Keys, change: Callable[[str], str | None], code: int) -> None:
    """A missing, unreadable or forged token is refused."""
    with refused(code):
        keys.asker(change(signed(keys.issue(("Owner",)))))


@pytest.mark.parametrize("headers", [{}, {"kid": "x", "alg": "RS512"}])
def test_wrong_token_headers(keys: Keys, headers: dict[str, Any]) -> None:
    """A token names its key, and is signed by RS256."""
    with refused(447):
        keys.asker(signed(keys.issue(("Owner",)), headers))


def test_an_unknown_key(keys: Keys) -> None:
    """A key id that was never handed out has a code of its own."""
    with refused(433):
        keys.asker(signed(keys.issue(()), {"kid": "00000000"}))


def test_another_account_s_key(keys: Keys, clock: Clock) -> None:
    """The right key id does not help a signature by another key."""
    mine, other = keys.issue(("Owner",)), Keys(42, (), clock).issue(("Owner",))
    with refused(100):
        keys.asker(signed({**other, "key_id": mine["key_id"]}))


def test_a_known_token_still_ages(keys: Keys, clock: Clock) -> None:
    """A token that was verified before is refused once it has expired, or the clock was set back."""
    token = signed(keys.issue(("Owner",)))
    assert keys.asker(token) == keys.asker(token)
    clock.now = NOW + 600.0
    with refused(456):
        keys.asker(token)
    clock.now = NOW - 5.1
    with refused(455):
        keys.asker(token)


def test_a_revoked_key(keys: Keys) -> None:
    """Tokens of a revoked key are refused, those verified before too; other keys go on."""
    first, second = keys.issue(("Owner",)), keys.issue(("Owner",))
    token = signed(first)
    keys.asker(token)
    keys.revoke(str(first["key_id"]))
    for known in (token, signed(first, exp=NOW + 50)):
        with refused(433):
            keys.asker(known)
    assert keys.asker(signed(second)).account_id == 42
    with pytest.raises(KeyError):
        keys.revoke(str(first["key_id"]))


def test_a_token_is_verified_once(keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    """The signature of a token seen before is not computed again; the memory of tokens has a limit."""
    token = signed(keys.issue(("Owner",)))
    keys.asker(token)
    known = keys._tokens[token.removeprefix("Bearer ")]
    with monkeypatch.context() as patch:
        patch.setattr(jwt, "decode", None)
        assert keys.asker(token).account_id == 42
    keys._tokens.update({str(number): known for number in range(_CACHED)})
    keys.asker(signed(keys.issue(("Owner",))))
    assert len(keys._tokens) == 1
