"""SQLite's connection to the ledger, which says like any other file when the disk refuses it."""

import errno
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

# A short read is not the disk's: the file is damaged.
_DAMAGED = sqlite3.SQLITE_IOERR_SHORT_READ
_REFUSED: Mapping[int, int] = MappingProxyType(
    {
        sqlite3.SQLITE_FULL: errno.ENOSPC,
        sqlite3.SQLITE_IOERR: errno.EIO,
        sqlite3.SQLITE_CANTOPEN: errno.EIO,
    }
)


class Connection(sqlite3.Connection):
    """What fails once the ledger is open is no fault of its file.

    An ``sqlite3.Error`` would pass the door of the ledger inside the group of a failed run, and look like a
    defect of the program.

    Attributes:
        opened: The ledger's file, as soon as it has been opened well.
    """

    opened: Path | None = None

    def execute(self, *arguments: Any) -> sqlite3.Cursor:  # noqa: ANN401  (sqlite3's own)
        """As ever.

        Raises:
            OSError: The disk is full or fails.
        """
        try:
            return super().execute(*arguments)
        except sqlite3.OperationalError as error:
            number = _REFUSED.get(error.sqlite_errorcode & 0xFF)
            if self.opened is None or number is None or error.sqlite_errorcode == _DAMAGED:
                raise
            raise OSError(number, str(error), str(self.opened)) from error
