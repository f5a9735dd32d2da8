"""What must never show: its type, its file, and its traces in foreign text. Pure but for the one file."""

import os
import re
import stat
from pathlib import Path
from typing import NoReturn, Self

__all__ = ["Masked", "Token", "masked", "printable", "read_secret_file"]

# How every JWT starts ('{"' in base64), and a key in PEM, be it cut or with its line ends escaped.
_SECRETS = re.compile(r"eyJ[\w-]+(?:\.[\w-]*)*|-----BEGIN[^-]*-----.*?(?:-----END[^-]*-----|\Z)", re.DOTALL)
# What the vendor's old way of signing in puts into URLs and forms, and its key files beside other fields.
_API_KEYS = re.compile(r"""(api_key\\?["']?\s*[=:]\s*\\?["']?)[^\s&"'\\,;)}]+""", re.IGNORECASE)
_MASK = "(secret)"


class Masked:
    """A value whose text form says nothing, and which no copy, pickle or ``asdict`` spreads.

    A traceback with local variables, a debugger's dump and a log line all go by ``repr``.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return f"{type(self).__name__}{_MASK}"

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, _memo: object) -> Self:
        return self

    def __reduce_ex__(self, _protocol: object) -> NoReturn:
        raise TypeError(f"{type(self).__name__} is secret: it is not written down")


class Token(Masked, str):
    """A signed token; only formatting it (``f"Bearer {token}"``) gives its text."""

    __slots__ = ()


def masked(text: str) -> str:
    """``text`` without its tokens, private keys and API keys."""
    return _API_KEYS.sub(rf"\1{_MASK}", _SECRETS.sub(_MASK, text))


def printable(text: str) -> str:
    """``text`` without secrets, and without what could forge a line, move a cursor or hide."""
    return "".join(sign if sign.isprintable() else " " for sign in masked(text))


def read_secret_file(path: Path, most: int) -> tuple[bytes, bool]:
    """The bytes of a file, and whether other users can open it.

    Args:
        path: The file.
        most: Bytes to read at most, and one more, which tells that there are too many: a device given by
            mistake has no end.

    Raises:
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        content, mode = file.read(most + 1), os.fstat(file.fileno()).st_mode
    return content, bool(mode & (stat.S_IRWXG | stat.S_IRWXO))
