"""The planted bugs stay plantable, and a run tells a bug that is caught from one that is not."""

import re

import pytest

from tests.mutants.mutant import ROOT, Edit, Mutant
from tests.mutants.run import judged, missing
from tests.mutants.table import MUTANTS


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_every_bug_can_be_planted(mutant: Mutant) -> None:
    """What it replaces stands there once, what comes of it is Python, and the tests that catch it exist."""
    for file, text in mutant.texts().items():
        compile(text, file, "exec")
        assert text != (ROOT / file).read_text()
    assert not [missing(test) for test in mutant.caught_by if missing(test)]


def test_names_tell_bugs_apart() -> None:
    """At least 25 of them, as the promise says."""
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS) >= 25


def test_the_readme_has_the_table() -> None:
    """Each bug and what catches it; ``python -m tests.mutants --table`` prints the rows."""
    section = (ROOT / "tests" / "README.md").read_text().split("## Planted bugs\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| .*\|$", section, re.MULTILINE)
    assert rows[1:] == [mutant.row for mutant in MUTANTS]


@pytest.mark.large
@pytest.mark.parametrize(
    ("new", "caught"),
    [
        pytest.param('_MASK = "(none)"', True, id="a bug"),
        pytest.param('_MASK = "(secret)"  #', False, id="no bug"),
        pytest.param("_MASK = (", False, id="no Python"),
    ],
)
def test_a_bug_is_caught_by_a_test_that_fails(new: str, *, caught: bool) -> None:
    """Not by code that cannot be read."""
    test = "tests/test_secret.py::test_a_token_is_its_text_where_it_is_sent"
    verdict = judged(Mutant("", "", (Edit("harvester/secret.py", '_MASK = "(secret)"', new),), (test,)))
    assert verdict.caught_by == (test if caught else "")
