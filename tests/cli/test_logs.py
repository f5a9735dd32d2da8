import io
import json
import re
import sys
from pathlib import Path

import pytest
import structlog

from harvester.cli.logs import configure, scrub
from harvester.secret import Token

TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiIxIn0.c2lnbmF0dXJl-_x"  # noqa: S105  (the shape of one)
PEM = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBg\nkqhkiG9w0\n-----END PRIVATE KEY-----"


def test_json_lines_are_for_machines(capsys: pytest.CaptureFixture[str]) -> None:
    """One object a line, on stderr, with time, level, event and values."""
    configure(form="json", level="info")
    structlog.get_logger().warning("the disk is nearly full", left=12, path=None)
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    line = json.loads(err)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", line.pop("timestamp"))
    assert line == {"event": "the disk is nearly full", "level": "warning", "left": 12, "path": None}


def test_console_lines_are_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    """Level, sentence and values in a line, without colours where there is no terminal."""
    configure(form="console", level="info")
    structlog.get_logger().info("harvesting", records=12)
    out, err = capsys.readouterr()
    assert out == ""
    assert re.fullmatch(r"\S+Z \[info\s*\] harvesting records=12\n", err)


@pytest.mark.parametrize(
    ("variables", "coloured"),
    [
        ({"TERM": "xterm"}, True),
        ({"TERM": "xterm", "NO_COLOR": ""}, True),
        ({"TERM": "xterm", "NO_COLOR": "1"}, False),
        ({"TERM": "dumb"}, False),
    ],
    ids=str,
)
def test_colours_are_for_terminals_that_take_them(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], *, coloured: bool
) -> None:
    """And for users who want them: ``NO_COLOR`` and ``TERM=dumb`` say that one does not."""

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "stderr", shown := Terminal())
    configure(form="console", level="info")
    structlog.get_logger().warning("stopping", left=1)
    assert ("\x1b[" in shown.getvalue()) is coloured


@pytest.mark.parametrize(
    ("level", "events"),
    [("debug", ["a", "b", "c"]), ("info", ["b", "c"]), ("warning", ["c"])],
)
def test_what_is_less_than_the_level_is_not_logged(
    capsys: pytest.CaptureFixture[str], level: str, events: list[str]
) -> None:
    """``warning`` is what ``--quiet`` leaves."""
    configure(form="json", level=level)
    log = structlog.get_logger()
    log.debug("a")
    log.info("b")
    log.warning("c")
    assert [json.loads(line)["event"] for line in capsys.readouterr().err.splitlines()] == events


@pytest.mark.parametrize("form", ["console", "json"])
@pytest.mark.parametrize("secret", [TOKEN, PEM], ids=["token", "key"])
def test_secrets_stay_in(capsys: pytest.CaptureFixture[str], form: str, secret: str) -> None:
    """P9: wherever a token or a key stands in a line, it is masked, and the rest stays."""
    configure(form=form, level="info")
    structlog.get_logger().info(f"sent {secret} to the API", header=f"Bearer {secret}")
    err = capsys.readouterr().err
    assert err.count("(secret)") == 2
    assert "sent (secret) to the API" in err
    assert not any(part in err for part in ("MIIE", "kqhk", "eyJ", "c2lnbmF0"))


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("two\nlines\r\n", "two lines  "),
        ("\x1b[2Jwiped", " [2Jwiped"),
        ("\x9b31mred", " 31mred"),
        ("evil\u202egpj.exe", "evil gpj.exe"),
        ("a\u2028b\x00c\x07", "a b c "),
        ("возврат №5 ✓", "возврат №5 ✓"),
        (f"key {PEM[:40]}", "key (secret)"),
        (f"a {TOKEN} b {TOKEN}", "a (secret) b (secret)"),
        (PEM.replace("\n", "\\n"), "(secret)"),
        ("eyJ", "eyJ"),
    ],
    ids=repr,
)
def test_scrubbing_leaves_plain_text(text: str, plain: str) -> None:
    """Nothing can forge a line, move the cursor or hide; a cut key is a key; words stay words."""
    assert scrub(None, "info", {"event": text, "n": 1}) == {"event": plain, "n": 1}


@pytest.mark.parametrize("form", ["console", "json"])
def test_a_secret_stays_in_wherever_a_line_holds_it(capsys: pytest.CaptureFixture[str], form: str) -> None:
    """P9: in names, lists, nested values, bytes, exceptions, and the text form of anything else."""
    configure(form=form, level="info")
    values: dict[str, object] = {
        f"name {TOKEN}": 1,
        "nested": {"a": [{TOKEN: (PEM, {"b": TOKEN.encode()})}]},
        "bytes": PEM.encode(),
        "error": ValueError(f"bad header: Bearer {TOKEN}"),
        "group": ExceptionGroup("two", [OSError(5, TOKEN), ValueError(PEM)]),
        "path": Path("/keys") / TOKEN,
        "token": Token(TOKEN),
        "set": {TOKEN},
        "deep": [[[[[[[[[[TOKEN]]]]]]]]]],
        "broken": b"\xff" + TOKEN.encode(),
    }
    structlog.get_logger().info("sent", **values)
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert err.count("secret") >= 10
    assert not any(part in err for part in ("MIIE", "kqhk", "eyJ", "c2lnbmF0"))


def test_plain_values_stay_what_they_are() -> None:
    """Numbers stay numbers for machines; lists and mappings keep their form."""
    event = {"event": "x", "n": 1, "f": 0.5, "b": True, "none": None, "list": [1, "a"], "map": {"k": 2}}
    assert scrub(None, "info", dict(event)) == event


def test_a_line_goes_where_stderr_is_now(monkeypatch: pytest.MonkeyPatch) -> None:
    """The live display puts a stream of its own in the place of stderr, long after the set-up."""
    configure(form="json", level="info")
    monkeypatch.setattr(sys, "stderr", later := io.StringIO())
    structlog.get_logger().info("shown")
    assert json.loads(later.getvalue())["event"] == "shown"
