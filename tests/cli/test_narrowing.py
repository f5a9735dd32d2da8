"""Filters that say nothing: each would harvest everything, and is refused wherever it is said."""

from pathlib import Path

import pytest

from harvester.errors import ConfigError
from tests.cli.test_options import NEEDED, ordered


@pytest.mark.parametrize("said", ["", "  "])
@pytest.mark.parametrize("place", ["flag", "variable", "file"])
@pytest.mark.parametrize(
    "name", ["remote-number", "local-number", "custom-data", "rule-name", "user-id", "application-id"]
)
def test_an_empty_filter_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, place: str, said: str
) -> None:
    """It would harvest everything; mostly it is a script's variable that was not set."""
    more = []
    if place == "flag":
        more = [f"--{name}", said]
    elif place == "variable":
        monkeypatch.setenv(f"HARVESTER_{name.replace('-', '_').upper()}", said)
    else:
        file = tmp_path / "options.toml"
        file.write_text(f'{name} = "{said}"\n')
        more = ["--config", str(file)]
    with pytest.raises(ConfigError, match=r"^\S+ is empty, and would leave nothing out"):
        ordered(*NEEDED, *more)


def test_an_empty_list_of_filters_is_refused(tmp_path: Path) -> None:
    """As an empty text is."""
    file = tmp_path / "options.toml"
    file.write_text("user-id = []\n")
    with pytest.raises(ConfigError, match=r"^--user-id is empty"):
        ordered(*NEEDED, "--config", str(file))


def test_a_flag_stands_over_an_empty_filter_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """It says what is meant."""
    monkeypatch.setenv("HARVESTER_USER_ID", "")
    assert ordered(*NEEDED, "--user-id", "7").filters == {"user_id": "7"}
