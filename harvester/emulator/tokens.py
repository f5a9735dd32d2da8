"""Keys of the account, and the tokens signed with them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from uuid import UUID

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from jwt.types import Options

from harvester.emulator.refusals import Code, Refusal

LONGEST_LIFE = 3_600
CLOCK_LEEWAY = 5
_CACHED = 1_000
_SCHEME = "Bearer "


@dataclass(frozen=True, slots=True)
class Asker:
    """Who a token speaks for, and with which roles."""

    account_id: int
    roles: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Token:
    key_id: str
    account_id: int
    issued: float
    expires: float


class Keys:
    """The keys handed out for an account and its children: one RSA pair, and for each an id and its roles."""

    def __init__(
        self,
        account_id: int,
        children: tuple[int, ...],
        now: Callable[[], float],
        private_key: rsa.RSAPrivateKey | None = None,
    ) -> None:
        """Start without keys.

        Args:
            account_id: The account.
            children: Its children, for whom its keys may speak too.
            now: The server's clock, Unix seconds.
            private_key: Of every key handed out; made at need if not given, which takes a while.
        """
        if private_key is not None:
            self._pair = private_key
        self._account_id = account_id
        self._accounts = {account_id, *children}
        self._now = now
        self._roles: dict[str, frozenset[str]] = {}
        self._issued = 0
        self._tokens: dict[str, _Token] = {}

    @cached_property
    def _pair(self) -> rsa.RSAPrivateKey:
        return rsa.generate_private_key(public_exponent=65_537, key_size=2_048)

    @cached_property
    def _public_key(self) -> rsa.RSAPublicKey:
        return self._pair.public_key()

    @cached_property
    def _pem(self) -> str:
        return self._pair.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()

    def issue(self, roles: tuple[str, ...]) -> dict[str, object]:
        """Hand out the content of a credentials file, as the vendor's panel does."""
        self._issued += 1
        key_id = str(UUID(int=self._issued << 64 | self._account_id))
        self._roles[key_id] = frozenset(roles)
        return {
            "account_email": f"owner@account{self._account_id}.example",
            "account_id": self._account_id,
            "key_id": key_id,
            "private_key": self._pem,
        }

    def revoke(self, key_id: str) -> None:
        """Forget a key: tokens signed with it are refused from now on.

        Raises:
            KeyError: There is no such key.
        """
        del self._roles[key_id]

    def asker(self, authorization: str | None) -> Asker:
        """Tell whom the header ``Authorization`` speaks for.

        Raises:
            Refusal: Codes 100, 115, 433, 447, 454, 455 or 456.
        """
        if authorization is None or not authorization.startswith(_SCHEME):
            raise Refusal(Code.AUTHORIZATION_FAILED, "Authorization failed.")
        text = authorization[len(_SCHEME) :].strip()
        token = self._tokens.get(text)
        if token is None:
            token = self._verified(text)
            if len(self._tokens) >= _CACHED:
                self._tokens.clear()
            self._tokens[text] = token
        roles = self._roles.get(token.key_id)
        if roles is None:
            raise Refusal(Code.INVALID_KEY_ID, "The key_id is invalid.")
        now = self._now()
        if token.issued > now + CLOCK_LEEWAY:
            raise Refusal(Code.TOKEN_ISSUED_IN_FUTURE, "The token was issued in the future.")
        if token.expires <= now:
            raise Refusal(Code.TOKEN_EXPIRED, "The token has expired.")
        return Asker(token.account_id, roles)

    def _verified(self, text: str) -> _Token:
        """Check all that time does not change, so that it need be checked once."""
        key_id = _key_id(text)
        if key_id not in self._roles:
            raise Refusal(Code.INVALID_KEY_ID, "The key_id is invalid.")
        try:
            claims = jwt.decode(text, self._public_key, algorithms=["RS256"], options=_SIGNATURE_ONLY)
        except jwt.InvalidTokenError as error:
            raise Refusal(Code.AUTHORIZATION_FAILED, "Authorization failed.") from error
        issued, expires = _seconds(claims, "iat"), _seconds(claims, "exp")
        if expires - issued > LONGEST_LIFE:
            raise Refusal(Code.INVALID_TOKEN_TTL, f"The token lives longer than {LONGEST_LIFE} seconds.")
        issuer = str(claims.get("iss", ""))  # official clients send a number or its text
        if not (issuer.isascii() and issuer.isdigit()):
            raise Refusal(Code.AUTHORIZATION_FAILED, "Authorization failed.")
        if int(issuer) not in self._accounts:
            raise Refusal(Code.INVALID_ACCOUNT_ID, "The account_id is invalid.")
        return _Token(key_id, int(issuer), issued, expires)


# Claims are judged here, by the vendor's rules and codes.
_SIGNATURE_ONLY: Options = {
    "verify_exp": False,
    "verify_iat": False,
    "verify_nbf": False,
    "verify_aud": False,
    "verify_iss": False,
    "verify_sub": False,
    "verify_jti": False,
}


def _key_id(text: str) -> str:
    try:
        header = jwt.get_unverified_header(text)
    except jwt.InvalidTokenError as error:
        raise Refusal(Code.INVALID_TOKEN_FORMAT, "The token format is invalid.") from error
    key_id = header.get("kid")
    if header.get("alg") != "RS256" or not isinstance(key_id, str):
        raise Refusal(Code.INVALID_TOKEN_FORMAT, "The token format is invalid.")
    return key_id


def _seconds(claims: Mapping[str, object], name: str) -> float:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Refusal(Code.INVALID_TOKEN_FORMAT, f"The token has no {name}.")
    return value
