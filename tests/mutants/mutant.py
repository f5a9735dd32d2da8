"""A planted bug: what it breaks, where, and which test must notice."""

import shutil
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
TREE = ("harvester", "tests", "pyproject.toml")  # what a test run needs


class StaleError(Exception):
    """The code has moved on: what a mutant replaces does not stand there once."""


@dataclass(frozen=True, slots=True)
class Edit:
    """One replacement in one file; ``old`` stands there exactly once."""

    file: str
    old: str
    new: str

    def applied(self, text: str) -> str:
        """The file's text with the bug in it.

        Raises:
            StaleError: ``old`` is not there, or several times.
        """
        if (times := text.count(self.old)) != 1:
            raise StaleError(f"{self.file} has {times} times: {self.old}")
        return text.replace(self.old, self.new)


@dataclass(frozen=True, slots=True)
class Mutant:
    """A bug that somebody could make.

    Attributes:
        name: For ``--only``.
        breaks: What is wrong then, for a reader who does not know the code.
        edits: How the bug is made.
        caught_by: The tests that must notice, the quickest of those that do; as pytest takes them.
    """

    name: str
    breaks: str
    edits: tuple[Edit, ...]
    caught_by: tuple[str, ...]

    def texts(self) -> dict[str, str]:
        """The changed files, by their path in the tree.

        Raises:
            StaleError: The code has moved on.
        """
        texts: dict[str, str] = {}
        for edit in self.edits:
            texts[edit.file] = edit.applied(texts.get(edit.file) or (ROOT / edit.file).read_text())
        return texts

    @property
    def row(self) -> str:
        """Its row in ``tests/README.md``."""
        tests = (test.partition("[")[0].removeprefix("tests/").split("::") for test in self.caught_by)
        return f"| {self.breaks} | {', '.join(f'[`{name}`]({file})' for file, name in tests)} |"


def copied(target: Path) -> Path:
    """A copy of the tree, with the compiled files: they are as old as their sources and spare seconds."""
    for name in TREE:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, target / name)
        else:
            shutil.copy2(ROOT / name, target / name)
    return target
