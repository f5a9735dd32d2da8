"""The key file of a service account, as the vendor's control panel hands it out.

Format: https://voximplant.com/docs/guides/managementapi/authorization
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from harvester.errors import CredentialsError
from harvester.secret import read_secret_file

__all__ = ["Credentials", "load_credentials"]

_FIELDS: dict[str, type] = {"account_id": int, "key_id": str, "private_key": str}
_NAMES = {int: "a whole number", str: "text"}
_MOST_BYTES = 1 << 16  # a key file has 2 KiB
_REMEDY = "create a service account's key in the control panel and save the file it offers"


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who asks.

    Attributes:
        account_id: The account that issued the key.
        key_id: Tells the vendor which public key proves a token.
        private_key: Signs tokens; parsed once, because parsing costs a hundred signatures.
        account_email: For the user's eye; empty if the file does not say.
    """

    account_id: int
    key_id: str
    private_key: RSAPrivateKey = field(repr=False)
    account_email: str = ""


def load_credentials(path: Path) -> tuple[Credentials, tuple[str, ...]]:
    """Read a key file; the second value warns the user, one sentence each.

    Raises:
        CredentialsError: The file is missing, unreadable, or not a key file. Never quotes the file.
    """
    text, exposed = _read(path)
    content = _object(path, text)
    for name, kind in _FIELDS.items():
        if name not in content:
            raise CredentialsError(f"the key file {path} lacks {name!r}; {_REMEDY}")
        if type(content[name]) is not kind:
            raise CredentialsError(f"in the key file {path}, {name!r} is not {_NAMES[kind]}; {_REMEDY}")
    email = content.get("account_email")
    credentials = Credentials(
        account_id=content["account_id"],
        key_id=content["key_id"],
        private_key=_private_key(path, content["private_key"]),
        account_email=email if isinstance(email, str) else "",
    )
    return credentials, (f"other users can open the key file: chmod 600 {path}",) if exposed else ()


def _read(path: Path) -> tuple[bytes, bool]:
    try:
        text, exposed = read_secret_file(path, _MOST_BYTES)
    except OSError as error:
        raise CredentialsError(f"cannot read the key file {path}: {error.strerror}; {_REMEDY}") from error
    if len(text) > _MOST_BYTES:
        raise CredentialsError(f"{path} is too large for a key file; {_REMEDY}")
    return text, exposed


def _object(path: Path, text: bytes) -> dict[str, Any]:
    # The parser's own error holds the whole text: it must not travel along as this one's context.
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise CredentialsError(f"the key file {path} is not a JSON object; {_REMEDY}")
    return content


def _private_key(path: Path, pem: str) -> RSAPrivateKey:
    if "PUBLIC KEY" in pem:
        raise CredentialsError(f"the key file {path} holds a public key, not the private one; {_REMEDY}")
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except TypeError:
        reason = "encrypted with a password"
    except (ValueError, UnsupportedAlgorithm):
        reason = "damaged or not a key at all"
    else:
        if isinstance(key, RSAPrivateKey):
            return key
        reason = "not an RSA key"
    raise CredentialsError(f"the private key in {path} is {reason}; {_REMEDY}")
