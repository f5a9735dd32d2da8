"""Tokens for the vendor's API: signed here, cached, and dated by the vendor's clock.

Rules: https://voximplant.com/docs/guides/managementapi/authorization
"""

from collections.abc import Callable

import jwt

from harvester.api.credentials import Credentials
from harvester.api.reply import http_date
from harvester.secret import Token

__all__ = ["TokenSource"]

_LIFE = 1800  # seconds; the vendor allows 3600, a token that leaks should live shorter
_RENEW_AT = 0.8  # of its life: no request leaves with a token about to expire
_BACKDATE = 5  # seconds; the vendor's own clients allow for as much difference between clocks
_EARLIER = 60  # more seconds for each time the vendor finds a token issued in the future
_EARLIEST = 300
_GRAIN = 2.0  # seconds; ``Date`` has whole seconds and travels, so less than this says nothing
_DRIFT = 5.0  # seconds the skew may move before a token signed with the old one is dropped


class TokenSource:
    """The current token of an account. Synchronous: signing takes half a millisecond, so no lock."""

    def __init__(
        self, credentials: Credentials, *, now: Callable[[], float], account_id: int | None = None
    ) -> None:
        """Prepare to sign.

        Args:
            credentials: Whose key signs.
            now: The local wall clock, Unix seconds.
            account_id: A child account to act for; the key's own account if ``None``.
        """
        self._credentials = credentials
        self._now = now
        # Text, though the vendor takes a number too: PyJWT refuses to sign a numeric issuer.
        self._issuer = str(credentials.account_id if account_id is None else account_id)
        self._backdate = _BACKDATE
        self._skew = 0.0
        self._token: Token | None = None
        self._signed_at = 0.0
        self._signed_skew = 0.0

    @property
    def skew(self) -> float:
        """How far the vendor's clock is ahead of the local one, in seconds; 0.0 if they agree."""
        return self._skew

    def token(self) -> Token:
        """A token with at least a fifth of its life left."""
        now = self._now()
        # A clock that was set back makes the age negative: the token then lies in the future.
        if self._token is None or not 0 <= now - self._signed_at < _LIFE * _RENEW_AT:
            self._token = self._sign(now)
            self._signed_at, self._signed_skew = now, self._skew
        return self._token

    def renew(self, refused: str | None = None, *, earlier: bool = False) -> None:
        """Forget the token, so that the next one is signed anew.

        Args:
            refused: The token the vendor turned down; if a newer one is at hand already, that one stays.
            earlier: Date the next tokens further back: the vendor says this one was issued in the future.
        """
        if refused is not None and refused != self._token:
            return
        self._token = None
        if earlier:
            self._backdate = min(self._backdate + _EARLIER, _EARLIEST)

    def observe_date(self, date_header: str | None) -> None:
        """Learn the vendor's time from an answer's ``Date``; anything else in that header is ignored."""
        served = http_date(date_header)
        if served is None:
            return
        skew = served + 0.5 - self._now()  # the header cuts off the fraction: half a second on average
        self._skew = skew if abs(skew) > _GRAIN else 0.0
        if abs(self._skew - self._signed_skew) > _DRIFT:
            self._token = None

    def _sign(self, now: float) -> Token:
        issued = int(now + self._skew) - self._backdate
        return Token(
            jwt.encode(
                {"iss": self._issuer, "iat": issued, "exp": issued + _LIFE},
                self._credentials.private_key,
                algorithm="RS256",
                headers={"kid": self._credentials.key_id},
            )
        )
