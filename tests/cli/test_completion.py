import pytest

from harvester.cli import main
from harvester.cli.config_file import COMMANDS


@pytest.mark.parametrize(
    ("shell", "hook"),
    [
        ("bash", "_harvester_completion harvester"),
        ("zsh", "#compdef harvester"),
        ("fish", "--command harvester"),
    ],
)
def test_every_shell_gets_its_script(capsys: pytest.CaptureFixture[str], shell: str, hook: str) -> None:
    """The script asks the program itself, by the variable that it answers to."""
    assert main.main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert hook in script
    assert f"_HARVESTER_COMPLETE={shell}_complete" in script


def test_another_shell_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """The sentence says which there are."""
    assert main.main(["completion", "csh"]) == 2
    assert "'csh' is not one of 'bash', 'zsh', 'fish'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "candidates"),
    [
        (("harvester", ""), set(COMMANDS)),
        (("harvester", "b"), {"backfill"}),
        (("harvester", "backfill", "--part"), {"--partition"}),
        (("harvester", "backfill", "--partition", ""), {"hour", "day", "month"}),
    ],
)
def test_the_script_is_answered(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    candidates: set[str],
) -> None:
    """Commands, options and choices complete, as the script of bash asks for them."""
    monkeypatch.setenv("_HARVESTER_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", " ".join(words))
    monkeypatch.setenv("COMP_CWORD", str(len(words) - 1))
    with pytest.raises(SystemExit) as ended:
        main.harvester.main(args=[], prog_name="harvester")
    assert ended.value.code == 0
    assert {line.removeprefix("plain,") for line in capsys.readouterr().out.split()} == candidates
