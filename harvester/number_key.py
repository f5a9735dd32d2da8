"""The key of ``--hash-numbers``: the same number becomes the same text, and only the key tells which."""

import hmac
from pathlib import Path

from harvester.errors import ConfigError
from harvester.secret import Masked, read_secret_file

__all__ = ["NumberKey", "load_number_key"]

_LEAST_BYTES = 32  # what 256 bits take at best: the numbers of a country can be tried, so the key may not be
_MOST_BYTES = 4096
_DIGITS = 32  # of the hash, 128 bits: among a billion numbers, two alike are less likely than 1 in 10**20
_FINGERPRINT = b"the fingerprint of this key, which is no number"
_REMEDY = "make one: (umask 077; openssl rand -hex 32 > numbers.key)"


class NumberKey(Masked):
    """Turns numbers into hashes: the first 32 hexadecimal digits of HMAC-SHA256.

    Attributes:
        fingerprint: Tells keys apart, and tells nothing of them.
    """

    __slots__ = ("_key", "fingerprint")

    def __init__(self, key: bytes) -> None:
        self._key = key
        self.fingerprint = self.hashed(_FINGERPRINT)[:16]

    def hashed(self, number: bytes) -> str:
        """The hash of a number as sent, in UTF-8."""
        return hmac.digest(self._key, number, "sha256").hex()[:_DIGITS]

    def spelt(self) -> bytes:
        """The key itself: for a process of this run, over a socket of its own, and for nobody else."""
        return self._key

    def __eq__(self, other: object) -> bool:
        return isinstance(other, NumberKey) and other.fingerprint == self.fingerprint

    def __hash__(self) -> int:
        return hash(self.fingerprint)


def load_number_key(path: Path) -> tuple[NumberKey, tuple[str, ...]]:
    """Read a key file: its bytes, less white space at the end; the second value warns the user.

    Raises:
        ConfigError: It cannot be read, or is too short or too long to be a key. Never quotes the file.
    """
    try:
        content, exposed = read_secret_file(path, _MOST_BYTES)
    except OSError as error:
        raise ConfigError(f"cannot read --hash-numbers {path}: {error.strerror}; {_REMEDY}") from error
    key = content.rstrip()  # an editor's line end must not make another key of it
    if not _LEAST_BYTES <= len(key) <= _MOST_BYTES:
        raise ConfigError(
            f"--hash-numbers {path} must hold {_LEAST_BYTES} to {_MOST_BYTES} bytes, and holds"
            f" {'more' if len(key) > _MOST_BYTES else len(key)}; {_REMEDY}"
        )
    return NumberKey(key), (f"other users can open the key file: chmod 600 {path}",) if exposed else ()
