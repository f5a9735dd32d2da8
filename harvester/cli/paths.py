"""The paths that options take: of this machine's file system, whoever said them, a shell or not."""

import os
import re
from pathlib import Path
from typing import Any

import click

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


class LocalPath(click.Path):
    """A path; its ``~`` is the home folder, also where no shell replaces it: in quotes, variable or file."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:  # noqa: ANN401  (click's signature)
        """The path that is meant.

        Raises:
            click.BadParameter: It is none, or below the home folder of nobody.
        """
        text = os.fspath(value)
        if not text or "\0" in text:
            self.fail(f"{text!r} is no path", param, ctx)
        # Not pathlib's, which takes "./~x", a folder of that name, for a home folder too.
        expanded = os.path.expanduser(text)  # noqa: PTH111
        if expanded == text and text.startswith("~"):
            self.fail(
                f"nobody's home folder is meant by {text!r}; if it is a name in this folder, write ./{text}",
                param,
                ctx,
            )
        path = Path(expanded)
        # Arrow reads "~" a second time, and a scheme before ":"; behind "/" it does neither.
        return path.absolute() if path.name and _is_ambiguous(path) else path


class LakePath(LocalPath):
    """The folder of a lake: what Arrow could take for something else is refused before anything is asked."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:  # noqa: ANN401  (click's signature)
        """The folder that is meant.

        Raises:
            click.BadParameter: It is none, lies in no file system, or has a name that Arrow cannot open.
        """
        text = os.fspath(value)
        if _SCHEME.match(text):
            self.fail(
                f"{text!r} looks like the address of an object store, which cannot hold a lake: give a local"
                f" folder, ./{text} if it is called so",
                param,
                ctx,
            )
        path = super().convert(value, param, ctx)
        try:
            str(path).encode()
        except UnicodeEncodeError:
            self.fail(f"{str(path)!r} is not UTF-8: give a local folder whose name is", param, ctx)
        return path


def _is_ambiguous(path: Path) -> bool:
    return str(path).startswith("~") or ":" in str(path)
